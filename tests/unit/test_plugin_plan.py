"""`kubectl mtls plan -f`: a draft for the moment of the look, which never stays behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import NOW, listener_manifest
from click.testing import Result
from unit.fakes.plugin import FakeApi, FakeClock, Manifest, run

from mtls_operator import errors
from mtls_operator.api.meta import PLAN_FOR_ANNOTATION
from mtls_operator.api.model import Json, render_time

LISTENERS = "/apis/mtls.clb-operator.dev/v1alpha1/namespaces/edge/mutualtlslisteners"


def drafts(api: FakeApi) -> list[Manifest]:
    return [body for path, body in api.objects.items() if "-plan-" in path]


def answering(
    api: FakeApi, *plan: str, ready: bool = False, reason: str = "PlanOnly", message: str = ""
) -> Callable[[], None]:
    def answer() -> None:
        (draft,) = drafts(api)
        condition = {
            "type": "Ready",
            "status": str(ready),
            "reason": reason,
            "message": message,
            "observedGeneration": 0,
            "lastTransitionTime": render_time(NOW),
        }
        draft["status"] = {"conditions": [condition], "plan": list(plan)}

    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "api.yaml"
    path.write_text(yaml.safe_dump(listener_manifest()))
    return path


def plan(api: FakeApi, file: Path, *meanwhile: Callable[[], object]) -> Result:
    return run(api, "plan", "-f", str(file), clock=FakeClock(meanwhile=list(meanwhile)))


def test_it_shows_the_plan_and_leaves_nothing_behind(file: Path) -> None:
    api = FakeApi(listener_manifest())
    before = dict(api.objects)
    result = plan(api, file, answering(api, "create it", "bind it"))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"To make MutualTLSListener edge/api as {file} says:",
        "  1. create it",
        "  2. bind it",
        f"Nothing was changed. To have it done: kubectl apply -f {file}",
    ]
    assert api.objects == before
    assert [write.split()[0] for write in api.writes] == ["create", "delete"]


def test_the_draft_is_the_manifest_in_the_place_of_its_object(file: Path) -> None:
    api = FakeApi()
    seen: list[Manifest] = []

    def look() -> None:
        seen.extend(drafts(api))
        answering(api)()

    plan(api, file, look)
    (draft,) = seen
    assert draft["metadata"]["annotations"] == {PLAN_FOR_ANNOTATION: "api"}
    assert draft["metadata"]["name"].startswith("api-plan-")
    assert draft["spec"] == listener_manifest()["spec"]


def test_nothing_to_change_is_said(file: Path) -> None:
    api = FakeApi()
    result = plan(api, file, answering(api, ready=True, reason="Succeeded"))
    expected = f"Nothing to change: the cloud is as {file} says of MutualTLSListener edge/api.\n"
    assert (result.exit_code, result.stdout) == (0, expected)


def test_what_cannot_be_done_is_said_with_the_reason(file: Path) -> None:
    api = FakeApi()
    result = plan(api, file, answering(api, reason="InvalidSpec", message="port cannot be changed"))
    assert (result.exit_code, drafts(api)) == (1, [])
    assert "cannot be done" in result.stderr
    assert "InvalidSpec: port cannot be changed Nothing was changed." in result.stderr


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


@pytest.mark.parametrize("act", [interrupt, terminate, hang_up])
def test_an_interruption_leaves_no_draft(file: Path, act: Callable[[], None]) -> None:
    api = FakeApi()
    handler = signal.getsignal(signal.SIGTERM)
    result = plan(api, file, lambda: None, act)
    assert (result.exit_code, drafts(api)) == (1, [])
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_silent_operator_leaves_no_draft(file: Path) -> None:
    api = FakeApi()
    clock = FakeClock(meanwhile=[lambda: None] * 10)
    result = run(api, "plan", "-f", str(file), "--timeout", "3s", clock=clock)
    assert (result.exit_code, drafts(api)) == (1, [])
    assert "Is it running?" in result.stderr


def test_a_draft_whose_creation_got_no_answer_is_removed_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = FakeApi()
    create = api.create

    def lost(path: str, body: Json) -> Manifest:
        create(path, body)
        raise errors.KubeUnavailable("the Kubernetes API did not answer")

    monkeypatch.setattr(api, "create", lost)
    result = plan(api, file)
    assert (result.exit_code, drafts(api)) == (1, [])


def test_a_draft_that_cannot_be_removed_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi()

    def refuse(path: str) -> None:
        raise errors.KubeForbidden(f"the Kubernetes API refused: cannot delete {path}.")

    monkeypatch.setattr(api, "delete", refuse)
    result = plan(api, file, answering(api, "create it"))
    assert "1. create it" in result.stdout
    assert "kubectl delete mtl api-plan-" in result.stderr


def test_a_manifest_that_the_schema_refuses_is_refused_in_its_words(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = FakeApi()

    def refuse(path: str, body: Json) -> Manifest:
        raise errors.KubeInvalid("the Kubernetes API refused: spec.port: must be less")

    monkeypatch.setattr(api, "create", refuse)
    result = plan(api, file)
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: the Kubernetes API refused: spec.port: must be less\n",
    )


def test_every_listener_of_a_file_is_planned_and_other_kinds_are_passed_over(tmp_path: Path) -> None:
    path, api = tmp_path / "all.yaml", FakeApi()
    documents: list[Any] = [
        {"kind": "Service"},
        listener_manifest("one"),
        None,
        listener_manifest("two", namespace="else"),
    ]
    path.write_text(yaml.safe_dump_all(documents))
    result = plan(api, path, answering(api, "a"), answering(api, "b"))
    assert f"To make MutualTLSListener edge/one as {path} says:" in result.stdout
    assert f"To make MutualTLSListener else/two as {path} says:" in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Service", "has no MutualTLSListener"),
        ("a: [", "is no YAML"),
        (
            "apiVersion: mtls.clb-operator.dev/v1alpha1\nkind: MutualTLSListener\nspec: {}",
            "needs metadata.name",
        ),
    ],
    ids=["another kind", "damaged", "without a name"],
)
def test_a_file_without_a_listener_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path, api = tmp_path / "api.yaml", FakeApi()
    path.write_text(text)
    result = plan(api, path)
    assert (result.exit_code, api.writes) == (1, [])
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [[], ["api", "-f", "-"]], ids=["neither", "both"])
def test_it_needs_a_name_or_a_file(arguments: list[str]) -> None:
    assert run(FakeApi(), "plan", *arguments).exit_code == 2
