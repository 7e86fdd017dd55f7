"""Take over a listener that somebody else made, where the manifest asks for it and nothing speaks against it.

The first write gives it our name, so that from then on it is ours like any other and a crash loses
nothing. Called by the observer; what may be adopted is decided in `core.adoption` and `core.identity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.adoption import require_adoptable, require_identical
from mtls_operator.core.cloud import Fingerprint
from mtls_operator.core.identity import Copies, bound_authorities, bound_servers, differences, known_copies
from mtls_operator.core.lineage import bundle_fingerprint
from mtls_operator.core.reasons import Reason
from mtls_operator.core.server_cert import slots
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.text import normalise_pem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.actions import AdoptListener
    from mtls_operator.core.cloud import CertId, CloudCertificate, Listener
    from mtls_operator.core.desired import DesiredListener, ObservedListener
    from mtls_operator.ports import CertificateStore, Clock, Recorder, View
    from mtls_operator.reconcilers.server_certs import Bindings
    from mtls_operator.reconcilers.signers import Signers


class Adoption:
    """Decides about listeners of others on the ports of ours."""

    def __init__(
        self,
        *,
        store: CertificateStore,
        view: View,
        signers: Signers,
        recorder: Recorder,
        clock: Clock,
        cluster: str,
        allow_always: bool,
    ) -> None:
        """Take the ports; `allow_always` is the consent of the operator's configuration."""
        self._store = store
        self._view = view
        self._signers = signers
        self._recorder = recorder
        self._clock = clock
        self._cluster = cluster
        self._allow_always = allow_always

    def consider(self, resource: MutualTLSListener, listener: Listener) -> None:
        """Refuse a listener that may not become ours, whatever its settings.

        Raises:
            OwnershipError: with reason PortTaken or AdoptionRefused.
        """
        require_adoptable(
            resource,
            listener,
            cluster=self._cluster,
            others=self._view.listeners(),
            allow_always=self._allow_always,
        )

    async def require_identical(
        self,
        resource: MutualTLSListener,
        desired: DesiredListener,
        observed: ObservedListener,
        bindings: Bindings,
    ) -> None:
        """Refuse a listener that differs from the manifest, unless the policy is Always.

        Raises:
            OwnershipError: with reason AdoptionRefused, naming what differs.
            CloudError: the certificate service could not be asked.
        """
        if observed.listener is None:
            return
        copies = await self._copies(resource, observed.listener, observed, bindings)
        found = differences(desired, observed, copies, self._clock.now())
        require_identical(resource, observed.listener, found)

    async def _copies(
        self,
        resource: MutualTLSListener,
        listener: Listener,
        observed: ObservedListener,
        bindings: Bindings,
    ) -> Copies:
        inventory = await self._store.inventory()
        known = known_copies(resource, self._cluster, inventory, bindings.material.keys())
        suspects = bound_servers(listener) - known.servers.keys() - known.renewed
        servers = dict(known.servers)
        for fingerprint, material in bindings.material.items():
            if suspects - {observed.uploads.get(fingerprint)}:
                named = await self._named(inventory, fingerprint, material.chain)
                servers |= dict.fromkeys(named & suspects, fingerprint)
        return Copies(authorities=observed.copies, servers=servers, renewed=known.renewed)

    async def authorities(
        self, resource: MutualTLSListener, listener: Listener, bindings: Bindings
    ) -> dict[CertId, CertId]:
        """Return our upload of the same authority, by the id of each copy that the listener has bound.

        Raises:
            CloudError: the certificate service could not be asked.
        """
        inventory = {upload.id: upload for upload in await self._store.inventory()}
        admits = {bindings.by_domain[slot.domain].ca: slot.admits for slot in slots(resource)}
        found: dict[CertId, CertId] = {}
        suspects = bound_authorities(listener) - admits.keys()
        for ca, authority in admits.items() if suspects else ():
            roots = await self._signers.admitted(await self._signers.authority(authority))
            if not roots:
                continue
            fingerprint = Fingerprint(bundle_fingerprint(roots))
            alike = {one for one in suspects if _holds(inventory.get(one), fingerprint)}
            # The service may compare first certificates alone, so only a lone root can be told from others.
            if len(roots) == 1 and suspects - alike:
                chain = normalise_pem(chain_to_pem(root.certificate for root in roots).decode())
                named = await self._named(inventory.values(), fingerprint, chain)
                alike |= {one for one in named & suspects if await self._store.authorities_in(one) == 1}
            found |= dict.fromkeys(alike, ca)
        return found

    async def _named(
        self, inventory: Iterable[CloudCertificate], fingerprint: Fingerprint, chain: str
    ) -> set[CertId]:
        """Return the known copies: the service names one now, and named one when ours was uploaded."""
        before = {
            one.copy_of for one in inventory if one.fingerprint == fingerprint and one.copy_of is not None
        }
        now = await self._store.copy_of(chain)
        return before | ({now} if now is not None else set())

    async def announce(self, resource: MutualTLSListener, action: AdoptListener) -> None:
        """Record that a listener has become ours."""
        await self._recorder.normal(
            resource,
            Reason.ADOPTED,
            f"listener {action.listener} ({action.former or 'unnamed'}) of load balancer "
            f"{resource.spec.load_balancer.id} is managed by this object from now on, and deleted with it",
        )


def _holds(upload: CloudCertificate | None, fingerprint: Fingerprint) -> bool:
    return upload is not None and upload.fingerprint == fingerprint
