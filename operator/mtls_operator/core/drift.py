"""What somebody changed in the cloud: which actions of a plan put it right, and what to say about it.

    the part of the listener that an action is about        the action
    ------------------------------------------------------- ------------------------------------------
    should be as when it was last seen to agree              puts right what somebody changed: drift
    should be something else (a manifest, a node, a renewal) carries out a change of ours
    was never seen to agree (the first pass, an adoption)    carries out a change of ours

Pure. Called by `reconcilers.rounds` with every plan. By `driftPolicy: Report` drift stays as it was found
and everything else is done; while a door stands open, or the listener is gone, nothing is done at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, assert_never

from mtls_operator.api.listener_policy import DriftPolicy
from mtls_operator.core import actions
from mtls_operator.core.actions import Plan, Stage
from mtls_operator.core.applied import Section, agreed, digests, unchanged
from mtls_operator.core.drift_text import GONE, found_by
from mtls_operator.core.reasons import Reason
from mtls_operator.core.target_plan import surplus
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mtls_operator.api.listener_status import Applied
    from mtls_operator.core.actions import Action, Tls
    from mtls_operator.core.cloud import Fingerprint, Listener
    from mtls_operator.core.desired import DesiredListener, ObservedListener
    from mtls_operator.core.target_plan import Place

_NOWHERE: Final[frozenset[Section]] = frozenset()
"""Of what no manifest changes: that the listener is there, and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A plan, divided.

    Attributes:
        plan: the whole of it.
        drift: the actions that put right what somebody changed.
        ours: the actions that a change of ours leads to.
        found: what somebody changed, a sentence each.
        is_open: somebody changed whom a door lets in.
        is_gone: somebody deleted the listener.
        applied: what the listener agrees with, as far as it does.
        is_settled: the listener agrees with everything, and no target is on its way out.
    """

    plan: Plan
    drift: tuple[Action, ...]
    ours: tuple[Action, ...]
    found: tuple[str, ...]
    is_open: bool
    is_gone: bool
    applied: Applied
    is_settled: bool

    def to_do(self, policy: DriftPolicy) -> Plan:
        """Return what to carry out."""
        if policy is DriftPolicy.REPAIR or not self.drift:
            return self.plan
        # Behind an open door nothing goes on: least of all are targets added to it.
        return Plan(() if self.is_open or self.is_gone else self.ours)

    def held_back(self, policy: DriftPolicy) -> Plan:
        """Return what is not carried out."""
        if policy is DriftPolicy.REPAIR or not self.drift:
            return Plan()
        done = self.to_do(policy).actions
        return Plan(tuple(action for action in (*self.drift, *self.ours) if action not in done))


def judge(
    plan: Plan, desired: DesiredListener, observed: ObservedListener, applied: Applied | None
) -> Judgement:
    """Divide a plan into what puts drift right and what a change of ours leads to.

    Args:
        plan: what has to change.
        desired: the listener that is wanted.
        observed: what the cloud has.
        applied: what the listener was last seen to agree with, None when it never was.
    """
    wanted = digests(desired)
    if observed.adopting:
        # Somebody else's listener cannot have drifted from what ours was.
        applied = None
    same = unchanged(wanted, applied)
    parts = [part for action in plan.actions for part in _parts(action, observed.listener)]
    drift = [p for p in parts if applied is not None and p.sections <= same]
    ours = [p.action for p in parts if p not in drift]
    needed = _needed_uploads(ours)
    ours += [p.action for p in drift if _is_upload_of(p.action, needed)]
    gone = observed.listener is None and applied is not None
    left = frozenset(section for part in parts for section in part.sections)
    leaving = surplus(desired, observed)
    return Judgement(
        plan=plan,
        drift=tuple(p.action for p in drift if p.action not in ours),
        ours=tuple(ours),
        found=_found([p.action for p in drift], observed, leaving, is_gone=gone),
        is_open=any(p.action.stage is Stage.PROTECT for p in drift),
        is_gone=gone,
        applied=agreed(wanted, applied, left | ({Section.TARGETS} if leaving else frozenset())),
        is_settled=not parts and not leaving,
    )


def _found(
    drift: Iterable[Action], observed: ObservedListener, leaving: Collection[Place], *, is_gone: bool
) -> tuple[str, ...]:
    if is_gone:
        return (GONE,)
    sentences = (sentence for action in drift for sentence in found_by(action, observed, leaving))
    return tuple(dict.fromkeys(sentences))


@dataclass(frozen=True, slots=True)
class _Part:
    """An action, or what of one is about the same parts of a listener."""

    action: Action
    sections: frozenset[Section]


def _parts(action: Action, listener: Listener | None) -> Iterator[_Part]:
    match action:
        case actions.ChangeDomain():
            yield from _parts_of_domain(action)
        case actions.RegisterTargets():
            yield from _parts_of_registration(action, listener)
        case _:
            yield _Part(action, _sections(action))


def _sections(action: Action) -> frozenset[Section]:
    match action:
        case actions.CreateListener() | actions.RenameListener():
            return _NOWHERE
        case (
            actions.CloseListener()
            | actions.CloseDomain()
            | actions.UploadServerCertificate()
            | actions.BindListener()
        ):
            return frozenset({Section.CERTIFICATES})
        case actions.CreateRules() | actions.ChangeRule() | actions.DeleteRules() | actions.ChangeDomain():
            return frozenset({Section.RULES})
        case actions.RegisterTargets() | actions.SetWeights() | actions.DeregisterTargets():
            return frozenset({Section.TARGETS})
        case actions.RenameDomain():
            return frozenset({Section.RULES, Section.CERTIFICATES})
        case actions.AdoptListener() | actions.DeleteListener() | actions.DeleteCertificate():
            return frozenset({Section.OWN_AFFAIRS})
        case _:
            assert_never(action)


def _parts_of_domain(action: actions.ChangeDomain) -> Iterator[_Part]:
    if action.tls is not None:
        binding = replace(action, http2=None, make_default=False)
        yield _Part(binding, frozenset({Section.CERTIFICATES}))
    if action.http2 is not None or action.make_default:
        yield _Part(replace(action, tls=None), frozenset({Section.RULES}))


def _parts_of_registration(action: actions.RegisterTargets, listener: Listener | None) -> Iterator[_Part]:
    """What is bound to a rule that is empty yet completes the rule, as far as the rule itself is ours."""
    empty = {rule.id for rule in listener.rules if not rule.targets} if listener is not None else set()
    filling = tuple(routed for routed in action.targets if routed.location in empty)
    joining = tuple(routed for routed in action.targets if routed.location not in empty)
    if action.planned:
        yield _Part(replace(action, targets=()), frozenset({Section.RULES}))
    if filling:
        both = frozenset({Section.RULES, Section.TARGETS})
        yield _Part(replace(action, targets=filling, planned=()), both)
    if joining:
        yield _Part(replace(action, targets=joining, planned=()), frozenset({Section.TARGETS}))


def _needed_uploads(found: Iterable[Action]) -> frozenset[Fingerprint]:
    """Return the certificates that actions cannot do without."""
    bindings = (tls for action in found for tls in _bound_by(action))
    return frozenset(fingerprint for tls in bindings for fingerprint in tls.uploads)


def _bound_by(action: Action) -> Iterator[Tls]:
    match action:
        case actions.BindListener(tls=tls):
            yield tls
        case actions.ChangeDomain(tls=tls) | actions.RenameDomain(tls=tls) if tls is not None:
            yield tls
        case actions.CreateRules(rules=rules):
            yield from (rule.tls for rule in rules if rule.tls is not None)
        case _:
            return


def _is_upload_of(action: Action, needed: frozenset[Fingerprint]) -> bool:
    return isinstance(action, actions.UploadServerCertificate) and action.fingerprint in needed


def require_closed(listener: Listener) -> None:
    """Refuse to be silent about a door that does not ask for client certificates.

    Called where the rest cannot be looked at. The operator binds no certificates in another way, so this
    is always somebody else's doing.

    Raises:
        SpecError: with reason MutualTLSNotEnforced.
    """
    bindings = [("the listener", listener.tls), *((f"domain {r.domain}", r.tls) for r in listener.rules)]
    found = [where for where, tls in bindings if tls is not None and not (tls.mutual and tls.required)]
    if found:
        raise SpecError(
            Reason.MUTUAL_TLS_NOT_ENFORCED,
            f"{' and '.join(dict.fromkeys(found))} admits clients without a certificate, which "
            "driftPolicy Report leaves so. Put it right in the console, or set driftPolicy: Repair.",
        )
