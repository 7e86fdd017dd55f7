"""The whole guide by an operator with the rights of deploy/: they are enough, and each is used."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from eventually import eventually

from mtls_devcluster.environment import EXAMPLES, Environment, start_environment
from mtls_devcluster.paths import REPOSITORY
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import ConsoleProgress

pytestmark = pytest.mark.cluster

AuditEvent = dict[str, Any]
Right = tuple[str, str, str]
"""Group, resource (with its subresource), verb."""

ACCOUNT = "system:serviceaccount:clb-mtls-system:clb-mtls-operator"
RENEW = "mtls.clb-operator.dev/renew=now"
REVOKE = '{"spec": {"revokeOnDelete": true}}'
OBJECTS = (
    ("mutualtlslistener", "api", "platform"),
    ("clientcert", "payments", "team-a"),
    ("certificateauthority", "clients", "platform"),
)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment of its own, in which the guide was done, changed and undone again.

    Not the run's shared one: what is asked here is what one operator did from its start to the end.
    """
    directory = tmp_path_factory.mktemp("guide")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - servers compare it with the real time
    with Supervisor(directory / "log") as supervisor:
        environment = start_environment(supervisor, directory, now, ConsoleProgress())
        _do_the_guide(environment)
        _renew(environment)
        _undo(environment)
        yield environment


def _do_the_guide(environment: Environment) -> None:
    for name in ("authority", "client-cert", "listener"):
        environment.kubectl("apply", "-f", str(EXAMPLES / f"{name}.yaml"))
    for kind, name, namespace in OBJECTS:
        environment.kubectl("wait", kind, name, "-n", namespace, "--for=condition=Ready", "--timeout=60s")


def _serial(environment: Environment) -> str:
    path = "jsonpath={.status.serialNumber}"
    return environment.kubectl("get", "clientcert", "payments", "-n", "team-a", "-o", path)


def _renew(environment: Environment) -> None:
    before = _serial(environment)
    environment.kubectl("patch", "clientcert", "payments", "-n", "team-a", "--type=merge", "-p", REVOKE)
    environment.kubectl("annotate", "clientcert", "payments", "-n", "team-a", RENEW)
    eventually(lambda: _serial(environment), until=lambda serial: serial != before)


def _undo(environment: Environment) -> None:
    for kind, name, namespace in OBJECTS:
        environment.kubectl("delete", kind, name, "-n", namespace, "--timeout=60s")


def _requests(environment: Environment) -> list[AuditEvent]:
    events = map(json.loads, environment.audit_log.read_text().splitlines())
    return [event for event in events if event["user"]["username"] == ACCOUNT]


def _used(environment: Environment) -> set[Right]:
    return {
        _right(event["objectRef"], event["verb"]) for event in _requests(environment) if "objectRef" in event
    }


def _right(reference: dict[str, str], verb: str) -> Right:
    subresource = reference.get("subresource")
    resource = f"{reference['resource']}/{subresource}" if subresource else reference["resource"]
    return reference.get("apiGroup", ""), resource, verb


def _granted(environment: Environment) -> set[Right]:
    rules = json.loads(environment.kubectl("get", "clusterrole", "clb-mtls-operator", "-o", "json"))["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_is_refused(guide: Environment) -> None:
    codes = {event["responseStatus"]["code"] for event in _requests(guide)}
    assert 201 in codes
    assert codes & {401, 403} == set()


def test_every_right_is_used(guide: Environment) -> None:
    assert _granted(guide) == _used(guide)


def test_secrets_and_config_maps_are_listed_by_label_only(guide: Environment) -> None:
    """RBAC cannot say so; it is why the rights on other Secrets stay without use."""
    listed = [
        parse_qs(urlsplit(event["requestURI"]).query).get("labelSelector", [""])[0].split(",")
        for event in _requests(guide)
        if event["verb"] in {"list", "watch"} and event["objectRef"]["resource"] in {"secrets", "configmaps"}
    ]
    assert len(listed) >= 4
    labels = {"mtls.clb-operator.dev/watch=true", "mtls.clb-operator.dev/ledger=true"}
    assert [selector for selector in listed if not labels.intersection(selector)] == []


def test_the_policy_of_the_cloud_account_allows_every_call(guide: Environment) -> None:
    policy = json.loads((REPOSITORY / "deploy" / "cam" / "policy.json").read_text())
    allowed = {action for statement in policy["statement"] for action in statement["action"]}
    calls = httpx.get(f"{guide.simulator.admin}/calls").json()["calls"]
    assert "CreateListener" in {call["action"] for call in calls}
    assert {f"{call['service']}:{call['action']}" for call in calls} <= allowed
