"""A request proves that its author has the key, and asks for nothing that the manifest does not give."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mtls_operator.pki.csr import Request, check_csr, load_csr
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key, key_to_pem, public_key_der
from mtls_operator.pki.names import Subject, SubjectAltNames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
KEY = generate_key(P256)
SUBJECT = Subject(
    "payments.team-a", ("Acme", "Acme Labs"), ("Payments",), ("CN",), ("Shenzhen",), ("Guangdong",)
)
NAMES = SubjectAltNames(
    dns_names=("payments.acme.example",),
    uris=("spiffe://acme.example/ns/team-a/clientcert/payments",),
    email_addresses=("ops@acme.example",),
    ip_addresses=("10.0.0.7", "2001:db8::1"),
)
NO_NAME = x509.Name([])
NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def _usage(*bits: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{**NO_USAGE, **dict.fromkeys(bits, True)})


def _pem(
    *extensions: x509.ExtensionType,
    subject: x509.Name = NO_NAME,
    key: PrivateKey | ed25519.Ed25519PrivateKey = KEY,
    attributes: Mapping[x509.ObjectIdentifier, bytes] | None = None,
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    for oid, value in (attributes or {}).items():
        builder = builder.add_attribute(oid, value)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM)


def _asks(*extensions: x509.ExtensionType, subject: x509.Name = NO_NAME) -> Request:
    return load_csr(_pem(*extensions, subject=subject))


def _check(csr: Request, subject: Subject = SUBJECT, names: SubjectAltNames = NAMES) -> None:
    check_csr(csr, subject=subject, names=names)


def test_a_request_is_read_with_its_key_and_common_name() -> None:
    request = _asks(subject=SUBJECT.to_x509())
    assert public_key_der(request.public_key) == public_key_der(KEY.public_key())
    assert request.key == P256
    assert request.subject_common_name == "payments.team-a"


def test_an_empty_request_is_fine() -> None:
    request = _asks()
    assert request.subject_common_name is None
    _check(request, Subject("payments.team-a"), SubjectAltNames())


def test_a_request_for_all_that_the_manifest_gives_is_fine() -> None:
    _check(
        _asks(
            NAMES.to_x509(),
            x509.BasicConstraints(ca=False, path_length=None),
            _usage("digital_signature"),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),
            x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()),
            subject=SUBJECT.to_x509(),
        )
    )


@pytest.mark.parametrize("bits", [("key_encipherment",), ("digital_signature", "key_agreement")])
def test_key_usages_that_templates_ask_for_by_habit_are_let_pass(bits: tuple[str, ...]) -> None:
    _check(_asks(_usage(*bits)))


def test_names_are_compared_in_their_canonical_form() -> None:
    _check(_asks(x509.SubjectAlternativeName([x509.DNSName("Payments.ACME.example")])))


def _rdn(oid: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value)])


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (_rdn(NameOID.COMMON_NAME, "admin"), "CN=admin"),
        (_rdn(NameOID.COMMON_NAME, "Payments.team-a"), "CN=Payments.team-a"),
        (_rdn(NameOID.ORGANIZATION_NAME, "Evil"), "O=Evil"),
        (_rdn(NameOID.ORGANIZATION_NAME, "Payments"), "O=Payments"),  # an organizational unit of the manifest
        (_rdn(NameOID.ORGANIZATIONAL_UNIT_NAME, "Acme"), "OU=Acme"),
        (_rdn(NameOID.COUNTRY_NAME, "DE"), "C=DE"),
        (_rdn(NameOID.LOCALITY_NAME, "Guangdong"), "L=Guangdong"),
        (_rdn(NameOID.STATE_OR_PROVINCE_NAME, "Bayern"), "ST=Bayern"),
        (_rdn(NameOID.EMAIL_ADDRESS, "ops@acme.example"), "1.2.840.113549.1.9.1=ops@acme.example"),
        (_rdn(NameOID.SERIAL_NUMBER, "7"), "2.5.4.5=7"),
    ],
)
def test_a_subject_attribute_beyond_the_manifest_is_named(subject: x509.Name, shown: str) -> None:
    with pytest.raises(PkiError, match=f"the subject attribute '{shown}'"):
        _check(_asks(subject=subject))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (x509.DNSName("admin.acme.example"), "'admin.acme.example'"),
        (x509.UniformResourceIdentifier("spiffe://acme.example/ns/b"), "'spiffe://acme.example/ns/b'"),
        (x509.RFC822Name("root@acme.example"), "'root@acme.example'"),
        (x509.IPAddress(ip_address("10.0.0.8")), "'10.0.0.8'"),
        (x509.DNSName("a_b.example"), "'a_b.example' is not valid"),
        (x509.DNSName("*.acme.example"), r"'\*.acme.example'"),
        (x509.DirectoryName(SUBJECT.to_x509()), "other than DNS"),
        (x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a"), "other than DNS"),
    ],
)
def test_an_alternative_name_beyond_the_manifest_is_named(name: x509.GeneralName, shown: str) -> None:
    with pytest.raises(PkiError, match=shown):
        _check(_asks(x509.SubjectAlternativeName([x509.DNSName("payments.acme.example"), name])))


@pytest.mark.parametrize(
    ("extension", "finding"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), "to be a CA"),
        (_usage("digital_signature", "key_cert_sign"), "the key usage keyCertSign"),
        (_usage("crl_sign"), "the key usage cRLSign"),
        (_usage("content_commitment"), "the key usage nonRepudiation"),
        (_usage("data_encipherment"), "the key usage dataEncipherment"),
        (
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            r"the extended key usage 1\.3\.6\.1\.5\.5\.7\.3\.1",
        ),
        (
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
            r"the extended key usage 2\.5\.29\.37\.0",
        ),
        (x509.SubjectKeyIdentifier(b"0" * 20), r"the extension 2\.5\.29\.14"),
        (x509.OCSPNoCheck(), r"the extension 1\.3\.6\.1\.5\.5\.7\.48\.1\.5"),
        (
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
            r"the extension 1\.2\.3\.4",
        ),
    ],
)
def test_a_capability_beyond_a_client_s_is_named(extension: x509.ExtensionType, finding: str) -> None:
    with pytest.raises(PkiError, match=finding):
        _check(_asks(extension))


def test_everything_that_is_too_much_is_said_at_once_with_what_to_do() -> None:
    request = _asks(
        x509.BasicConstraints(ca=True, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("b.example")]),
        subject=_rdn(NameOID.COMMON_NAME, "admin"),
    )
    with pytest.raises(PkiError) as caught:
        _check(request)
    assert str(caught.value) == (
        "the request asks for what the certificate will not have: the subject attribute 'CN=admin'; to be a "
        "CA (basicConstraints CA:TRUE); the name 'b.example'. "
        "Make the request without it, or add the name to the manifest"
    )


def test_a_request_that_asks_for_very_much_gets_a_message_that_fits_into_a_condition() -> None:
    many = [x509.DNSName(f"host-{n}.example") for n in range(5000)]
    with pytest.raises(PkiError) as caught:
        _check(_asks(x509.SubjectAlternativeName(many)))
    assert len(str(caught.value)) < 2500


def test_attributes_that_are_no_extensions_come_into_no_certificate_and_are_let_pass() -> None:
    challenge = x509.ObjectIdentifier("1.2.840.113549.1.9.7")
    _check(load_csr(_pem(attributes={challenge: b"changeit"})))


def test_explanatory_text_around_the_block_is_passed_over() -> None:
    assert load_csr(b"Certificate Request:\n    Data:\n" + _pem() + b"\n").key == P256


def test_the_label_of_old_programs_is_read() -> None:
    pem = _pem()
    assert load_csr(pem.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")) == load_csr(pem)


@pytest.mark.parametrize(
    ("pem", "sentence"),
    [
        (b"", "no PEM block"),
        (b"hello \xff", "no PEM block"),
        (_pem()[:-20], "no PEM block"),
        (
            _pem() + _pem(),
            "must be one PEM block CERTIFICATE REQUEST; the text holds CERTIFICATE REQUEST, CERT",
        ),
        (_pem().replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"), "the text holds CERTIFICATE$"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
            "is damaged; copy it again",
        ),
    ],
)
def test_what_is_not_one_request_is_refused(pem: bytes, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence):
        load_csr(pem)


def test_a_private_key_in_its_place_or_beside_it_is_refused_as_one_that_is_no_secret_any_more() -> None:
    key = key_to_pem(KEY)
    for pem in (key, key + _pem(), _pem() + key):
        with pytest.raises(
            PkiError, match=r"holds a PRIVATE KEY, which everybody .* make a new key"
        ) as caught:
            load_csr(pem)
        assert key.splitlines()[1][:16].decode() not in str(caught.value)


def test_a_request_that_was_not_signed_with_its_key_is_refused() -> None:
    """Swap in another key of the same kind: only its owner could sign for it."""
    ours, other = (
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for key in (KEY, generate_key(P256))
    )
    der = x509.load_pem_x509_csr(_pem()).public_bytes(serialization.Encoding.DER)
    assert ours in der
    forged = x509.load_der_x509_csr(der.replace(ours, other))
    with pytest.raises(PkiError, match="signature was not made with its key"):
        load_csr(forged.public_bytes(serialization.Encoding.PEM))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    short = bytes([len(content)]) if len(content) < 0x80 else b""
    return bytes([tag]) + (short or b"\x82" + len(content).to_bytes(2)) + content


def test_a_subject_of_the_wrong_type_is_refused_though_its_author_has_the_key() -> None:
    """cryptography makes no such request, so it is changed and signed again by hand."""
    bits = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00" * 150, _ASN1Type.BitString)
    key = ec.generate_private_key(ec.SECP256R1())
    signed = x509.load_pem_x509_csr(_pem(subject=x509.Name([bits]), key=key))
    common_name = signed.tbs_certrequest_bytes.replace(b"\x55\x04\x2d", b"\x55\x04\x03")
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    signature = key.sign(common_name, ec.ECDSA(hashes.SHA256()))
    der = _der(0x30, common_name, ecdsa_with_sha256, _der(0x03, b"\x00", signature))
    request = x509.load_der_x509_csr(der)
    with pytest.raises(PkiError, match="request cannot be read"):
        load_csr(request.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "neither RSA nor ECDSA"),
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), "not 1024"),  # noqa: S505 (too weak on purpose)
        (rsa.generate_private_key(public_exponent=3, key_size=2048), "exponent .* is less than 65537"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1 is not supported"),
    ],
)
def test_a_key_that_no_certificate_is_issued_for_is_refused(
    key: PrivateKey | ed25519.Ed25519PrivateKey, sentence: str
) -> None:
    with pytest.raises(PkiError, match=sentence):
        load_csr(_pem(key=key))


def _made_by(*command: str, folder: Path) -> bytes:
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


@pytest.mark.parametrize("kind", [["-newkey", "rsa:2048"], ["-newkey", "ec", "-pkeyopt", "group:P-384"]])
def test_a_request_of_openssl_is_fine(kind: list[str], tmp_path: Path) -> None:
    names = ["-addext", "subjectAltName=DNS:payments.acme.example,IP:10.0.0.7"]
    usage = ["-addext", "keyUsage=digitalSignature,keyEncipherment", "-addext", "extendedKeyUsage=clientAuth"]
    subject = ["-subj", "/O=Acme/CN=payments.team-a", "-nodes", "-keyout", "tls.key"]
    pem = _made_by("openssl", "req", "-new", *kind, *subject, *names, *usage, folder=tmp_path)
    request = load_csr(pem)
    assert request.subject_common_name == "payments.team-a"
    _check(request)


def test_a_key_for_pss_alone_is_refused(tmp_path: Path) -> None:
    key = ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-keyout", "tls.key"]
    pem = _made_by("openssl", "req", "-new", *key, "-subj", "/CN=payments.team-a", folder=tmp_path)
    with pytest.raises(PkiError, match="for RSASSA-PSS alone"):
        load_csr(pem)


@pytest.mark.skipif(
    shutil.which("keytool") is None, reason="keytool, which comes with Java, is not on the PATH"
)
def test_a_request_of_keytool_is_fine_although_it_asks_for_a_key_identifier(tmp_path: Path) -> None:
    store = ["-alias", "a", "-keystore", "client.p12", "-storetype", "PKCS12", "-storepass", "changeit"]
    kind = ["-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=payments.team-a, O=Acme"]
    _made_by("keytool", "-genkeypair", *store, *kind, folder=tmp_path)
    request = load_csr(_made_by("keytool", "-certreq", *store, folder=tmp_path))
    assert [extension.oid for extension in request.content.extensions] == [x509.SubjectKeyIdentifier.oid]
    _check(request)
