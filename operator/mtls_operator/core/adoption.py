"""Whether a listener that somebody else made may become ours.

    spec.adoptionPolicy   the listener on the port
    --------------------- ------------------------------------------------------------------
    Never                 is left alone
    IfIdentical           becomes ours when nothing but names and ids would change
    Always                becomes ours and is brought to the manifest, with the operator's consent
    any                   never becomes ours: TKE's, one that is not HTTPS, one whose SNI differs,
                          one that another object or another cluster's operator has

Pure. Called when no listener on the load balancer is ours and one has the port. What is identical is
in `core.identity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.api.listener_policy import AdoptionPolicy
from mtls_operator.core.build import named_owner
from mtls_operator.core.cloud import family
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.build import NamedOwner
    from mtls_operator.core.cloud import Listener

TKE_NAME: Final = "TKE-LISTENER"
"""What the names of TKE's own listeners begin with; its controllers put back what others change."""


def on_port(resource: MutualTLSListener, listeners: Iterable[Listener]) -> Listener | None:
    """Return the listener that keeps the object's port from being used, None when it is free."""
    wanted = resource.spec.port
    return next((one for one in listeners if one.port == wanted and _takes_port(one)), None)


def _takes_port(listener: Listener) -> bool:
    return family(listener.protocol) is family("HTTPS")


def require_adoptable(
    resource: MutualTLSListener,
    listener: Listener,
    *,
    cluster: str,
    others: Collection[MutualTLSListener],
    allow_always: bool,
) -> None:
    """Refuse a listener that may not become ours, whatever its settings.

    Args:
        resource: the manifest.
        listener: what is on its port.
        cluster: the id of this cluster.
        others: the objects of this cluster; the manifest's own may be among them.
        allow_always: the operator's configuration consents to adoptionPolicy Always.

    Raises:
        OwnershipError: with reason PortTaken where nothing is ever adopted, else AdoptionRefused.
    """
    policy, hindrance = resource.spec.adoption_policy, _hindrance(resource, listener, cluster, others)
    if policy is AdoptionPolicy.NEVER:
        raise OwnershipError(
            Reason.PORT_TAKEN,
            f"{_whereabouts(resource, listener)}, which is not ours. It is left alone: "
            f"{hindrance or _way_in(resource, listener, cluster)}",
        )
    if hindrance:
        raise _refusal(resource, listener, hindrance)
    if policy is AdoptionPolicy.ALWAYS and not allow_always:
        raise _refusal(
            resource,
            listener,
            "adoptionPolicy Always needs adoption.allowAlways: true in the operator's configuration. "
            "IfIdentical needs no consent.",
        )


def require_identical(resource: MutualTLSListener, listener: Listener, differences: Collection[str]) -> None:
    """Refuse a listener whose adoption would change more than names and ids, unless that is wanted.

    Raises:
        OwnershipError: with reason AdoptionRefused, naming every difference.
    """
    if not differences or resource.spec.adoption_policy is AdoptionPolicy.ALWAYS:
        return
    balancer, region = resource.spec.load_balancer.id, resource.spec.load_balancer.region
    raise _refusal(
        resource,
        listener,
        f"it is not what the manifest says. {'; '.join(differences)}. Change the one or the other; "
        f"`kubectl mtls import {balancer} {resource.spec.port} --region {region}` prints what would fit.",
    )


def is_claimed_by_another(
    resource: MutualTLSListener, listener: Listener, *, cluster: str, others: Collection[MutualTLSListener]
) -> bool:
    """Tell whether a listener that was ours carries the name of somebody who wants the same port.

    Two that adopt at the same moment would else rename it in turns: the last one has it.
    """
    owner = named_owner(listener.name)
    if owner is None or owner.uid == resource.metadata.uid:
        return False
    if not owner.is_in(cluster):
        return True
    return any(other.metadata.uid == owner.uid and _wants_same_port(other, resource) for other in others)


def _wants_same_port(one: MutualTLSListener, other: MutualTLSListener) -> bool:
    return (one.spec.load_balancer, one.spec.port) == (other.spec.load_balancer, other.spec.port)


def _hindrance(
    resource: MutualTLSListener, listener: Listener, cluster: str, others: Collection[MutualTLSListener]
) -> str:
    """Return why it can never be adopted and what to do instead, empty where it can."""
    elsewhere = "Make the object with another port, or on another load balancer."
    if listener.name.startswith(TKE_NAME):
        return f"TKE made it and would put back every change. {elsewhere}"
    if listener.protocol != "HTTPS":
        return f"no listener changes its protocol, and this one's is not HTTPS. Delete it. {elsewhere}"
    holder = _holder(resource, listener, others)
    if holder is not None:
        return f"it is the one of {holder.kind} {holder.ref}. {elsewhere}"
    owner = named_owner(listener.name)
    if owner is not None and not owner.is_in(cluster):
        return (
            f"the operator of another cluster made it, for {owner.ref}. If this cluster takes that one's "
            "place, give the operator its clusterId; else delete the object there."
        )
    if listener.sni != resource.spec.sni:
        return (
            f"its SNI is {_switched(listener.sni)} and spec.sni says {_switched(resource.spec.sni)}, which "
            "cannot be changed. Make the object with the other value, or delete the listener."
        )
    return ""


def _switched(on: bool) -> str:  # noqa: FBT001
    return "on" if on else "off"


def _holder(
    resource: MutualTLSListener, listener: Listener, others: Collection[MutualTLSListener]
) -> MutualTLSListener | None:
    """Return the other object whose listener it is, by its name or by that object's status."""
    owner = named_owner(listener.name)
    for other in others:
        if other.metadata.uid == resource.metadata.uid:
            continue
        known = (other.status.listener_id, other.status.create_time) == (listener.id, listener.create_time)
        if known or (owner is not None and owner.uid == other.metadata.uid):
            return other
    return None


def _way_in(resource: MutualTLSListener, listener: Listener, cluster: str) -> str:
    owner = named_owner(listener.name)
    if owner is not None and _is_earlier_life(resource, owner, cluster):
        return (
            "the operator made it for an object of this name that is gone, as after a restore from a backup. "
            "Set spec.adoptionPolicy: IfIdentical to have it back."
        )
    return (
        "delete it, make the object with another port, or set spec.adoptionPolicy: IfIdentical to take it "
        "over once the manifest says what it is."
    )


def _is_earlier_life(resource: MutualTLSListener, owner: NamedOwner, cluster: str) -> bool:
    return owner.is_in(cluster) and owner.is_life_of(resource)


def _refusal(resource: MutualTLSListener, listener: Listener, why: str) -> OwnershipError:
    return OwnershipError(
        Reason.ADOPTION_REFUSED, f"{_whereabouts(resource, listener)}, which is not adopted: {why}"
    )


def _whereabouts(resource: MutualTLSListener, listener: Listener) -> str:
    return (
        f"port {resource.spec.port} of load balancer {resource.spec.load_balancer.id} has the "
        f"{listener.protocol} listener {listener.id} ({listener.name or 'unnamed'})"
    )
