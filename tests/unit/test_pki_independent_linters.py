"""Everything that is signed passes pkilint and OpenSSL's strict verification; the guide's own do not."""

from __future__ import annotations

import subprocess
import warnings
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from pkilint.bin import lint_crl, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

from mtls_operator.pki.crl import REASONS, RevokedSerial, build_crl, crls_to_pem
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root, renew_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, SERVER, Profile

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from cryptography import x509

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(days=90)
ROOT_SUBJECT = Subject("Acme Client Root", ("Acme",), ("Security",), ("CN",), ("深圳",), ("Guangdong",))
RSA_2048 = KeySpec(KeyAlgorithm.RSA, 2048)
HOST = SubjectAltNames(
    dns_names=("api.acme.example", "xn--bcher-kva.example"), ip_addresses=("127.0.0.1", "::1")
)
PERSON = SubjectAltNames(
    dns_names=("payments.acme.example",),
    uris=("https://acme.example/payments",),
    email_addresses=("ops@acme.example",),
)
POINTS = ("http://pki.acme.example/clients.crl", "https://pki.acme.example/clients.crl")


@pytest.fixture(scope="module")
def rsa_key() -> PrivateKey:
    return generate_key(RSA_2048)


@pytest.fixture(scope="module", params=["RSA", "P-256", "P-384", "P-521"])
def issuer(request: pytest.FixtureRequest, rsa_key: PrivateKey) -> Issuer:
    sizes = {"P-256": 256, "P-384": 384, "P-521": 521}
    size = sizes.get(request.param)
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, size)) if size else rsa_key
    return Issuer(issue_root(subject=ROOT_SUBJECT, key=key, duration=10 * 365 * QUARTER / 90, now=NOW), key)


@pytest.fixture(scope="module")
def successor() -> Issuer:
    """The next root: the same name, another key."""
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    return Issuer(issue_root(subject=ROOT_SUBJECT, key=key, duration=40 * QUARTER, now=NOW), key)


def _leaf(
    issuer: Issuer, key: PrivateKey, profile: Profile, names: SubjectAltNames, *points: str
) -> x509.Certificate:
    return issue_leaf(
        profile=profile,
        subject=Subject("payments.team-a", ("Acme",), countries=("CN",)),
        names=names,
        public_key=key.public_key(),
        issuer=issuer,
        duration=QUARTER,
        now=NOW,
        distribution_points=points,
    )


def _leaves(issuer: Issuer, rsa_key: PrivateKey) -> dict[str, x509.Certificate]:
    p256 = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    return {
        "server, RSA": _leaf(issuer, rsa_key, SERVER, HOST),
        "server, P-256": _leaf(issuer, p256, SERVER, HOST),
        "client, a common name only": _leaf(issuer, p256, CLIENT, SubjectAltNames()),
        "client, RSA, every kind of name": _leaf(issuer, rsa_key, CLIENT, PERSON),
        "client, two distribution points": _leaf(issuer, p256, CLIENT, PERSON, *POINTS),
    }


def _findings(tool: ModuleType, *arguments: str | Path) -> list[str]:
    """Run one of pkilint's programs, without the cost of a process; return its findings from WARNING up."""
    with redirect_stdout(StringIO()) as output, warnings.catch_warnings():
        # pkilint leaves the files that it opened to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        count = tool.main(["lint", "-s", "WARNING", *(str(argument) for argument in arguments)])
    findings = [line.strip() for line in output.getvalue().splitlines() if line.startswith("    ")]
    assert count == len(findings), output.getvalue()
    return findings


def _write(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(chain_to_pem([certificate]))
    return path


def test_pkilint_finds_nothing_in_root_or_leaves(issuer: Issuer, rsa_key: PrivateKey, tmp_path: Path) -> None:
    root = _write(tmp_path / "root.crt", issuer.certificate)
    assert _findings(lint_pkix_cert, root) == []
    assert _findings(lint_pkix_signer_signee_cert_chain, root, root) == []
    for kind, certificate in _leaves(issuer, rsa_key).items():
        leaf = _write(tmp_path / "leaf.crt", certificate)
        assert _findings(lint_pkix_cert, leaf) == [], kind
        assert _findings(lint_pkix_signer_signee_cert_chain, root, leaf) == [], kind


def test_pkilint_finds_nothing_in_the_certificates_of_a_rotation(
    issuer: Issuer, successor: Issuer, rsa_key: PrivateKey, tmp_path: Path
) -> None:
    old, new = (_write(tmp_path / f"{n}.crt", root.certificate) for n, root in enumerate((issuer, successor)))
    cross = _write(
        tmp_path / "cross.crt", cross_sign(root=successor.certificate, issuer=issuer, now=NOW + QUARTER)
    )
    leaf = _write(tmp_path / "leaf.crt", _leaf(successor, rsa_key, CLIENT, PERSON))
    assert _findings(lint_pkix_cert, cross) == []
    for signer, signee in ((old, cross), (cross, leaf), (new, leaf)):
        assert _findings(lint_pkix_signer_signee_cert_chain, signer, signee) == [], (signer, signee)


def test_pkilint_finds_nothing_in_a_root_that_was_renewed_for_the_same_key(
    issuer: Issuer, rsa_key: PrivateKey, tmp_path: Path
) -> None:
    renewed = _write(
        tmp_path / "root.crt",
        renew_root(root=issuer.certificate, key=issuer.key, duration=80 * QUARTER, now=NOW + QUARTER),
    )
    leaf = _write(tmp_path / "leaf.crt", _leaf(issuer, rsa_key, CLIENT, PERSON))
    assert _findings(lint_pkix_cert, renewed) == []
    for signee in (renewed, leaf):
        assert _findings(lint_pkix_signer_signee_cert_chain, renewed, signee) == []


@pytest.mark.parametrize("reasons", [(), REASONS])
def test_pkilint_finds_nothing_in_a_revocation_list(
    issuer: Issuer, reasons: tuple[str, ...], tmp_path: Path
) -> None:
    revoked = [
        RevokedSerial(serial=n, revoked_at=NOW, reason=reason)
        for n, reason in enumerate(reasons, start=1 << 99)
    ]
    crl = build_crl(issuer=issuer, revoked=revoked, number=4, validity=timedelta(days=7), now=NOW)
    path = tmp_path / "ca.crl"
    path.write_bytes(crls_to_pem([crl]))
    assert _findings(lint_crl, "-t", "CRL", "-p", "PKIX", path) == []


@pytest.mark.parametrize(
    ("profile", "names", "finding"),
    [
        # RFC 5280 leaves wildcards to the application (section 4.2.1.6); RFC 6125 defines them.
        (
            SERVER,
            SubjectAltNames(dns_names=("*.acme.example",)),
            'pkix.invalid_domain_name_syntax (ERROR): Invalid domain name syntax: "*.acme.example"',
        ),
        # pkilint's URI check knows nine schemes, and spiffe is none of them.
        (
            CLIENT,
            SubjectAltNames(uris=("spiffe://acme.example/ns/a/clientcert/b",)),
            'pkix.invalid_uri_syntax (ERROR): Invalid URI syntax: "spiffe://acme.example/ns/a/clientcert/b"',
        ),
    ],
)
def test_pkilint_objects_to_nothing_but_the_two_names_that_it_does_not_know(
    rsa_key: PrivateKey, tmp_path: Path, profile: Profile, names: SubjectAltNames, finding: str
) -> None:
    root = Issuer(issue_root(subject=ROOT_SUBJECT, key=rsa_key, duration=QUARTER, now=NOW), rsa_key)
    leaf = _write(tmp_path / "leaf.crt", _leaf(root, rsa_key, profile, names))
    assert _findings(lint_pkix_cert, leaf) == [finding]


def test_openssl_verifies_strictly_for_the_right_side_alone(
    issuer: Issuer, rsa_key: PrivateKey, tmp_path: Path
) -> None:
    root = _write(tmp_path / "root.crt", issuer.certificate)

    def verifies(leaf: Path, purpose: str, moment: datetime) -> bool:
        options = ["-x509_strict", "-purpose", purpose, "-attime", str(int(moment.timestamp()))]
        command: list[str | Path] = ["openssl", "verify", *options, "-CAfile", root, leaf]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    for kind, certificate in _leaves(issuer, rsa_key).items():
        leaf = _write(tmp_path / "leaf.crt", certificate)
        right, wrong = ("sslserver", "sslclient") if kind.startswith("server") else ("sslclient", "sslserver")
        assert verifies(leaf, right, certificate.not_valid_before_utc), kind
        assert verifies(leaf, right, certificate.not_valid_after_utc - timedelta(seconds=1)), kind
        # OpenSSL counts notAfter itself as expired, against RFC 5280.
        assert not verifies(leaf, right, certificate.not_valid_after_utc), kind
        assert not verifies(leaf, wrong, NOW), kind


def test_the_linters_do_find_faults_in_what_the_guides_commands_make(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=True)

    for name, common_name in (("ca", "Guide CA"), ("client", "client")):
        openssl("genrsa", "-out", f"{name}.key", "2048")
        openssl("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={common_name}")
    openssl("x509", "-req", "-in", "ca.csr", "-out", "ca.crt", "-signkey", "ca.key", "-days", "3650")
    signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650")
    openssl("x509", "-req", "-in", "client.csr", "-out", "client.crt", *signing)
    assert _findings(lint_pkix_cert, tmp_path / "ca.crt")
    assert _findings(lint_pkix_cert, tmp_path / "client.crt")


def test_the_chain_linter_tells_two_roots_of_one_name_apart(issuer: Issuer, tmp_path: Path) -> None:
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    other = _write(
        tmp_path / "other.crt", issue_root(subject=ROOT_SUBJECT, key=key, duration=QUARTER, now=NOW)
    )
    leaf = _write(tmp_path / "leaf.crt", _leaf(issuer, key, CLIENT, SubjectAltNames()))
    assert _findings(lint_pkix_signer_signee_cert_chain, other, leaf)
