"""One certificate that several listeners show is in the cloud once, and stays while anybody shows it."""

import base64
import dataclasses
import datetime as dt
from collections.abc import Iterator

import pytest
from cluster.cloud_console import CloudConsole
from cluster.kube_api import Manifest
from cluster.tenant import DOMAIN, PORT, Tenant
from eventually import eventually
from foreign_pki import KeyPair, authority, server

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
OTHER_PORT = 9443
ELSEWHERE = "ap-singapore"
TLS: Manifest = {"caRef": {"name": "clients"}, "serverCertificate": {"secretRef": {"name": "purchased"}}}


def purchase() -> KeyPair:
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)  # noqa: TID251 - the operator looks at it
    return server(DOMAIN, by=authority(begin=begin), begin=begin)


def content(pair: KeyPair) -> Manifest:
    parts = {"tls.crt": pair.chain_pem, "tls.key": pair.key_pem}
    return {name: base64.b64encode(part).decode() for name, part in parts.items()}


def put(tenant: Tenant, pair: KeyPair) -> None:
    """Make the Secret, followed at once."""
    labels = {"mtls.clb-operator.dev/watch": "true"}
    tenant.world.kube.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "purchased", "namespace": tenant.namespace, "labels": labels},
            "type": "kubernetes.io/tls",
            "data": content(pair),
        }
    )


def servers(tenant: Tenant) -> set[str]:
    """Return the operator's uploads of server certificates."""
    return {one for one, kind in tenant.world.cloud.uploads(tenant.namespace).items() if kind == "SVR"}


def shown(tenant: Tenant) -> dict[int, str]:
    """Return what each listener presents, by its port."""
    found = tenant.world.cloud.listeners(tenant.balancer)
    return {one["Port"]: one["Certificate"]["CertId"] for one in found}


def kept(tenant: Tenant) -> list[str]:
    """Return what the events say about certificates that stay."""
    events = tenant.world.kube.list("Event", tenant.namespace)
    return [event["note"] for event in events if event["reason"] == "CertificateKept"]


def test_two_listeners_share_an_upload_through_a_renewal_and_until_both_are_gone(tenant: Tenant) -> None:
    put(tenant, purchase())
    tenant.authority()
    tenant.listener(tls=TLS)
    tenant.listener("other", port=OTHER_PORT, tls=TLS)
    for name in ("api", "other"):
        tenant.wait_ready(KIND, name)
    (first,) = servers(tenant)
    assert shown(tenant) == {PORT: first, OTHER_PORT: first}

    tenant.change("Secret", "purchased", {"data": content(purchase())})
    eventually(
        lambda: servers(tenant),
        until=lambda ids: len(ids) == 1 and first not in ids,
        within=30,
        what="the renewed certificate alone is in the cloud",
    )
    (second,) = servers(tenant)
    assert shown(tenant) == {PORT: second, OTHER_PORT: second}

    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api", within=60)
    assert shown(tenant) == {OTHER_PORT: second}
    assert servers(tenant) == {second}
    eventually(lambda: kept(tenant), what="an event says that the certificate stays")
    assert f"MutualTLSListener {tenant.namespace}/other shows it, too" in kept(tenant)[0]
    mark = tenant.world.cloud.mark()
    tenant.provoke_pass(KIND, "other")
    assert tenant.world.cloud.writes(mark) == []

    tenant.delete(KIND, "other")
    tenant.wait_gone(KIND, "other", within=60)
    assert servers(tenant) == set()


def test_what_a_person_shows_in_another_region_stays_and_holds_nothing_up(
    tenant: Tenant, addresses: Iterator[str]
) -> None:
    simulator = tenant.world.environment.simulator
    elsewhere = dataclasses.replace(simulator, region=ELSEWHERE)
    balancer, console = f"{tenant.balancer[:-3]}abc", CloudConsole(elsewhere)
    elsewhere.create_load_balancer(identifier=balancer, vip=next(addresses), tags={})
    tenant.world.operator.stop()
    tenant.world.operator.start(regions=(simulator.region, ELSEWHERE))
    put(tenant, purchase())
    tenant.authority()
    tenant.listener(tls=TLS)
    tenant.wait_ready(KIND, "api")
    (first,) = servers(tenant)
    certificate = {"SSLMode": "UNIDIRECTIONAL", "CertId": first}
    console.change(
        "CreateListener", LoadBalancerId=balancer, Ports=[443], Protocol="HTTPS", Certificate=certificate
    )
    (theirs,) = console.listeners(balancer)

    tenant.change("Secret", "purchased", {"data": content(purchase())})
    eventually(lambda: shown(tenant)[PORT] != first, within=30, what="the renewed certificate is shown")
    tenant.wait_ready(KIND, "api")
    tenant.provoke_pass(KIND, "api")
    assert first in servers(tenant)
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api", within=60)
    assert servers(tenant) == {first}
    eventually(lambda: kept(tenant), what="an event says that the certificate stays")
    assert f"certificate {first} stays in the cloud: load balancer {balancer} uses it" in kept(tenant)[0]

    console.change("DeleteListener", LoadBalancerId=balancer, ListenerId=theirs["ListenerId"])
    console.call("ssl", "DeleteCertificate", CertificateId=first)
    console.close()
