"""Server certificates as an authority outside the cluster issues them, good and bad."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from builders import NOW
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import Secret

_FOR_SERVERS: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
_YEAR: Final = timedelta(days=365)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its key, and what is sent behind it."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain_pem(self) -> bytes:
        chain = (self.certificate, *self.above)
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)

    @property
    def key_pem(self) -> bytes:
        """The key in the form that openssl has written for decades."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def secret(self, name: str = "purchased", namespace: str = "edge") -> Secret:
        data = {"tls.crt": self.chain_pem, "tls.key": self.key_pem}
        return Secret(ref=ObjectRef(namespace, name), type="kubernetes.io/tls", data=data)


def authority(name: str = "Foreign Root", *, by: KeyPair | None = None, begin: datetime = NOW) -> KeyPair:
    """Make a root, or an intermediate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, by, key, begin, 10 * _YEAR).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    return KeyPair(builder.sign(by.key if by else key, hashes.SHA256()), key)


def server(
    *names: str,
    by: KeyPair,
    usages: Sequence[x509.ObjectIdentifier] | None = _FOR_SERVERS,
    is_authority: bool = False,
    may_sign: bool = False,
    rsa_key: bool = False,
    begin: datetime = NOW,
    lasts: timedelta = _YEAR,
    send: Sequence[KeyPair] = (),
) -> KeyPair:
    """Make a server certificate.

    Args:
        names: its DNS names; none at all leaves the extension out.
        by: who signs.
        usages: its extended key usages; None leaves the extension out.
        is_authority: with basicConstraints CA:TRUE.
        may_sign: with keyCertSign.
        rsa_key: RSA instead of ECDSA.
        begin: when it becomes valid.
        lasts: for how long.
        send: the intermediate authorities that are sent with it.
    """
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    builder = _builder(names[0] if names else "nameless", by, key, begin, lasts)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=is_authority, path_length=None), critical=True
    ).add_extension(_key_usage(may_sign=may_sign), critical=True)
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(listed, critical=False)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
    above = tuple(one.certificate for one in send)
    return KeyPair(builder.sign(by.key, hashes.SHA256()), key, above)


def _key_usage(*, may_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=may_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: str, by: KeyPair | None, key: PrivateKey, begin: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + lasts)
    )
