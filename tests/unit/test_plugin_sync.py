"""`kubectl mtls sync` and `plan NAME`: they ask the operator to look, wait, and say what it found."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, listener_manifest
from click.testing import Result
from unit.fakes.plugin import FakeApi, FakeClock, Manifest, run

from mtls_operator import errors
from mtls_operator.api.meta import PAUSED_ANNOTATION, PLAN_ONLY_ANNOTATION, SYNC_ANNOTATION
from mtls_operator.api.model import render_time

EVENTS = "/apis/events.k8s.io/v1/namespaces/edge/events"
NOTE = "changed in the cloud and put right, as driftPolicy says: the listener is called 'mine'"


def event(
    name: str, uid: str = "uid-api", reason: str = "DriftFound", note: str = NOTE
) -> tuple[str, Manifest]:
    body = {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "regarding": {"uid": uid},
        "reason": reason,
        "note": note,
    }
    return f"{EVENTS}/{name}", body


def asked(api: FakeApi) -> str:
    annotations = api.find("MutualTLSListener", "edge", "api")["metadata"].get("annotations", {})
    return str(annotations.get(SYNC_ANNOTATION, ""))


def answering(
    api: FakeApi, *, ready: bool = True, reason: str = "Succeeded", message: str = "", plan: Any = ()
) -> Callable[[], None]:
    """Return what the operator does when it has looked."""

    def answer() -> None:
        found = api.find("MutualTLSListener", "edge", "api")
        condition = {
            "type": "Ready",
            "status": str(ready),
            "reason": reason,
            "message": message,
            "lastTransitionTime": render_time(NOW),
        }
        found["status"] = {"conditions": [condition], "plan": list(plan), "lastHandledSync": asked(api)}

    return answer


def run_after(api: FakeApi, *arguments: str, meanwhile: list[Callable[[], object]]) -> Result:
    return run(api, *arguments, clock=FakeClock(meanwhile=meanwhile))


def nothing() -> None:
    """The operator is at work."""


def test_it_asks_waits_and_says_that_all_is_well() -> None:
    api = FakeApi(listener_manifest())
    result = run_after(api, "sync", "api", meanwhile=[nothing, answering(api)])
    assert result.exit_code == 0, result.output
    assert result.stdout == "MutualTLSListener edge/api is as its manifest says.\n"
    assert "Waiting for the operator" in result.stderr
    assert asked(api) == "2026-11-23T12:00:00.000000Z"


def test_an_answer_to_an_earlier_request_is_not_taken_for_this_one() -> None:
    api = FakeApi(listener_manifest())
    answering(api)()
    api.find("MutualTLSListener", "edge", "api")["status"]["lastHandledSync"] = "earlier"
    result = run_after(api, "sync", "api", meanwhile=[nothing, nothing, answering(api)])
    assert result.exit_code == 0


def test_it_says_what_was_found_and_put_right_by_this_look_alone() -> None:
    api = FakeApi(listener_manifest())
    api.objects |= dict([event("old"), event("of-another", uid="other")])

    def repair() -> None:
        api.objects |= dict([event("new"), event("else", uid="other"), event("plain", reason="Succeeded")])
        answering(api)()

    result = run_after(api, "sync", "api", meanwhile=[repair])
    assert result.stdout.splitlines() == [
        f"Found: {NOTE}",
        "MutualTLSListener edge/api is as its manifest says.",
    ]


def test_it_waits_for_what_the_look_set_off() -> None:
    api = FakeApi(listener_manifest())
    waiting = answering(api, ready=False, reason="AuthorityNotReady", message="not in the cloud yet")

    def upload() -> None:
        path, body = event("lost", uid="uid-clients", note="its certificate is gone")
        body["regarding"] |= {"kind": "CertificateAuthority", "name": "clients"}
        api.objects[path] = body
        answering(api)()

    result = run_after(api, "sync", "api", meanwhile=[waiting, nothing, upload])
    assert result.stdout.splitlines() == [
        "Found: its certificate is gone",
        "MutualTLSListener edge/api is as its manifest says.",
    ]


def test_what_never_ends_is_said_as_it_is() -> None:
    api = FakeApi(listener_manifest())
    waiting = answering(api, ready=False, reason="AuthorityNotReady", message="not in the cloud yet")
    result = run_after(api, "sync", "api", meanwhile=[waiting, *[nothing] * 30])
    assert (result.exit_code, "AuthorityNotReady" in result.stdout) == (1, True)


def test_what_is_not_put_right_is_said_with_status_1() -> None:
    api = FakeApi(listener_manifest())
    answer = answering(api, ready=False, reason="DriftFound", message="a rule is gone", plan=["create it"])
    result = run_after(api, "sync", "api", meanwhile=[answer])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "MutualTLSListener edge/api is not as its manifest says. DriftFound: a rule is gone",
        "Next: kubectl mtls plan edge/api",
    ]


def test_it_does_not_wait_for_ever() -> None:
    api = FakeApi(listener_manifest())
    result = run_after(api, "sync", "api", "--timeout", "20s", meanwhile=[nothing] * 50)
    assert result.exit_code == 1
    assert "the operator has not looked at edge/api within 20 seconds" in result.stderr
    assert "… for 10 seconds now" in result.stderr


def test_it_outlives_an_api_server_that_restarts() -> None:
    api = FakeApi(listener_manifest())
    refusals = [1]

    def away(path: str) -> None:
        if asked(api) and refusals and not path.endswith("events"):
            refusals.pop()
            raise errors.KubeUnavailable("the Kubernetes API did not answer")

    api.after_get = away
    assert run_after(api, "sync", "api", meanwhile=[answering(api)]).exit_code == 0
    assert refusals == []


def test_who_may_not_list_events_is_told_the_rest() -> None:
    api = FakeApi(listener_manifest())
    api.refused.add(EVENTS)
    assert run_after(api, "sync", "api", meanwhile=[answering(api)]).exit_code == 0


@pytest.mark.parametrize("command", ["sync", "plan"])
@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (
            {"annotations": {PAUSED_ANNOTATION: "true"}},
            f"kubectl annotate mtl api -n edge {PAUSED_ANNOTATION}-",
        ),
        ({"deletionTimestamp": render_time(NOW + timedelta(days=1))}, "is being deleted"),
    ],
    ids=["paused", "deleted"],
)
def test_what_the_operator_leaves_alone_is_not_waited_for(
    command: str, metadata: dict[str, Any], said: str
) -> None:
    manifest = listener_manifest()
    manifest["metadata"] |= metadata
    api = FakeApi(manifest)
    result = run(api, command, "api")
    assert (result.exit_code, api.writes) == (1, [])
    assert said in result.stderr


def test_the_plan_of_an_object_is_what_is_left_to_do() -> None:
    api = FakeApi(listener_manifest(annotations={PLAN_ONLY_ANNOTATION: "true"}))
    answer = answering(api, ready=False, reason="PlanOnly", plan=["do this", "do that"])
    result = run_after(api, "plan", "api", meanwhile=[answer])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Left to do for MutualTLSListener edge/api:",
        "  1. do this",
        "  2. do that",
        f"Nothing of this is done. To have it done: kubectl annotate mtl api -n edge {PLAN_ONLY_ANNOTATION}-",
    ]


def test_with_report_the_way_on_is_repair() -> None:
    api = FakeApi(listener_manifest(driftPolicy="Report"))
    answer = answering(api, ready=False, reason="DriftFound", plan=["do this"])
    result = run_after(api, "plan", "api", meanwhile=[answer])
    assert """-p '{"spec": {"driftPolicy": "Repair"}}'""" in result.stdout


def test_nothing_left_is_said() -> None:
    api = FakeApi(listener_manifest())
    result = run_after(api, "plan", "api", meanwhile=[answering(api)])
    assert result.stdout == "Nothing to change: the cloud is as MutualTLSListener edge/api says.\n"


def test_one_that_cannot_be_planned_says_why() -> None:
    api = FakeApi(listener_manifest())
    answer = answering(api, ready=False, reason="LoadBalancerNotFound", message="there is none")
    result = run_after(api, "plan", "api", meanwhile=[answer])
    assert result.exit_code == 1
    assert "no plan for MutualTLSListener edge/api. LoadBalancerNotFound: there is none" in result.stderr
