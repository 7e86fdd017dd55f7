"""The operator tries the doors of its listeners, on a real API server and with real TLS."""

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from cluster.kube_api import Manifest, condition
from cluster.tenant import NewTenant, Tenant, method_2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from eventually import eventually

pytestmark = pytest.mark.cluster

FAST: dict[str, Any] = {
    "caRef": {"name": "clients"},
    "serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}},
}


def verifying(tenant: Tenant, **verification: Any) -> Manifest:
    """Create an authority and a listener whose doors are tried, and wait until it is Ready."""
    tenant.authority()
    tenant.listener(tls=FAST, verification={"interval": "30s", **verification})
    return tenant.wait_ready("MutualTLSListener", "api")


def status_of(tenant: Tenant, name: str = "api") -> Manifest:
    found: Manifest = tenant.get("MutualTLSListener", name)["status"]
    return found


def metric(tenant: Tenant, name: str = "api") -> dict[str, float]:
    """Return what the metric says of a listener, by result."""
    text = httpx.get(tenant.world.environment.operator_metrics, trust_env=False).text
    mine = f'mtls_listener_verification{{name="{name}",namespace="{tenant.namespace}",result="'
    lines = [line.removeprefix(mine) for line in text.splitlines() if line.startswith(mine)]
    return {line.partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def events(tenant: Tenant, reason: str) -> list[Manifest]:
    return [one for one in tenant.world.kube.list("Event", tenant.namespace) if one["reason"] == reason]


def server_certificate(tenant: Tenant) -> dict[str, bytes]:
    found = tenant.get("Secret", "api-server")["data"]
    return {name: base64.b64decode(value) for name, value in found.items()}


def test_closed_doors_are_said_to_be_enforced(tenant: Tenant) -> None:
    verifying(tenant)
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
    found = status_of(tenant)["verification"]
    shown = x509.load_pem_x509_certificate(server_certificate(tenant)["tls.crt"])
    assert found["result"] == "Enforced"
    assert found["served"] == [shown.fingerprint(hashes.SHA256()).hex()]
    assert set(found["backendsSeen"]) <= {"rs-1", "rs-2"}
    assert metric(tenant) == {"Enforced": 1, "Open": 0, "Unknown": 0}
    ledger = tenant.get("ConfigMap", "clients-ledger-0")["data"].values()
    assert [one for one in ledger if json.loads(one)["commonName"] == "clb-mtls-operator probe"] != []


def test_both_methods_are_enforced_and_different_audiences_are_pointed_out(tenant: Tenant) -> None:
    tenant.authority()
    tenant.authority("partners")
    method_2(tenant, verification={"interval": "30s"})
    tenant.wait_reason("MutualTLSListener", "shared", "MutualTLSEnforced", "Verified")
    (event,) = events(tenant, "DomainsDifferInCA")
    assert event["type"] == "Warning"
    assert "b.acme.example admits" in event["note" if "note" in event else "message"]


@contextmanager
def open_door(address: str, files: dict[str, bytes], folder: Path) -> Iterator[int]:
    """Serve whoever comes, with a listener's own certificate, as a load balancer that is not what it says."""
    pair = folder / "server.pem"
    pair.write_bytes(files["tls.crt"] + files["tls.key"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    ready, port, loop = threading.Event(), [0], asyncio.new_event_loop()

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text="come in\n")

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, address, 0, ssl_context=context).start()
        port[0] = runner.addresses[0][1]
        ready.set()
        await stopped.wait()
        await runner.cleanup()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def test_an_open_door_takes_ready_away_until_it_is_closed(tenant: Tenant, tmp_path: Path) -> None:
    verifying(tenant)
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
    with open_door("127.0.0.1", server_certificate(tenant), tmp_path) as port:
        at = {"address": f"127.0.0.1:{port}"}
        tenant.change("MutualTLSListener", "api", {"spec": {"verification": at}})
        message = tenant.wait_reason("MutualTLSListener", "api", "MutualTLSNotEnforced")
        assert "no certificate: HTTP 200, as with a good certificate" in message
        assert status_of(tenant)["verification"]["result"] == "Open"
        verified = condition(tenant.get("MutualTLSListener", "api"), "Verified") or {}
        assert (verified["status"], verified["reason"]) == ("False", "MutualTLSNotEnforced")
        (event,) = events(tenant, "MutualTLSNotEnforced")
        assert event["type"] == "Warning"
        assert metric(tenant) == {"Enforced": 0, "Open": 1, "Unknown": 0}
        tenant.change("MutualTLSListener", "api", {"spec": {"verification": {"address": ""}}})
        tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
        tenant.wait_ready("MutualTLSListener", "api")


def test_a_listener_that_somebody_set_to_one_way_is_found_open(tenant: Tenant) -> None:
    """The drift is left as it is, so that the trial has something to find; another path is tried at once."""
    verifying(tenant)
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
    tenant.change("MutualTLSListener", "api", {"spec": {"driftPolicy": "Report"}})
    cloud = tenant.world.cloud
    (ours,) = cloud.listeners(tenant.balancer)
    one_way = {"SSLMode": "UNIDIRECTIONAL", "CertId": ours["Certificate"]["CertId"]}
    cloud.change(
        "ModifyListener", LoadBalancerId=tenant.balancer, ListenerId=ours["ListenerId"], Certificate=one_way
    )
    tenant.change("MutualTLSListener", "api", {"spec": {"verification": {"path": "/now"}}})
    message = tenant.wait_reason("MutualTLSListener", "api", "MutualTLSNotEnforced", "Verified")
    assert "api.acme.example, no certificate: HTTP 200" in message
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSNotEnforced")
    assert {one["type"] for one in events(tenant, "MutualTLSNotEnforced")} == {"Warning"}
    assert metric(tenant)["Open"] == 1
    tenant.change("MutualTLSListener", "api", {"spec": {"driftPolicy": "Repair"}})
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
    tenant.wait_ready("MutualTLSListener", "api")
    (ours,) = cloud.listeners(tenant.balancer)
    assert ours["Certificate"]["SSLMode"] == "MUTUAL"


def test_an_address_that_cannot_be_reached_blocks_nothing(tenant: Tenant) -> None:
    verifying(tenant, address="127.0.0.1:1")
    message = eventually(
        lambda: (condition(tenant.get("MutualTLSListener", "api"), "Verified") or {}).get("message", ""),
        until=lambda text: "connection refused" in text,
        within=30,
        what="it is said that nobody answers",
    )
    assert message == "api.acme.example: no connection: connection refused"
    assert status_of(tenant)["verification"]["result"] == "Unknown"
    tenant.wait_ready("MutualTLSListener", "api")
    assert metric(tenant) == {"Enforced": 0, "Open": 0, "Unknown": 1}


def test_an_application_that_answers_400_to_all_looks_neither_closed_nor_open(
    tenant: Tenant,
) -> None:
    verifying(tenant, path="/status/400")
    tenant.wait_reason("MutualTLSListener", "api", "MutualTLSEnforced", "Verified")
    assert status_of(tenant)["verification"]["backendsSeen"] != []


def test_a_deleted_listener_is_gone_from_the_metrics(new_tenant: NewTenant) -> None:
    tenant = new_tenant()
    verifying(tenant)
    eventually(lambda: metric(tenant) != {}, what="the listener is counted")
    tenant.delete("MutualTLSListener", "api")
    tenant.wait_gone("MutualTLSListener", "api")
    eventually(lambda: metric(tenant) == {}, what="the listener is counted no more")
