"""29. Somebody else changes or deletes what a client made, as any other caller would, under another key.

Source: inferred (consoles, Terraform and other controllers share load balancers).
"""

from typing import Any

import pytest
from eventually import eventually_async
from simulator.cloud import Cloud
from simulator.pki import Authority

from clb_simulator.foreign import FOREIGN_KEY_ID


class Built:
    """A mutual listener with a rule and a target."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.lb = self.listener = self.rule = ""
        self.certificate: dict[str, str] = {}

    async def read(self) -> Any:
        found = await self.cloud.clb("DescribeListeners", LoadBalancerId=self.lb)
        return found.Listeners

    async def targets(self) -> Any:
        reply = await self.cloud.clb("DescribeTargets", LoadBalancerId=self.lb)
        return reply.Listeners[0].Rules[0].Targets


@pytest.fixture
async def built(cloud: Cloud, authority: Authority) -> Built:
    built = Built(cloud)
    built.lb = await cloud.load_balancer()
    built.certificate = await cloud.mutual(authority)
    built.listener = await cloud.listener(built.lb, Certificate=built.certificate)
    for name in ("a.example.com", "b.example.com"):
        (rule,) = await cloud.rules(built.lb, built.listener, {"Domain": name, "Url": "/"})
        built.rule = built.rule or rule
    target = {"InstanceId": await cloud.instance(), "Port": 8080}
    await cloud.change(
        "RegisterTargets",
        LoadBalancerId=built.lb,
        ListenerId=built.listener,
        LocationId=built.rule,
        Targets=[target],
    )
    return built


async def do(built: Built, deed: str, target: str | None = None) -> None:
    made = await built.cloud.admin("POST", "/foreign/deeds", deed=deed, target=target)
    if "TaskId" not in made["reply"] and made["action"] not in (
        "ModifyCertificateAlias",
        "DeleteCertificate",
    ):
        assert (await built.cloud.wait(made["reply"]["RequestId"])).Status == 0


async def test_listener_is_renamed(built: Built) -> None:
    await do(built, "change-listener", built.listener)
    assert (await built.read())[0].ListenerName == "changed-by-somebody-else"


async def test_listener_is_opened_to_clients_without_certificate(built: Built) -> None:
    await do(built, "open-listener")
    assert (await built.read())[0].Certificate.SSLMode == "UNIDIRECTIONAL"


async def test_listener_is_deleted(built: Built) -> None:
    await do(built, "delete-listener", built.listener)
    assert await built.read() == []


async def test_rule_is_changed(built: Built) -> None:
    await do(built, "change-rule", built.rule)
    assert [one.HealthCheck.HealthSwitch for one in (await built.read())[0].Rules] == [0, 1]


async def test_rule_is_deleted(built: Built) -> None:
    last = (await built.read())[0].Rules[-1].LocationId
    await do(built, "delete-rule", last)
    assert [one.LocationId for one in (await built.read())[0].Rules] == [built.rule]


async def test_binding_is_changed_and_deleted(built: Built) -> None:
    await do(built, "change-binding", built.rule)
    assert [one.Weight for one in await built.targets()] == [0]
    await do(built, "delete-binding", built.rule)
    assert await built.targets() == []


async def test_certificate_is_renamed_and_deleted(built: Built, authority: Authority) -> None:
    spare = await built.cloud.upload_ca(authority)
    await do(built, "change-certificate", spare)
    detail = await built.cloud.ssl("DescribeCertificateDetail", CertificateId=spare)
    assert detail.Alias == "changed-by-somebody-else"
    await do(built, "delete-certificate", spare)
    assert (await built.cloud.ssl("DescribeCertificates", SearchKey="changed")).TotalCount == 0


async def test_certificate_is_bound_elsewhere(built: Built) -> None:
    await do(built, "bind-certificate-elsewhere", built.certificate["CertCaId"])
    listed = await built.cloud.clb(
        "DescribeLoadBalancerListByCertId", CertIds=[built.certificate["CertCaId"]]
    )
    assert listed.CertSet[0].LoadBalancers[0].LoadBalancerId == built.lb
    assert len(await built.read()) == 2


async def test_call_of_somebody_else_is_in_the_log_under_another_key(built: Built) -> None:
    await built.cloud.admin("DELETE", "/calls")
    params = {"LoadBalancerId": built.lb, "ListenerId": built.listener}
    await built.cloud.admin("POST", "/foreign/calls", service="clb", action="DeleteListener", params=params)
    (call,) = (await built.cloud.admin("GET", "/calls"))["calls"]
    assert (call["secret_id"], call["action"], call["write"]) == (FOREIGN_KEY_ID, "DeleteListener", True)


async def test_refusal_is_a_sentence(built: Built) -> None:
    for path, body, sentence in (
        ("/foreign/calls", {"service": "clb", "action": "DeleteListener"}, "MissingParameter"),
        ("/foreign/calls", {"service": "cvm", "action": "RunInstances"}, "NoSuchProduct"),
        (
            "/foreign/deeds",
            {"deed": "delete-listener", "target": "lbl-none0000"},
            "nothing to delete listener",
        ),
    ):
        reply = await built.cloud.admin_client.post(path, json=body)
        assert reply.status_code == 400
        assert sentence in reply.json()["error"]


async def test_strikes_between_a_read_and_the_write_that_follows(built: Built) -> None:
    order = {"kind": "foreign", "deed": "delete-listener", "action": "DescribeListeners"}
    await built.cloud.admin("POST", "/faults", **order)
    assert len(await built.read()) == 1
    await eventually_async(built.read, until=lambda listeners: listeners == [])


async def test_waits_for_a_busy_load_balancer(built: Built) -> None:
    await built.cloud.admin("PATCH", "/settings", task_seconds=60)
    order = {
        "kind": "foreign",
        "deed": "delete-listener",
        "target": built.listener,
        "action": "CreateListener",
    }
    await built.cloud.admin("POST", "/faults", **order)
    await built.cloud.clb("CreateListener", LoadBalancerId=built.lb, Ports=[80], Protocol="HTTP")
    built.cloud.clock.advance(61)
    await built.cloud.admin("PATCH", "/settings", task_seconds=0)
    await eventually_async(built.read, until=lambda listeners: [one.Port for one in listeners] == [80])
