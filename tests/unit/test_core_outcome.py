"""What an error means for an object, and how an outcome becomes conditions."""

from datetime import timedelta

import pytest
from builders import NOW

from mtls_operator import errors
from mtls_operator.core.conditions import READY, Aspect, aspects_of, settle
from mtls_operator.core.outcome import STUCK_RETRY, Done, Outcome, Stuck, Waiting, backoff, verdict
from mtls_operator.core.reasons import Reason
from mtls_operator.pki.error import PkiError


def cloud(kind: type[errors.CloudError]) -> errors.CloudError:
    return kind("CreateListener", "Code", "no.", "r-1")


STUCK = [
    ("a name that cannot be certified", PkiError("x"), Reason.INVALID_SPEC),
    ("credentials that are refused", cloud(errors.AccessDenied), Reason.CLOUD_ACCESS_DENIED),
    ("a quota", cloud(errors.QuotaExceeded), Reason.CLOUD_QUOTA_EXCEEDED),
    ("a content that the cloud refuses", cloud(errors.InvalidRequest), Reason.CLOUD_REFUSED),
    ("a missing RBAC rule", errors.KubeForbidden("x"), Reason.KUBERNETES_REFUSED),
    ("a content that the API server refuses", errors.KubeInvalid("x"), Reason.KUBERNETES_REFUSED),
    ("a manifest that must change", errors.SpecError(Reason.NAME_NOT_ALLOWED, "x"), Reason.NAME_NOT_ALLOWED),
    ("what belongs to somebody else", errors.OwnershipError(Reason.PORT_TAKEN, "x"), Reason.PORT_TAKEN),
]
WAITING = [
    ("a task that failed", cloud(errors.TaskFailed), Reason.CLOUD_TASK_FAILED),
    ("a busy load balancer", cloud(errors.Busy), Reason.CLOUD_UNAVAILABLE),
    ("a throttled call", cloud(errors.Throttled), Reason.CLOUD_UNAVAILABLE),
    ("a lost reply", cloud(errors.ReplyLost), Reason.CLOUD_UNAVAILABLE),
    ("an unknown refusal", cloud(errors.CloudError), Reason.CLOUD_UNAVAILABLE),
    ("a write that came between", errors.KubeConflict("x"), Reason.PROGRESSING),
    ("somebody who was faster", errors.KubeAlreadyExists("x"), Reason.PROGRESSING),
    ("an API server that is away", errors.KubeUnavailable("x"), Reason.KUBERNETES_UNAVAILABLE),
    ("an error of no known sort", errors.OperatorError("x"), Reason.INTERNAL_ERROR),
]


@pytest.mark.parametrize(("error", "reason"), [row[1:] for row in STUCK], ids=[row[0] for row in STUCK])
def test_a_person_has_to_act(error: errors.OperatorError, reason: Reason) -> None:
    assert verdict(error, 3) == Stuck(reason=reason, message=str(error), after=STUCK_RETRY)


@pytest.mark.parametrize(("error", "reason"), [row[1:] for row in WAITING], ids=[row[0] for row in WAITING])
def test_it_is_tried_again_with_growing_delays(error: errors.OperatorError, reason: Reason) -> None:
    eight = timedelta(seconds=8)
    assert verdict(error, 3) == Waiting(reason=reason, message=str(error), after=eight, failed=True)


def test_what_is_not_ready_waits_for_its_event_and_looks_again_in_case_that_was_lost() -> None:
    assert verdict(errors.NotReady(Reason.AUTHORITY_NOT_FOUND, "x"), 3) == Waiting(
        reason=Reason.AUTHORITY_NOT_FOUND, message="x", after=STUCK_RETRY
    )


def test_what_is_not_ready_may_name_its_own_time() -> None:
    error = errors.NotReady(Reason.PROGRESSING, "x", timedelta(seconds=10))
    assert verdict(error, 9).after == timedelta(seconds=10)


def test_every_error_has_a_verdict_of_its_own() -> None:
    unknown = [k for k in _all(errors.CloudError) if verdict(cloud(k), 0).reason is Reason.INTERNAL_ERROR]  # type: ignore[union-attr]
    unknown_kube = [k for k in _all(errors.KubeError) if verdict(k("x"), 0).reason is Reason.INTERNAL_ERROR]  # type: ignore[union-attr]
    assert (unknown, unknown_kube) == ([], [])


def _all(base: type[errors.OperatorError]) -> list[type]:
    return [base, *(k for sub in base.__subclasses__() for k in _all(sub))]


def test_a_cloud_error_names_action_code_and_request() -> None:
    assert str(cloud(errors.Busy)) == "CreateListener failed with Code: no, RequestId r-1"


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(-1, 1), (0, 1), (1, 2), (5, 32), (8, 256), (9, 300), (10_000, 300)]
)
def test_backoff_doubles_up_to_five_minutes(attempts: int, seconds: int) -> None:
    assert backoff(attempts) == timedelta(seconds=seconds)


OUTCOMES: list[tuple[str, Outcome, dict[str, bool]]] = [
    ("done is Ready and nothing else", Done(message="x"), {"Ready": True}),
    (
        "waiting is Reconciling",
        Waiting(reason=Reason.PROGRESSING, message="x"),
        {"Ready": False, "Reconciling": True},
    ),
    ("stuck is Stalled", Stuck(reason=Reason.PORT_TAKEN, message="x"), {"Ready": False, "Stalled": True}),
]


@pytest.mark.parametrize(
    ("outcome", "expected"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES]
)
def test_reconciling_and_stalled_are_there_only_while_true(
    outcome: Outcome, expected: dict[str, bool]
) -> None:
    assert {aspect.type: aspect.holds for aspect in aspects_of(outcome)} == expected


LATER = NOW + timedelta(hours=1)


def ready(*, holds: bool | None, reason: Reason = Reason.SUCCEEDED) -> list[Aspect]:
    return [Aspect(READY, holds=holds, reason=reason)]


def test_a_transition_time_is_kept_while_the_status_is_the_same() -> None:
    before = settle((), ready(holds=True), generation=1, now=NOW)
    (after,) = settle(before, ready(holds=True, reason=Reason.PROGRESSING), generation=2, now=LATER)
    assert (after.last_transition_time, after.reason, after.observed_generation) == (NOW, "Progressing", 2)


@pytest.mark.parametrize("now_holds", [False, None])
def test_a_transition_time_moves_with_the_status(now_holds: bool | None) -> None:  # noqa: FBT001
    before = settle((), ready(holds=True), generation=1, now=NOW)
    (after,) = settle(before, ready(holds=now_holds), generation=1, now=LATER)
    assert after.last_transition_time == LATER
