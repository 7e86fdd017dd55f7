"""Perform a listener's actions: one match statement and nothing else.

Ids that an action could not know are taken from the observation of the same round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from mtls_operator.core import actions
from mtls_operator.core.cloud import MutualBinding
from mtls_operator.core.lanes import Lane, in_lane
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady

if TYPE_CHECKING:
    from mtls_operator.core.actions import Action, Removal, Tls
    from mtls_operator.core.cloud import CertificateOwner, ListenerId, LoadBalancer
    from mtls_operator.core.desired import ObservedListener
    from mtls_operator.ports import LoadBalancers
    from mtls_operator.reconcilers.inventory import Inventory
    from mtls_operator.reconcilers.server_certs import Bindings


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the actions of one stage may use."""

    balancer: LoadBalancer
    observed: ObservedListener
    bindings: Bindings
    owner: CertificateOwner

    def resolve(self, tls: Tls) -> MutualBinding:
        """Return a binding with the ids of what is uploaded."""
        found = [self.observed.id_of(shown) for shown in tls.server]
        known = tuple(certificate for certificate in found if certificate is not None)
        if len(known) < len(found):
            raise NotReady(Reason.PROGRESSING, "the server certificate is not in the cloud yet")
        return MutualBinding(server=known, ca=tls.ca)

    def listener(self, known: ListenerId | None) -> ListenerId:
        """Return the listener's id; a plan made before it existed does not name it."""
        if known is not None:
            return known
        if self.observed.listener is None:
            raise NotReady(Reason.PROGRESSING, "the listener does not exist yet")
        return self.observed.listener.id


class Executor:
    """Performs actions at the cloud."""

    def __init__(self, balancers: LoadBalancers, inventory: Inventory) -> None:
        self._balancers = balancers
        self._inventory = inventory

    async def perform(self, action: Action, at: Round) -> None:  # noqa: C901, PLR0912 - a flat table
        """Perform one action; returns when the cloud has made the change."""
        lb = at.balancer
        match action:
            case actions.UploadServerCertificate():
                await self._upload(action, at)
            case actions.CloseListener() | actions.CloseDomain():
                await self.close(action, lb)
            case actions.CreateListener():
                binding = at.resolve(action.tls) if action.tls is not None else None
                await self._balancers.create_listener(
                    lb, name=action.name, port=action.port, sni=action.sni, binding=binding
                )
            case actions.AdoptListener() | actions.RenameListener():
                await self._balancers.rename_listener(lb, action.listener, action.name)
            case actions.BindListener():
                await self._balancers.bind_listener(lb, action.listener, at.resolve(action.tls))
            case actions.CreateRules():
                rules = [(rule, at.resolve(rule.tls) if rule.tls else None) for rule in action.rules]
                await self._balancers.create_rules(lb, at.listener(action.listener), rules)
            case actions.ChangeDomain() | actions.RenameDomain():
                await self._balancers.change_domain(
                    lb,
                    action.listener,
                    action.domain,
                    binding=at.resolve(action.tls) if action.tls is not None else None,
                    http2=action.http2,
                    make_default=action.make_default,
                    name=action.name if isinstance(action, actions.RenameDomain) else None,
                )
            case actions.ChangeRule():
                await self._balancers.change_rule(lb, action.listener, action.location, action.rule)
            case actions.DeleteRules():
                await self._balancers.delete_rules(lb, action.listener, action.locations)
            case actions.RegisterTargets():
                await self._balancers.register(lb, at.listener(action.listener), action.targets)
            case actions.SetWeights() | actions.DeleteListener():
                await self.take_away(action, lb)
            case actions.DeregisterTargets():
                await self._balancers.deregister(lb, action.listener, action.targets)
            case actions.DeleteCertificate():
                await self._inventory.delete(action.certificate)
            case _:
                assert_never(action)

    async def close(self, action: actions.CloseListener | actions.CloseDomain, lb: LoadBalancer) -> None:
        """Close an open door, before anybody else's change; nothing else has to be known for it."""
        with in_lane(Lane.PROTECT):
            if isinstance(action, actions.CloseListener):
                await self._balancers.bind_listener(lb, action.listener, action.binding)
                return
            await self._balancers.change_domain(
                lb, action.listener, action.domain, binding=action.binding, http2=None, make_default=False
            )

    async def take_away(self, action: Removal, lb: LoadBalancer) -> None:
        """Do a step of a listener's removal; nothing else has to be known for it."""
        if isinstance(action, actions.SetWeights):
            await self._balancers.set_weights(lb, action.listener, action.targets)
            return
        await self._balancers.delete_listener(lb, action.listener)

    async def _upload(self, action: actions.UploadServerCertificate, at: Round) -> None:
        material = at.bindings.material[action.fingerprint]
        await self._inventory.upload(
            chain=material.chain,
            key=material.key,
            alias=f"{at.owner.namespace}/{material.secret}",
            owner=at.owner,
            fingerprint=action.fingerprint,
        )
