"""`kubectl mtls approve` and `deny`: what is shown is what is decided about, and nothing else."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, authority_manifest, client_cert_manifest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from unit.fakes.plugin import FakeApi, Manifest, run

from mtls_operator.api.client_cert import ClientCert
from mtls_operator.core.approval import Judgement, judge

CERTS = "/apis/mtls.clb-operator.dev/v1alpha1/clientcerts"


def manual(**fields: Any) -> Manifest:
    return authority_manifest(clientCertPolicy={"approval": "Manual"}, **fields)


def request(name: str = "payments", namespace: str = "team-a", **spec: Any) -> Manifest:
    ca = {"name": "clients", "namespace": "edge"}
    return client_cert_manifest(name, namespace=namespace, caRef=ca, **spec)


def approvals(api: FakeApi) -> dict[str, str]:
    found: dict[str, str] = api.find("ConfigMap", "edge", "clients-approvals")["data"]
    return found


def judgement(api: FakeApi, name: str = "payments", namespace: str = "team-a") -> Judgement:
    return judge(ClientCert.parse(api.find("ClientCert", namespace, name)), approvals(api))


def test_an_approval_is_written_where_the_operator_looks() -> None:
    api = FakeApi(manual(), request())
    result = run(api, "approve", "team-a/payments", answer="y\n")
    assert result.exit_code == 0, result.output
    assert judgement(api) is Judgement.APPROVED
    found = api.find("ConfigMap", "edge", "clients-approvals")
    assert found["metadata"]["labels"] == {"mtls.clb-operator.dev/watch": "true"}
    assert "kubectl wait --for=condition=Ready clientcert/payments -n team-a" in result.stdout


def test_other_approvals_stay_and_the_label_is_put_on() -> None:
    existing = {
        "kind": "ConfigMap",
        "metadata": {"name": "clients-approvals", "namespace": "edge"},
        "data": {"team-b.reports": "1:2"},
    }
    api = FakeApi(manual(), request(), existing)
    assert run(api, "approve", "team-a/payments", "--yes").exit_code == 0
    assert approvals(api).keys() == {"team-b.reports", "team-a.payments"}
    labels = api.find("ConfigMap", "edge", "clients-approvals")["metadata"]["labels"]
    assert labels == {"mtls.clb-operator.dev/watch": "true"}


def test_who_may_change_that_one_config_map_needs_no_right_to_create_any() -> None:
    existing = {"kind": "ConfigMap", "metadata": {"name": "clients-approvals", "namespace": "edge"}}
    api = FakeApi(manual(), request(), existing)
    api.refused.add("/api/v1/namespaces/edge/configmaps")
    assert run(api, "approve", "team-a/payments", "--yes").exit_code == 0
    assert judgement(api) is Judgement.APPROVED


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "Enter", "nobody there"])
def test_nothing_is_written_without_a_yes(answer: str) -> None:
    api = FakeApi(manual(), request())
    result = run(api, "approve", "team-a/payments", answer=answer)
    assert (result.exit_code, api.writes) == (0, [])
    assert "left as it is" in result.stdout


FACTS: dict[str, tuple[Manifest, str]] = {
    "common name": ({"subject": {"commonName": "pay.team-a"}}, "pay.team-a"),
    "organizations": ({"subject": {"organizations": ["Acme", "Beta"]}}, "Acme, Beta"),
    "DNS names": ({"dnsNames": ["a.example"]}, "a.example"),
    "URIs": ({"uris": ["spiffe://a/b"]}, "spiffe://a/b"),
    "e-mail addresses": ({"emailAddresses": ["a@b.example"]}, "a@b.example"),
    "IP addresses": ({"ipAddresses": ["10.0.0.7"]}, "10.0.0.7"),
    "duration": ({"duration": "48h", "renewBefore": "12h"}, "48h, renewed 12h before its end"),
    "key": ({"privateKey": {"algorithm": "RSA", "size": 3072}}, "RSA 3072"),
    "Secret": ({"secretName": "elsewhere"}, "team-a/elsewhere"),
}


@pytest.mark.parametrize("name", FACTS)
def test_it_shows_what_is_asked_for(name: str) -> None:
    spec, text = FACTS[name]
    output = run(FakeApi(manual(), request(**spec)), "approve", "team-a/payments").stdout
    [line] = [line for line in output.splitlines() if line.startswith(f"  {name} ")]
    assert text in line


def test_it_shows_the_uri_that_a_trust_domain_makes() -> None:
    trusting = manual(trustDomain="acme.example")
    output = run(FakeApi(trusting, request()), "approve", "team-a/payments").stdout
    assert "spiffe://acme.example/ns/team-a/clientcert/payments" in output


def csr(common_name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def test_it_shows_whose_key_a_request_is_for() -> None:
    output = run(FakeApi(manual(), request(request=csr("pay"))), "approve", "team-a/payments").stdout
    assert "the requester's own" in output
    assert "ECDSA 256 with SHA-256 " in output
    assert "subject CN=pay" in output


def test_it_says_that_a_request_is_damaged() -> None:
    damaged = base64.b64encode(b"hello").decode()
    output = run(FakeApi(manual(), request(request=damaged)), "approve", "team-a/payments").stdout
    assert "the operator will refuse it" in output


def test_a_requester_cannot_redraw_what_the_approver_sees() -> None:
    hostile = {"commonName": "pay\x1b[1A", "organizations": ["Acme\r\u202e"]}
    output = run(FakeApi(manual(), request(subject=hostile)), "approve", "team-a/payments").stdout
    assert not {"\x1b", "\r", "\u202e"} & set(output)
    assert "pay\\x1b[1A" in output


CHANGES = {
    "its spec": lambda one: {**one, "spec": {**one["spec"], "dnsNames": ["other.example"]}},
    "the object": lambda one: {**one, "metadata": {**one["metadata"], "uid": "another"}},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_changed_since_it_was_shown_is_not_approved(changed: str) -> None:
    api = FakeApi(manual(), request())
    reads: list[str] = []

    def change_after_the_first_look(path: str) -> None:
        reads.append(path)
        if len(reads) == 1:
            api.put(CHANGES[changed](api.find("ClientCert", "team-a", "payments")))

    api.after_get = change_after_the_first_look
    result = run(api, "approve", "team-a/payments", "--yes")
    assert (result.exit_code, api.writes) == (1, [])
    assert "was changed while you looked at it" in result.stderr


def test_what_changes_after_the_last_look_is_not_approved_either() -> None:
    api = FakeApi(manual(), request())
    looks: list[str] = []

    def change_after_the_second_look(path: str) -> None:
        looks.extend([path] if "clientcerts" in path else [])
        if len(looks) == 2:
            api.put(request(dnsNames=["other.example"]))

    api.after_get = change_after_the_second_look
    run(api, "approve", "team-a/payments", "--yes")
    assert approvals(api)
    assert judgement(api) is Judgement.PENDING


def test_a_policy_that_approves_by_itself_is_named() -> None:
    for arguments in (["team-a/payments", "--yes"], ["--list", "--ca", "clients"]):
        api = FakeApi(authority_manifest(), request())
        result = run(api, "approve", *arguments)
        assert (result.exit_code, api.writes) == (1, [])
        assert "clientCertPolicy.approval is Automatic" in result.stderr


def test_what_is_revoked_or_going_needs_no_approval() -> None:
    going = request()
    going["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    for one, sentence in ((request(revoked={}), "is revoked"), (going, "is being deleted")):
        result = run(FakeApi(manual(), one), "approve", "team-a/payments", "--yes")
        assert result.exit_code == 1
        assert sentence in result.stderr


def test_approving_twice_writes_once() -> None:
    api = FakeApi(manual(), request())
    run(api, "approve", "team-a/payments", "--yes")
    before = list(api.writes)
    result = run(api, "approve", "team-a/payments", "--yes")
    assert (result.exit_code, api.writes) == (0, before)
    assert "nothing was changed" in result.stdout


def test_a_denial_replaces_an_approval() -> None:
    api = FakeApi(manual(), request())
    run(api, "approve", "team-a/payments", "--yes")
    result = run(api, "deny", "team-a/payments", answer="y\n")
    assert result.exit_code == 0
    assert judgement(api) is Judgement.DENIED
    assert "kubectl mtls revoke team-a/payments" in result.stdout


def test_one_that_cannot_be_approved_does_not_keep_the_others_from_it() -> None:
    api = FakeApi(manual(), request(), request("reports", namespace="team-b"))
    arguments = ("team-a/missing", "team-a/payments", "team-a/gone", "team-b/reports")
    result = run(api, "approve", *arguments, "--yes")
    assert result.exit_code == 1
    assert approvals(api).keys() == {"team-a.payments", "team-b.reports"}
    assert result.stderr.count("is not there") == 2


def test_the_list_has_what_waits_oldest_first() -> None:
    def made(name: str, days: int, **spec: Any) -> Manifest:
        one = request(name, **spec)
        one["metadata"]["creationTimestamp"] = (NOW - timedelta(days=days)).isoformat()
        return one

    api = FakeApi(manual(), made("new", 1), made("old", 2), made("done", 3), made("no", 4))
    api.put(made("dead", 5, revoked={}))
    api.put({**made("foreign", 6), "spec": {"caRef": {"name": "partners"}}})
    run(api, "approve", "team-a/done", "--yes")
    run(api, "deny", "team-a/no", "--yes")
    lines = run(api, "approve", "--list", "--ca", "clients").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["team-a/old", "team-a/new"]
    assert lines[-1].startswith("2 ClientCerts of 4")
    assert lines[-1].endswith("kubectl mtls approve team-a/old")
    run(api, "approve", "team-a/old", "team-a/new", "--yes")
    assert run(api, "approve", "--list", "--ca", "clients").stdout.startswith("Nothing waits")


def test_who_may_not_list_client_certs_is_told() -> None:
    api = FakeApi(manual())
    api.refused.add(CERTS)
    result = run(api, "approve", "--list", "--ca", "clients")
    assert (result.exit_code, "cannot list" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--list"], ["--list", "--ca", "clients", "a/b"], ["a/b", "--ca", "clients"], ["a/b/c"], ["A/b"]],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    assert run(FakeApi(), "approve", *arguments).exit_code == 2
