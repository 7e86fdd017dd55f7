"""`kubectl mtls verify`: a table of what was tried, and an exit status that a script can use."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, domain_manifest
from unit.fakes.plugin import FakeApi, Manifest, run

from mtls_operator.core.verification import Alerted, Answered, Observation
from mtls_operator.pki.inspect import chain_to_pem, load_chain
from mtls_operator.pki.issue import Issuer, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_to_pem
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT
from mtls_operator.probing.prober import Knock

KEY = KeySpec(KeyAlgorithm.ECDSA, 256)
ROOT_KEY = generate_key(KEY)
ROOT = issue_root(
    subject=Subject("Root clients"),
    key=ROOT_KEY,
    duration=timedelta(days=90),
    now=NOW - 30 * timedelta(days=1),
)
DAY = timedelta(days=1)


@dataclass
class Door:
    """A listener that admits certificates of the root, or everybody."""

    is_open: bool = False
    asked: tuple[Knock, ...] = ()

    async def knock(self, knock: Knock) -> Observation:
        self.asked = (*self.asked, knock)
        leaf = load_chain(knock.credentials.chain)[0] if knock.credentials else None
        good = leaf is not None and _is_signed(leaf)
        if not (self.is_open or good):
            return Alerted(alert="handshake failure", certificate="aa")
        return Answered(status=200, headers={"x-real-server": "rs-1"}, body="rs-1", certificate="aa")


def _is_signed(leaf: Any) -> bool:
    try:
        leaf.verify_directly_issued_by(ROOT)
    except Exception:  # noqa: BLE001 - whatever is wrong with a signature
        return False
    return True


def secret(
    name: str = "payments", *, owner: str | None = "payments", age: timedelta = timedelta()
) -> Manifest:
    key = generate_key(KEY)
    leaf = issue_leaf(
        profile=CLIENT,
        subject=Subject("payments.edge"),
        names=SubjectAltNames(),
        public_key=key.public_key(),
        issuer=Issuer(ROOT, ROOT_KEY),
        duration=DAY,
        now=NOW - age,
    )
    data = {"tls.crt": chain_to_pem((leaf,)), "tls.key": key_to_pem(key), "ca.crt": chain_to_pem((ROOT,))}
    owners = [{"kind": "ClientCert", "name": owner, "uid": "uid-1"}] if owner else []
    return {
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": "edge", "ownerReferences": owners},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def listener(*domains: Manifest, **spec: Any) -> Manifest:
    wanted = {
        "loadBalancer": {"id": "lb-1", "region": "ap-guangzhou"},
        "port": 8443,
        "tls": {"caRef": {"name": "clients"}},
        "domains": list(domains or (domain_manifest(),)),
        **spec,
    }
    return {
        "kind": "MutualTLSListener",
        "metadata": {"name": "api", "namespace": "edge"},
        "spec": wanted,
        "status": {"addresses": ["192.0.2.1"]},
    }


def client_cert(name: str = "payments", ca: str = "clients") -> Manifest:
    return {
        "kind": "ClientCert",
        "metadata": {"name": name, "namespace": "edge"},
        "spec": {"caRef": {"name": ca}},
        "status": {"serialNumber": "1a"},
    }


def cluster(*more: Manifest) -> FakeApi:
    return FakeApi(listener(), client_cert(), secret(), *more)


def test_closed_doors_are_a_table_and_status_0() -> None:
    door = Door()
    result = run(cluster(), "verify", "api", prober=door)
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[0] == "DOMAIN TRIAL VERDICT ANSWER"
    assert "api.acme.example a good certificate Served HTTP 200 from rs-1" in lines
    assert "api.acme.example no certificate Refused TLS alert handshake failure" in lines
    assert lines[-1].startswith("Enforced: ")
    assert {(knock.address, knock.port) for knock in door.asked} == {("192.0.2.1", 8443)}


def test_what_was_not_tried_is_said() -> None:
    result = run(cluster(), "verify", "api", prober=Door())
    assert "expired" in result.output


def test_an_open_door_is_status_1() -> None:
    result = run(cluster(), "verify", "api", prober=Door(is_open=True))
    assert result.exit_code == 1
    assert "Open: " in result.output


def test_silence_is_status_3() -> None:
    result = run(cluster(), "verify", "api")
    assert result.exit_code == 3
    assert "nobody is at 192.0.2.1" in result.output
    assert "Unknown: " in result.output


def test_it_can_be_another_address_and_secret() -> None:
    door = Door()
    api = cluster(secret("other", owner=None))
    result = run(api, "verify", "api", "--secret", "other", "--address", "127.0.0.1:9000", prober=door)
    assert result.exit_code == 0, result.output
    assert {(knock.address, knock.port) for knock in door.asked} == {("127.0.0.1", 9000)}


def test_a_domain_whose_authority_has_no_secret_here_is_unknown() -> None:
    both = listener(
        domain_manifest("a.acme.example"),
        domain_manifest("b.acme.example", tls={"caRef": {"name": "partners"}}),
        sni=True,
    )
    result = run(FakeApi(both, client_cert(), secret()), "verify", "api", prober=Door())
    assert result.exit_code == 3
    assert "there is no good certificate of CertificateAuthority edge/partners" in result.output


@pytest.mark.parametrize(
    ("objects", "arguments", "sentence"),
    [
        pytest.param([], [], "MutualTLSListener edge/api is not there", id="no listener"),
        pytest.param([listener()], [], "namespace edge has no ClientCert of edge/clients", id="no client"),
        pytest.param([listener(), client_cert()], [], "Secret edge/payments is not there", id="no Secret"),
        pytest.param(
            [listener(), client_cert(), secret(age=2 * DAY)], [], "has ended", id="an ended certificate"
        ),
        pytest.param(
            [listener(), client_cert(), secret()], ["--address", "a b"], "is no address", id="no address"
        ),
    ],
)
def test_what_cannot_be_tried_is_a_sentence(
    objects: list[Manifest], arguments: list[str], sentence: str
) -> None:
    result = run(FakeApi(*objects), "verify", "api", *arguments, prober=Door())
    assert result.exit_code == 1
    assert sentence in result.output
    assert "PRIVATE" not in result.output
