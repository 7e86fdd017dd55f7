"""Conditions as kstatus and people read them, and what kubectl prints."""

import pytest
from cluster.kube_api import Manifest, condition
from cluster.tenant import Tenant
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"


def _types(resource: Manifest) -> set[str]:
    return {one["type"] for one in resource["status"]["conditions"]}


def _assert_observed(resource: Manifest) -> None:
    generations = {one["observedGeneration"] for one in resource["status"]["conditions"]}
    assert generations == {resource["metadata"]["generation"]}


def test_the_observed_generation_follows_the_manifest(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    changes: dict[str, tuple[str, Manifest]] = {
        "CertificateAuthority": (
            "clients",
            {"clientCertPolicy": {"allowedCommonNames": ["*.${namespace}", "*"]}},
        ),
        "ClientCert": ("payments", {"duration": "1000h"}),
        KIND: ("api", {"drainPeriod": "5s"}),
    }
    for kind, (name, spec) in changes.items():
        first = tenant.wait_ready(kind, name)
        _assert_observed(first)
        tenant.change(kind, name, {"spec": spec})
        second = tenant.wait_ready(kind, name)
        _assert_observed(second)
        assert second["metadata"]["generation"] == first["metadata"]["generation"] + 1


def test_a_transition_time_stays_while_the_status_does(tenant: Tenant) -> None:
    tenant.authority()
    before = condition(tenant.wait_ready("CertificateAuthority", "clients"), "Ready")
    policy = {"clientCertPolicy": {"allowedCommonNames": ["*"]}}
    tenant.change("CertificateAuthority", "clients", {"spec": policy})
    after = condition(tenant.wait_ready("CertificateAuthority", "clients"), "Ready")
    assert before is not None
    assert after is not None
    assert after["lastTransitionTime"] == before["lastTransitionTime"]


def test_reconciling_is_there_only_while_something_is_waited_for(tenant: Tenant) -> None:
    tenant.client_cert()
    tenant.wait_reason("ClientCert", "payments", "AuthorityNotFound", "Reconciling")
    waiting = tenant.get("ClientCert", "payments")
    assert "Stalled" not in _types(waiting)
    ready = condition(waiting, "Ready")
    assert ready is not None
    assert ready["status"] == "False"
    tenant.authority()
    assert _types(tenant.wait_ready("ClientCert", "payments")) == {"Approved", "Ready"}


def test_stalled_is_there_only_while_a_person_has_to_act(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert(subject={"commonName": "not.allowed"})
    tenant.wait_reason("ClientCert", "payments", "NameNotAllowed", "Stalled")
    assert "Reconciling" not in _types(tenant.get("ClientCert", "payments"))
    tenant.change("ClientCert", "payments", {"spec": {"subject": None}})
    assert _types(tenant.wait_ready("ClientCert", "payments")) == {"Approved", "Ready"}


def test_kubectl_prints_what_a_person_looks_for(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    tenant.wait_ready("ClientCert", "payments")
    tenant.wait_ready(KIND, "api")
    tenant.settle()
    row = _row(tenant, "mtl")
    assert row["READY"] == "True"
    assert row["REASON"] == "Succeeded"
    assert row["HEALTHY"] == "2/2"
    assert row["ADDRESS"] == tenant.address
    for short in ("ca", "ccert"):
        row = _row(tenant, short)
        assert (row["READY"], row["REASON"]) == ("True", "Succeeded")
        assert row["EXPIRES"]


def test_an_event_tells_of_a_transition_and_not_of_every_try(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert(subject={"commonName": "not.allowed"})
    tenant.wait_reason("ClientCert", "payments", "NameNotAllowed")
    for _ in range(2):
        tenant.provoke_pass("ClientCert", "payments")
    tenant.change("ClientCert", "payments", {"spec": {"subject": None}})
    tenant.wait_ready("ClientCert", "payments")
    events = eventually(
        lambda: [
            one["reason"]
            for one in tenant.world.kube.list("Event", tenant.namespace)
            if one["regarding"]["name"] == "payments"
        ],
        until=lambda reasons: "Succeeded" in reasons,
        what="the end of the trouble is announced",
    )
    assert sorted(events) == ["NameNotAllowed", "Succeeded"]


def _row(tenant: Tenant, resource: str) -> dict[str, str]:
    answer = tenant.world.environment.kubectl("get", resource, "--namespace", tenant.namespace)
    headings, values = (line.split() for line in answer.splitlines())
    return dict(zip(headings, values, strict=True))
