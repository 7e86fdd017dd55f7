"""What somebody changes in the console is found at once when asked, named, and put right or left."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.hand_made import certificates, upload
from cluster.kube_api import API_VERSION, Manifest
from cluster.plugin_run import command, mtls
from cluster.tenant import DOMAIN, PORT, Tenant, domain
from eventually import eventually

pytestmark = pytest.mark.cluster

KIND, AUTHORITY = "MutualTLSListener", "CertificateAuthority"
PLAN_ONLY = "mtls.clb-operator.dev/plan-only"
_FAST = {"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}}}


def make(tenant: Tenant, **spec: Any) -> Manifest:
    """Make a listener and wait until it is ready and healthy."""
    tenant.authority()
    tenant.listener(tls={"caRef": {"name": "clients"}, **_FAST}, **spec)
    tenant.wait_ready(KIND, "api")
    tenant.settle()
    return tenant.get(KIND, "api")


class Console:
    """Somebody at the console of one load balancer with one listener."""

    def __init__(self, tenant: Tenant, certificate: str) -> None:
        self.tenant = tenant
        self.cloud = tenant.world.cloud
        self.certificate = certificate

    @property
    def listener(self) -> Manifest:
        (found,) = self.cloud.listeners(self.tenant.balancer)
        return found

    def state(self) -> object:
        """What the listener is, without the ids that are given anew."""
        found = [
            (one["ListenerName"], one["Certificate"], sorted(rule["Url"] for rule in one["Rules"]))
            for one in self.cloud.listeners(self.tenant.balancer)
        ]
        return found, self.cloud.weights(self.tenant.balancer)

    def change(self, action: str, **fields: Any) -> None:
        where = {"LoadBalancerId": self.tenant.balancer, "ListenerId": self.listener["ListenerId"]}
        self.cloud.change(action, **where, **fields)

    def bind(self, **fields: str) -> None:
        known = self.listener["Certificate"]
        usual = {name: known[name] for name in ("SSLMode", "SSLVerifyClient", "CertId", "CertCaId")}
        self.change("ModifyListener", Certificate={**usual, **fields})

    def set_one_way(self) -> None:
        known = self.listener["Certificate"]
        self.change("ModifyListener", Certificate={"SSLMode": "UNIDIRECTIONAL", "CertId": known["CertId"]})

    def delete_certificate(self) -> None:
        self.cloud.call("ssl", "DeleteCertificate", CertificateId=self.listener["Certificate"]["CertId"])

    def replace_certificate(self) -> None:
        ours = self.listener["Certificate"]["CertId"]
        self.bind(CertId=self.certificate)
        self.cloud.call("ssl", "DeleteCertificate", CertificateId=ours)

    def add_rule(self) -> None:
        self.change("CreateRule", Rules=[{"Domain": DOMAIN, "Url": "/admin"}])

    def delete_rule(self) -> None:
        self.change("DeleteRule", LocationIds=[self.listener["Rules"][0]["LocationId"]])

    def unbind(self) -> None:
        target = {"InstanceId": "ins-rs000001", "Port": self.tenant.world.node_port}
        location = self.listener["Rules"][0]["LocationId"]
        self.change("DeregisterTargets", LocationId=location, Targets=[target])

    def rename(self) -> None:
        self.change("ModifyListener", ListenerName="mine now")

    def delete(self) -> None:
        self.change("DeleteListener")


@pytest.fixture
def console(tenant: Tenant, tmp_path: Path) -> Iterator[Console]:
    certificates(tmp_path)
    by_hand = upload(tenant, tmp_path, "server", "SVR")
    tenant.world.cloud.switch(bound_certificate_deletion="allowed")
    yield Console(tenant, by_hand)
    tenant.world.cloud.switch(bound_certificate_deletion="refused")
    tenant.world.cloud.call("ssl", "DeleteCertificate", CertificateId=by_hand)


@dataclass(frozen=True)
class Deed:
    name: str
    do: Callable[[Console], None]
    found: str


DEEDS = (
    Deed(
        "the certificate is changed",
        lambda at: at.bind(CertId=at.certificate),
        "the certificate of the listener is ",
    ),
    Deed("one-way", Console.set_one_way, "the listener admits clients without a certificate (one-way)"),
    Deed("a rule is added", Console.add_rule, f"rule {DOMAIN}/admin is not in the manifest"),
    Deed("a rule is deleted", Console.delete_rule, f"rule {DOMAIN}/ is gone"),
    Deed("a node is unbound", Console.unbind, f" is not bound at {DOMAIN}/"),
    Deed("it is renamed", Console.rename, "the listener is called 'mine now'"),
    Deed("it is deleted", Console.delete, "the listener is gone"),
    Deed("its certificate is deleted", Console.delete_certificate, " is not in the cloud"),
    Deed("its certificate is replaced", Console.replace_certificate, " is not in the cloud"),
)


def drift_events(tenant: Tenant, kind: str = KIND) -> list[str]:
    events = tenant.world.kube.list("Event", tenant.namespace)
    mine = [one for one in events if one["regarding"]["kind"] == kind and one["type"] == "Warning"]
    return [str(one["note"]) for one in mine if one["reason"] in ("DriftFound", "MutualTLSNotEnforced")]


def test_each_change_is_found_named_once_and_put_right(console: Console) -> None:
    tenant = console.tenant
    make(tenant)
    for number, deed in enumerate(DEEDS, start=1):
        before = console.state()
        deed.do(console)
        said = mtls(tenant, "sync", "api")
        assert "is as its manifest says." in said, deed.name
        events = drift_events(tenant)
        assert len(events) == number, (deed.name, events)
        assert [note for note in events if deed.found in note], (deed.name, events)
        # Later ones may have been found before, by a pass that asked for the health of new targets.
        assert number > 1 or deed.found in said
        if "certificate is" not in deed.name or deed is DEEDS[0]:
            assert console.state() == before, deed.name
    assert mtls(tenant, "sync", "api") == f"{KIND} {tenant.namespace}/api is as its manifest says.\n"
    assert len(drift_events(tenant)) == len(DEEDS)
    assert tenant.get(KIND, "api")["status"]["listenerId"] == console.listener["ListenerId"]
    assert sorted(console.cloud.uploads(tenant.namespace).values()) == ["CA", "SVR"]


def test_with_report_changes_are_listed_and_left_until_they_may_be_put_right(console: Console) -> None:
    tenant, cloud = console.tenant, console.cloud
    make(tenant, driftPolicy="Report")
    before = console.state()
    for deed in DEEDS:
        if deed.name in ("a rule is added", "a node is unbound", "it is renamed"):
            deed.do(console)
    left, mark = console.state(), cloud.mark()
    said = mtls(tenant, "sync", "api", status=1)
    assert "DriftFound: changed in the cloud and left so, as driftPolicy is Report:" in said
    assert f"rule {DOMAIN}/admin is not in the manifest" in said
    tenant.wait_reason(KIND, "api", "DriftFound", "Stalled")
    tenant.wait_reason(KIND, "api", "DriftFound", "Programmed")
    planned = mtls(tenant, "plan", "api")
    assert f"delete forwarding rule {DOMAIN}/admin" in planned
    assert f"bind ins-rs000001:{tenant.world.node_port}" in planned
    assert len(drift_events(tenant)) == 1
    console.set_one_way()
    assert "MutualTLSNotEnforced" in mtls(tenant, "sync", "api", status=1)
    assert [call for call in cloud.writes(mark) if "ModifyListener" not in call] == []
    assert console.state() != left
    assert tenant.get(KIND, "api")["status"]["plan"][0].startswith("require client certificates again")
    tenant.change(KIND, "api", {"spec": {"driftPolicy": "Repair"}})
    tenant.wait_ready(KIND, "api")
    assert console.state() == before
    assert "plan" not in tenant.get(KIND, "api")["status"]


def test_a_deleted_certificate_of_the_authority_is_said_of_it(console: Console) -> None:
    tenant, cloud = console.tenant, console.cloud
    make(tenant)
    lost = console.listener["Certificate"]["CertCaId"]
    cloud.call("ssl", "DeleteCertificate", CertificateId=lost)
    said = mtls(tenant, "sync", "api")
    found = f"its certificate {lost} is gone; uploaded again as "
    assert found in said
    assert "is as its manifest says." in said
    (event,) = drift_events(tenant, AUTHORITY)
    assert found in event
    assert console.listener["Certificate"]["CertCaId"] != lost


def manifest(tenant: Tenant, **annotations: str) -> Manifest:
    """Return a listener that has not been made."""
    made: Manifest = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "api", "namespace": tenant.namespace, "annotations": annotations},
        "spec": {
            "loadBalancer": {"id": tenant.balancer, "region": tenant.world.environment.simulator.region},
            "port": PORT,
            "tls": {"caRef": {"name": "clients"}, **_FAST},
            "domains": [domain(tenant.world.node_port)],
            "drainPeriod": "0s",
            "verification": {"enabled": False},
        },
    }
    return made


def sentences(said: str) -> list[str]:
    """Return the numbered lines of a plan."""
    found = (line.strip().partition(". ") for line in said.splitlines())
    return [sentence for number, _, sentence in found if number.isdigit()]


def test_with_plan_only_a_listener_is_planned_and_not_made_until_it_may_be(tenant: Tenant) -> None:
    cloud, kube = tenant.world.cloud, tenant.world.kube
    tenant.authority()
    tenant.wait_ready(AUTHORITY, "clients")
    mark = cloud.mark()
    kube.create(manifest(tenant, **{PLAN_ONLY: "true"}))
    tenant.wait_reason(KIND, "api", "PlanOnly", "Reconciling")
    planned = sentences(mtls(tenant, "plan", "api"))
    assert planned[:2] == [
        f"upload the certificate of CertificateAuthority {tenant.namespace}/clients",
        "issue a server certificate into Secret api-server: there is no usable certificate yet",
    ]
    assert planned == tenant.get(KIND, "api")["status"]["plan"]
    assert cloud.writes(mark) == []
    assert tenant.secret("api-server") is None
    assert "finalizers" not in tenant.get(KIND, "api")["metadata"]
    tenant.change(KIND, "api", {"metadata": {"annotations": {PLAN_ONLY: None}}})
    tenant.wait_ready(KIND, "api")
    made = [write.split()[0] for write in cloud.writes(mark)]
    assert made == [
        "UploadCertificate",
        "UploadCertificate",
        "CreateListener",
        "CreateRule",
        "BatchRegisterTargets",
    ]


def test_a_file_is_planned_and_nothing_stays_behind(tenant: Tenant, tmp_path: Path) -> None:
    make(tenant)
    file, cloud = tmp_path / "api.yaml", tenant.world.cloud
    wanted = manifest(tenant)
    wanted["spec"]["domains"][0]["routes"].append(
        {"path": "/new", "backends": [{"nodePort": tenant.world.node_port}]}
    )
    file.write_text(yaml.safe_dump(wanted))
    mark, before = cloud.mark(), tenant.get(KIND, "api")
    said = mtls(tenant, "plan", "-f", str(file))
    assert sentences(said) == [
        f"create forwarding rule {DOMAIN}/new",
        f"bind ins-rs000001:{tenant.world.node_port}, ins-rs000002:{tenant.world.node_port}",
    ]
    assert "Nothing was changed." in said
    assert cloud.writes(mark) == []
    assert [one["metadata"]["name"] for one in tenant.world.kube.list(KIND, tenant.namespace)] == ["api"]
    assert tenant.get(KIND, "api") == before
    file.write_text(yaml.safe_dump(manifest(tenant)))
    assert "Nothing to change" in mtls(tenant, "plan", "-f", str(file))
    wanted["spec"]["port"] = PORT + 1
    file.write_text(yaml.safe_dump(wanted))
    mtls(tenant, "plan", "-f", str(file), status=1)


def test_an_interrupted_plan_leaves_no_draft(tenant: Tenant, tmp_path: Path) -> None:
    tenant.world.operator.stop()
    file = tmp_path / "api.yaml"
    file.write_text(yaml.safe_dump(manifest(tenant)))
    wanted = command(tenant, "plan", "-f", str(file))
    with subprocess.Popen(
        wanted.line, env=wanted.environment, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        eventually(lambda: tenant.world.kube.list(KIND, tenant.namespace), what="the draft is there")
        os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=20)
    assert running.returncode != 0
    assert tenant.world.kube.list(KIND, tenant.namespace) == []
