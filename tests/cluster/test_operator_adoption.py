"""A listener that was made by hand becomes the operator's, while clients use it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import hand_made
from cluster.cloud_console import Reply
from cluster.hand_made import HandMade, bring, follow_the_guide
from cluster.prober import Prober
from cluster.tenant import DOMAIN, PORT, Tenant, domain
from eventually import eventually

from mtls_devcluster.client_files import ClientFiles
from mtls_devcluster.environment import NAMESPACES_TAG
from mtls_devcluster.traffic import Keeping, Traffic

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"


@pytest.fixture
def usual_switches(tenant: Tenant) -> Iterator[None]:
    yield
    tenant.world.cloud.switch(named_copy="oldest")


def adopt(tenant: Tenant, policy: str = "IfIdentical", **spec: Any) -> None:
    tenant.listener(tls=hand_made.tls(), adoptionPolicy=policy, **spec)


def the_listener(tenant: Tenant) -> Reply:
    (found,) = tenant.world.cloud.listeners(tenant.balancer)
    return found


def without_names(listener: Reply) -> Reply:
    """Return what clients notice of a listener: all but its name and the ids of certificates."""
    rules = [{**rule, "Certificate": None} for rule in listener["Rules"]]
    return {**listener, "ListenerName": "", "Certificate": None, "Rules": rules}


def bound(listener: Reply) -> Reply:
    found: Reply = listener["Certificate"] or listener["Rules"][0]["Certificate"]
    return found


def remove_uploads(tenant: Tenant, made: HandMade) -> None:
    """What a person uploaded a person has to delete; the listener goes first."""
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    for one in (made.ca, made.server):
        tenant.world.cloud.call("ssl", "DeleteCertificate", CertificateId=one)


@pytest.mark.parametrize("named_copy", ["oldest", "newest"])
@pytest.mark.parametrize("sni", [False, True], ids=["method 1", "method 2"])
def test_no_request_fails_and_no_stranger_gets_in_while_it_is_adopted(
    tenant: Tenant, tmp_path: Path, usual_switches: None, *, sni: bool, named_copy: str
) -> None:
    made = follow_the_guide(tenant, tmp_path, sni=sni)
    cloud = tenant.world.cloud
    cloud.switch(named_copy=named_copy)
    before, targets = the_listener(tenant), cloud.weights(tenant.balancer)
    bring(tenant, made)
    mark = cloud.mark()
    with Prober(tenant.address, trust=ClientFiles(tmp_path)) as prober, Traffic([made.site]) as traffic:
        traffic.add("a client of the root", Keeping(made.client), interval=0.01)
        traffic.wait_for_round()
        adopt(tenant, sni=sni)
        tenant.wait_ready(KIND, "api")
        traffic.wait_for_round()
        prober.wait_for_verdicts(5)
    assert [str(one) for one in traffic.failures()] == []
    assert traffic.requests() > 10
    assert prober.served_since(0) == 0

    after = the_listener(tenant)
    assert without_names(after) == without_names(before)
    assert cloud.weights(tenant.balancer) == targets
    assert after["ListenerName"].endswith(f":{tenant.namespace}/api"[:20])
    assert {bound(after)["CertId"], bound(after)["CertCaId"]} == set(cloud.uploads(tenant.namespace))
    assert (bound(after)["SSLMode"], bound(after)["SSLVerifyClient"]) == ("MUTUAL", "ON")
    assert [call.split()[0] for call in cloud.writes(mark) if "UploadCertificate" not in call] == [
        "ModifyListener",
        "ModifyDomainAttributes" if sni else "ModifyListener",
    ]
    assert tenant.get(KIND, "api")["status"]["listenerId"] == made.listener
    remove_uploads(tenant, made)


def test_it_is_said_once_and_a_second_pass_writes_nothing(tenant: Tenant, tmp_path: Path) -> None:
    made = follow_the_guide(tenant, tmp_path)
    bring(tenant, made)
    adopt(tenant)
    tenant.wait_ready(KIND, "api")
    tenant.settle()
    mark = tenant.world.cloud.mark()
    tenant.provoke_pass(KIND, "api")
    assert tenant.world.cloud.writes(mark) == []
    events = tenant.world.kube.list("Event", tenant.namespace)
    (said,) = [event["note"] for event in events if event["reason"] == "Adopted"]
    assert f"listener {made.listener} (made by hand) of load balancer {tenant.balancer} is managed" in said
    remove_uploads(tenant, made)


def test_a_difference_is_named_and_once_it_is_gone_the_listener_is_adopted(
    tenant: Tenant, tmp_path: Path
) -> None:
    made = follow_the_guide(tenant, tmp_path, Scheduler="LEAST_CONN")
    before = the_listener(tenant)
    bring(tenant, made)
    adopt(tenant)
    said = tenant.wait_reason(KIND, "api", "AdoptionRefused", "Stalled")
    assert f"{DOMAIN}/: scheduler is LEAST_CONN, not WRR" in said
    tenant.provoke_pass(KIND, "api")
    assert the_listener(tenant) == before
    route = domain(tenant.world.node_port)
    route["routes"][0]["scheduler"] = "LEAST_CONN"
    tenant.change(KIND, "api", {"spec": {"domains": [route]}})
    tenant.wait_ready(KIND, "api")
    assert the_listener(tenant)["ListenerId"] == made.listener
    remove_uploads(tenant, made)


def test_one_of_tke_is_never_adopted(tenant: Tenant, tmp_path: Path) -> None:
    made = follow_the_guide(tenant, tmp_path)
    cloud = tenant.world.cloud
    fields = {"LoadBalancerId": tenant.balancer, "ListenerId": made.listener}
    cloud.change("ModifyListener", **fields, ListenerName="TKE-LISTENER")
    before = the_listener(tenant)
    bring(tenant, made)
    adopt(tenant)
    assert "TKE made it" in tenant.wait_reason(KIND, "api", "AdoptionRefused")
    assert the_listener(tenant) == before
    cloud.change("DeleteListener", **fields)
    remove_uploads(tenant, made)


def test_always_needs_consent_and_then_brings_it_to_the_manifest(tenant: Tenant, tmp_path: Path) -> None:
    made = follow_the_guide(tenant, tmp_path, Scheduler="LEAST_CONN")
    bring(tenant, made)
    adopt(tenant, "Always")
    said = tenant.wait_reason(KIND, "api", "AdoptionRefused")
    assert "adoption.allowAlways: true in the operator's configuration" in said
    operator = tenant.world.operator
    operator.stop()
    operator.start(settings={"adoption": {"allowAlways": True}})
    tenant.wait_ready(KIND, "api")
    found = the_listener(tenant)
    assert (found["ListenerId"], found["Rules"][0]["Scheduler"]) == (made.listener, "WRR")
    remove_uploads(tenant, made)


def test_a_tag_that_is_taken_back_stops_every_change_but_the_closing_of_a_door(
    tenant: Tenant, tmp_path: Path
) -> None:
    tenant.authority()
    tenant.client_cert()
    tenant.listener()
    tenant.wait_ready("ClientCert", "payments")
    listener = tenant.wait_ready(KIND, "api")["status"]["listenerId"]
    cloud, own = tenant.world.cloud, tenant.files(tmp_path)
    cloud.tag_load_balancer(tenant.balancer, NAMESPACES_TAG, "others")
    before = the_listener(tenant)
    tenant.change(KIND, "api", {"spec": {"domains": [domain(tenant.world.node_port, "b.acme.example")]}})
    said = tenant.wait_reason(KIND, "api", "LoadBalancerNotAllowed", "Stalled")
    assert f"Until then listener {listener} stays as it is" in said
    assert the_listener(tenant) == before

    one_way = {"SSLMode": "UNIDIRECTIONAL", "CertId": before["Certificate"]["CertId"]}
    fields = {"LoadBalancerId": tenant.balancer, "ListenerId": listener}
    cloud.change("ModifyListener", **fields, Certificate=one_way)
    tenant.provoke_pass(KIND, "api")
    assert the_listener(tenant) == before
    with Prober(tenant.address, trust=own) as prober:
        prober.wait_for_verdicts(3)
        assert prober.served_since(0) == 0

    cloud.tag_load_balancer(tenant.balancer, NAMESPACES_TAG, tenant.namespace)
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")
    eventually(
        lambda: [rule["Domain"] for rule in the_listener(tenant)["Rules"]],
        until=lambda found: found == ["b.acme.example"],
        what="the manifest is done",
    )


def test_a_deletion_needs_no_tag(tenant: Tenant) -> None:
    tenant.authority()
    tenant.listener(port=PORT)
    tenant.wait_ready(KIND, "api")
    tenant.world.cloud.tag_load_balancer(tenant.balancer, NAMESPACES_TAG, "others")
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    assert tenant.world.cloud.listeners(tenant.balancer) == []
