"""Pairs of server certificates, and one that somebody else keeps, as clients meet them."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from cluster.handshake import ECDSA_ONLY, RSA_ONLY, presented
from cluster.kube_api import Manifest
from cluster.prober import Prober
from cluster.tenant import DOMAIN, Tenant
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from eventually import eventually
from foreign_pki import KeyPair, authority, server

from mtls_devcluster.client_files import ClientFiles

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"
CA = {"caRef": {"name": "clients"}}


def tls(**source: object) -> Manifest:
    return {**CA, "serverCertificate": source}


def stored(tenant: Tenant, name: str) -> x509.Certificate:
    """Return the certificate in a Secret."""
    data = tenant.get("Secret", name)["data"]
    return x509.load_pem_x509_certificate(base64.b64decode(data["tls.crt"]))


def client_of(tenant: Tenant, folder: Path) -> ClientFiles:
    tenant.wait_ready("ClientCert", "payments")
    return tenant.files(folder)


def bound(tenant: Tenant) -> int:
    """Return how many server certificates the listener has."""
    (found,) = tenant.world.cloud.listeners(tenant.balancer)
    assert found["Certificate"]["SSLMode"] == "MUTUAL"
    return 1 + len(found["Certificate"]["ExtCertIds"] or [])


def wait_for(tenant: Tenant, count: int) -> None:
    """Wait until the listener has so many server certificates, and the cloud no more of ours."""
    eventually(lambda: bound(tenant), until=lambda n: n == count, what=f"{count} certificates are bound")
    eventually(
        lambda: list(tenant.world.cloud.uploads(tenant.namespace).values()).count("SVR"),
        until=lambda n: n == count,
        what="an upload that is not needed is gone",
    )


@pytest.fixture
def paired(tenant: Tenant, tmp_path: Path) -> ClientFiles:
    """The client of a listener with a pair."""
    tenant.authority()
    tenant.client_cert()
    tenant.listener(tls=tls(issue={"additional": "ECDSA"}))
    tenant.wait_ready(KIND, "api")
    client = client_of(tenant, tmp_path)
    eventually(lambda: tenant.ask(client, client).is_served, what="the listener serves its client")
    return client


def test_each_client_gets_the_certificate_of_the_pair_that_it_can_check(
    tenant: Tenant, paired: ClientFiles
) -> None:
    for way, abilities in RSA_ONLY.items():
        seen = presented(tenant, paired, abilities)
        assert isinstance(seen.public_key(), rsa.RSAPublicKey), way
        assert seen == stored(tenant, "api-server")
    for way, abilities in ECDSA_ONLY.items():
        seen = presented(tenant, paired, abilities)
        assert isinstance(seen.public_key(), ec.EllipticCurvePublicKey), way
        assert seen == stored(tenant, "api-server-ecdsa")
    assert tenant.ask(None, paired).is_refused


def test_a_pair_becomes_one_certificate_and_a_pair_again_without_a_moment_of_an_open_door(
    tenant: Tenant, paired: ClientFiles
) -> None:
    with Prober(tenant.address, trust=paired) as prober:
        for additional, count in ((None, 1), ("ECDSA", 2)):
            tenant.change(KIND, "api", {"spec": {"tls": tls(issue={"additional": additional})}})
            wait_for(tenant, count)
            tenant.wait_ready(KIND, "api")
            prober.wait_for_verdicts(5)
            assert tenant.ask(paired, paired).is_served
        assert prober.served_since(0) == 0
    mark = tenant.world.cloud.mark()
    tenant.provoke_pass(KIND, "api")
    assert tenant.world.cloud.writes(mark) == []


def purchase(*names: str) -> tuple[KeyPair, KeyPair]:
    """Return a certificate of a foreign authority that is sent with its intermediate, and the root."""
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)  # noqa: TID251 - real clients look at it
    root = authority(begin=begin)
    middle = authority("Foreign Intermediate", by=root, begin=begin)
    return server(*names, by=middle, begin=begin, send=[middle]), root


def secret_data(pair: KeyPair) -> Manifest:
    content = {"tls.crt": pair.chain_pem, "tls.key": pair.key_pem}
    return {name: base64.b64encode(value).decode() for name, value in content.items()}


def trusting(root: KeyPair, folder: Path) -> ClientFiles:
    folder.mkdir()
    (folder / "ca.crt").write_bytes(root.chain_pem)
    return ClientFiles(folder)


def test_a_certificate_that_somebody_else_keeps_is_served_and_its_successor_after_a_pass(
    tenant: Tenant, tmp_path: Path
) -> None:
    (first, root), (second, other_root) = purchase(DOMAIN), purchase("*.acme.example")
    tenant.authority()
    tenant.client_cert()
    tenant.listener(tls=tls(secretRef={"name": "purchased"}))
    said = tenant.wait_reason(KIND, "api", "SecretNotFound")
    assert f"Secret {tenant.namespace}/purchased with the server certificate does not exist yet" in said
    assert tenant.world.cloud.listeners(tenant.balancer) == []

    made = tenant.world.kube.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "purchased", "namespace": tenant.namespace},
            "type": "kubernetes.io/tls",
            "data": secret_data(first),
        }
    )
    tenant.poke(KIND, "api")
    tenant.wait_ready(KIND, "api")
    client, trust = client_of(tenant, tmp_path / "client"), trusting(root, tmp_path / "first")
    eventually(lambda: tenant.ask(client, trust).is_served, what="the listener serves its client")
    assert presented(tenant, client) == first.certificate
    assert tenant.ask(None, trust).is_refused
    assert tenant.get("Secret", "purchased")["metadata"] == made["metadata"]

    tenant.change("Secret", "purchased", {"data": secret_data(second)})
    tenant.provoke_pass(KIND, "api")
    assert presented(tenant, client) == second.certificate
    assert tenant.ask(client, trusting(other_root, tmp_path / "second")).is_served
    assert sorted(tenant.world.cloud.uploads(tenant.namespace).values()) == ["CA", "SVR"]
    assert tenant.secret("api-server") is None

    label = {"mtls.clb-operator.dev/watch": "true"}
    tenant.change("Secret", "purchased", {"metadata": {"labels": label}, "data": secret_data(first)})
    eventually(
        lambda: presented(tenant, client) == first.certificate,
        within=10,
        what="a labelled Secret is followed at once",
    )
