"""Which namespaces may use which load balancer.

Pure. The operator's configuration chooses the rule (`loadBalancerAccess`); it is checked in every
pass, so that a grant that is taken back takes effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import GROUP
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.core.cloud import LoadBalancer

NAMESPACES_TAG: Final = f"{GROUP}/namespaces"
"""Tag of a load balancer: the namespaces that may use it, separated by blanks or commas, or `*`."""


class AccessMode(StrEnum):
    """How it is decided."""

    TAGGED = "Tagged"
    LISTED = "Listed"
    ANY = "Any"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerAccess:
    """The rule.

    Attributes:
        listed: with Listed, the namespaces (or `*`) by load balancer id.
    """

    mode: AccessMode = AccessMode.TAGGED
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def require(self, balancer: LoadBalancer, namespace: str) -> None:
        """Refuse a namespace that may not use the load balancer.

        Raises:
            SpecError: with reason LoadBalancerNotAllowed, saying what to set.
        """
        if self.mode is AccessMode.ANY or _admits(self._granted(balancer), namespace):
            return
        raise SpecError(Reason.LOAD_BALANCER_NOT_ALLOWED, self._refusal(balancer, namespace))

    def _granted(self, balancer: LoadBalancer) -> tuple[str, ...]:
        if self.mode is AccessMode.LISTED:
            return self.listed.get(balancer.id, ())
        return tuple(balancer.tags.get(NAMESPACES_TAG, "").replace(",", " ").split())

    def _refusal(self, balancer: LoadBalancer, namespace: str) -> str:
        if self.mode is AccessMode.LISTED:
            return (
                f"namespace {namespace} may not use load balancer {balancer.id}: the operator's "
                "configuration, loadBalancerAccess.listed, does not list it there. Add it."
            )
        tag = balancer.tags.get(NAMESPACES_TAG)
        current = f"is {tag!r}" if tag is not None else "is not set"
        return (
            f"namespace {namespace} may not use load balancer {balancer.id}: its tag {NAMESPACES_TAG} "
            f"{current}. Set the tag to a list of namespaces that contains {namespace}, or to *."
        )


def _admits(granted: tuple[str, ...], namespace: str) -> bool:
    return "*" in granted or namespace in granted
