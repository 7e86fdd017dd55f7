"""What somebody asks for when a root is to be replaced, and why it cannot always be done.

Pure. The annotation `rotate` starts a rotation whenever its value changes. A value that begins with
`evict-` asks for an eviction, and may end in `;soak=10m`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.api.duration import parse_duration
from mtls_operator.core.authority import root_key, root_subject
from mtls_operator.pki.inspect import inspect_certificate

if TYPE_CHECKING:
    from datetime import timedelta

    from mtls_operator.api.authority import AuthoritySpec
    from mtls_operator.core.lineage import Lineage

EVICT: Final = "evict-"
_SOAK: Final = ";soak="


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateRequest:
    """A rotation that is asked for.

    Attributes:
        evicting: shut out every certificate of the old root without waiting for it.
        soak: how long an eviction waits, None for not at all.
        from_source: the next root is one that somebody else made.
        unreadable: the part of the annotation that makes no sense, empty when all does.
    """

    strategy: RotationStrategy
    evicting: bool = False
    soak: timedelta | None = None
    from_source: bool = False
    unreadable: str = ""

    @classmethod
    def parse(cls, token: str, strategy: RotationStrategy) -> RotateRequest:
        """Read the annotation."""
        if not token.startswith(EVICT):
            return cls(strategy=strategy)
        _, marked, text = token.partition(_SOAK)
        try:
            soak = parse_duration(text) if marked else None
        except ValueError:
            return cls(strategy=strategy, evicting=True, unreadable=text)
        return cls(strategy=strategy, evicting=True, soak=soak)


def why_not(request: RotateRequest, spec: AuthoritySpec, lineage: Lineage) -> str | None:
    """Return why a rotation cannot be done, with what would be possible; None when it can."""
    newest = lineage.newest
    if request.unreadable:
        return (
            f"the annotation rotate asks for a soak of {request.unreadable!r}, which is no duration: "
            "write evict-<anything>;soak=10m"
        )
    if newest.record.source and not request.from_source:
        return (
            f"the root of Secret {newest.record.source} was made by somebody else, and so must its successor "
            "be: put it into a Secret and name that in spec.source.nextSecretRef"
        )
    if request.evicting and request.strategy is RotationStrategy.SAME_KEY:
        return (
            "an eviction needs another key, and spec.rotation.strategy is SameKey: set it to CrossSign, "
            "then change the annotation rotate again"
        )
    if request.strategy is RotationStrategy.SAME_KEY:
        return _why_not_same_key(spec, lineage)
    return None


def _why_not_same_key(spec: AuthoritySpec, lineage: Lineage) -> str | None:
    """The same key under another name would leave every certificate without an issuer."""
    facts = inspect_certificate(lineage.newest.certificate)
    if facts.subject != root_subject(spec) or facts.key != root_key(spec):
        return (
            "by SameKey the next root has the name and the key of this one, and spec.subject or "
            "spec.privateKey has changed: change them back, or set spec.rotation.strategy to CrossSign"
        )
    return None
