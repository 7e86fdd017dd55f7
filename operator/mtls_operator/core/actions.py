"""The changes that a listener's plan can consist of; each prints as one sentence.

Pure values in natural keys (domain, path, endpoint, fingerprint), so that a whole plan can be
shown before the ids that the cloud will give exist. `reconcilers.execute` performs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

from mtls_operator.core.cloud import Fingerprint, InCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_operator.core.cloud import (
        CertId,
        Endpoint,
        HealthCheck,
        ListenerId,
        LocationId,
        MutualBinding,
        Shown,
        Target,
    )


class Stage(IntEnum):
    """The order of work. What comes later is planned anew from a read-back of what came earlier."""

    ADOPT = -1
    """Before anything of it is changed, a listener gets the name that makes it ours."""
    PROTECT = 0
    """A door stands open: close it before anything else."""
    CERTIFICATES = 1
    LISTENER = 2
    RULES = 3
    TARGETS = 4
    """Last of what serves: nobody is let in before the read-back showed who is refused."""
    SURPLUS = 5
    """A rule goes when what takes its place has targets, so that a renamed path is served throughout."""
    CLEANUP = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What a listener or domain should present, and the one authority whose certificates it admits.

    There is no one-way form: a plan cannot ask for less than required client certificates.

    Attributes:
        server: one server certificate, or two of different key algorithms, the primary one first.
    """

    server: tuple[Shown, ...]
    ca: CertId

    @property
    def uploads(self) -> tuple[Fingerprint, ...]:
        """The server certificates that the operator uploads itself."""
        return tuple(shown for shown in self.server if not isinstance(shown, InCloud))

    def __str__(self) -> str:
        listed = " and ".join(s.id if isinstance(s, InCloud) else f"{s[:16]}…" for s in self.server)
        return f"server certificate{'s' if len(self.server) > 1 else ''} {listed} with CA {self.ca}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A rule to create, complete: it never exists without its client authentication."""

    domain: str
    path: str
    default: bool
    http2: bool
    scheduler: str
    backend_protocol: str
    session_seconds: int
    health_check: HealthCheck
    tls: Tls | None
    """The domain's, where SNI is on; None where the listener carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedTarget:
    """A target behind the rule of a domain and path."""

    location: LocationId
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptListener:
    """Make somebody else's listener ours, by its name alone."""

    stage: ClassVar[Stage] = Stage.ADOPT
    listener: ListenerId
    former: str
    name: str

    def __str__(self) -> str:
        return f"adopt listener {self.listener} ({self.former or 'unnamed'}) by the name {self.name!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseListener:
    """Make the listener require client certificates again, with the server certificates it has."""

    stage: ClassVar[Stage] = Stage.PROTECT
    listener: ListenerId
    binding: MutualBinding

    def __str__(self) -> str:
        return f"require client certificates again on listener {self.listener}, which lets in others"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDomain:
    """Make a domain require client certificates again, with the server certificates it has."""

    stage: ClassVar[Stage] = Stage.PROTECT
    listener: ListenerId
    domain: str
    binding: MutualBinding

    def __str__(self) -> str:
        return f"require client certificates again for domain {self.domain}, which lets in others"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadServerCertificate:
    """Upload a server certificate that the cloud does not have yet."""

    stage: ClassVar[Stage] = Stage.CERTIFICATES
    secret: str
    fingerprint: Fingerprint

    def __str__(self) -> str:
        return f"upload the server certificate of Secret {self.secret} ({self.fingerprint[:16]}…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateListener:
    """Create the listener, closed from its first moment."""

    stage: ClassVar[Stage] = Stage.LISTENER
    name: str
    port: int
    sni: bool
    tls: Tls | None

    def __str__(self) -> str:
        how = "with SNI, certificates on its domains" if self.sni else "with mutual authentication"
        return f"create HTTPS listener on port {self.port} {how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameListener:
    """Give the listener the name that marks it as ours."""

    stage: ClassVar[Stage] = Stage.LISTENER
    listener: ListenerId
    name: str

    def __str__(self) -> str:
        return f"name listener {self.listener} {self.name!r} again"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindListener:
    """Give the listener its certificates."""

    stage: ClassVar[Stage] = Stage.LISTENER
    listener: ListenerId
    tls: Tls

    def __str__(self) -> str:
        return f"bind {self.tls} to listener {self.listener}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRules:
    """Create forwarding rules, all in one call."""

    stage: ClassVar[Stage] = Stage.RULES
    listener: ListenerId | None
    rules: tuple[NewRule, ...]

    def __str__(self) -> str:
        return "create forwarding rule " + ", ".join(f"{r.domain}{r.path}" for r in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDomain:
    """Change what all rules of a domain share; None leaves a member as it is."""

    stage: ClassVar[Stage] = Stage.RULES
    listener: ListenerId
    domain: str
    tls: Tls | None = None
    http2: bool | None = None
    make_default: bool = False

    def __str__(self) -> str:
        parts = _domain_parts(self.tls, self.http2, self.make_default)
        return f"domain {self.domain}: " + ", ".join(parts)


def _domain_parts(tls: Tls | None, http2: bool | None, make_default: bool) -> Iterator[str]:  # noqa: FBT001
    if tls:
        yield f"bind {tls}"
    if http2 is not None:
        yield f"switch HTTP/2 {'on' if http2 else 'off'}"
    if make_default:
        yield "make it the default domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameDomain:
    """Give a domain another name; its rules and targets stay.

    Its certificates come in the same change where SNI is on, since those of the earlier name do not fit.
    """

    stage: ClassVar[Stage] = Stage.RULES
    listener: ListenerId
    domain: str
    name: str
    tls: Tls | None
    http2: bool | None = None
    make_default: bool = False

    def __str__(self) -> str:
        parts = [f"rename it to {self.name}", *_domain_parts(self.tls, self.http2, self.make_default)]
        return f"domain {self.domain}: " + ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRule:
    """Change a rule in place."""

    stage: ClassVar[Stage] = Stage.RULES
    listener: ListenerId
    location: LocationId
    rule: NewRule
    differs: tuple[str, ...]

    def __str__(self) -> str:
        return f"rule {self.rule.domain}{self.rule.path}: change {', '.join(self.differs)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRules:
    """Delete rules that the manifest does not have; those that let in strangers at once."""

    listener: ListenerId
    locations: tuple[LocationId, ...]
    names: tuple[str, ...]
    stage: Stage = Stage.SURPLUS

    def __str__(self) -> str:
        return "delete forwarding rule " + ", ".join(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterTargets:
    """Bind targets."""

    stage: ClassVar[Stage] = Stage.TARGETS
    listener: ListenerId | None
    targets: tuple[RoutedTarget, ...]
    planned: tuple[str, ...] = ()
    """Sentences for rules that do not exist yet and so have no location."""

    def __str__(self) -> str:
        return "bind " + ", ".join((*(str(t.target.endpoint) for t in self.targets), *self.planned))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWeights:
    """Change targets' weights; weight 0 drains."""

    stage: ClassVar[Stage] = Stage.TARGETS
    listener: ListenerId
    targets: tuple[RoutedTarget, ...]

    def __str__(self) -> str:
        return "set weight " + ", ".join(f"{t.target.endpoint} to {t.target.weight}" for t in self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeregisterTargets:
    """Unbind targets, drained before."""

    stage: ClassVar[Stage] = Stage.TARGETS
    listener: ListenerId
    targets: tuple[tuple[LocationId, Endpoint], ...]

    def __str__(self) -> str:
        return "unbind " + ", ".join(str(endpoint) for _, endpoint in self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteListener:
    """Delete the listener with its rules and bindings."""

    stage: ClassVar[Stage] = Stage.SURPLUS
    listener: ListenerId

    def __str__(self) -> str:
        return f"delete listener {self.listener} with its rules and bindings"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCertificate:
    """Delete an upload of ours that nothing uses any more."""

    stage: ClassVar[Stage] = Stage.CLEANUP
    certificate: CertId

    def __str__(self) -> str:
        return f"delete the unused certificate {self.certificate}"


Removal = SetWeights | DeleteListener
"""What a listener's removal consists of."""

Action = (
    AdoptListener
    | CloseListener
    | CloseDomain
    | UploadServerCertificate
    | CreateListener
    | RenameListener
    | BindListener
    | CreateRules
    | ChangeDomain
    | RenameDomain
    | ChangeRule
    | DeleteRules
    | RegisterTargets
    | SetWeights
    | DeregisterTargets
    | DeleteListener
    | DeleteCertificate
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered actions; an empty plan means that the object has converged."""

    actions: tuple[Action, ...] = ()

    def next_stage(self) -> tuple[Action, ...]:
        """Return the actions to perform before looking again."""
        if not self.actions:
            return ()
        first = min(action.stage for action in self.actions)
        return tuple(action for action in self.actions if action.stage is first)

    def sentences(self) -> tuple[str, ...]:
        """Return the whole plan as a person reads it, in the order of work."""
        return tuple(str(action) for action in sorted(self.actions, key=lambda action: action.stage))
