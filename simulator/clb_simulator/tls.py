"""TLS for the API port, with a certificate that the simulator makes itself.

I/O: writes the CA's certificate to a file; keys live in memory, but for the moment in which OpenSSL reads
them. Used by `server`. The CA's key is thrown away once it has signed.
"""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE: Final = dt.timedelta(days=365)
_BACKDATE: Final = dt.timedelta(hours=1)
_NAMES: Final = ("localhost", "*.tencentcloudapi.com", "*.intl.tencentcloudapi.com")
_REGIONS: Final = (
    *("ap-bangkok", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-guangzhou", "ap-hongkong", "ap-jakarta"),
    *("ap-nanjing", "ap-seoul", "ap-shanghai", "ap-singapore", "ap-tokyo", "eu-frankfurt", "na-ashburn"),
    *("na-siliconvalley", "sa-saopaulo"),
)


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """A server certificate, its key and the CA that signed it, as PEM."""

    ca_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)


def issue_identity(host: str, now: dt.datetime) -> ServerIdentity:
    """Make a CA and a certificate for a loopback address and the API's usual host names."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clb-simulator CA")])
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clb-simulator")])
    certificate = (
        _builder(name, ca_name, key.public_key(), now)
        .add_extension(_alternative_names(host), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ServerIdentity(_pem(ca), _pem(certificate), encoded.decode())


def server_context(identity: ServerIdentity, directory: Path) -> ssl.SSLContext:
    """Return what the API port serves TLS with; `directory` holds the key for a moment."""
    bundle = directory / "api.pem"
    bundle.touch(mode=0o600)
    try:
        bundle.write_text(identity.key_pem + identity.certificate_pem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(bundle)
    finally:
        bundle.unlink()
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + _LIFE)
    )


def _alternative_names(host: str) -> x509.SubjectAlternativeName:
    # clb.ap-guangzhou.tencentcloudapi.com has a label more than a wildcard covers.
    regional = tuple(f"*.{region}.tencentcloudapi.com" for region in _REGIONS)
    addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in {host, "127.0.0.1"}]
    return x509.SubjectAlternativeName([*(x509.DNSName(one) for one in (*_NAMES, *regional)), *addresses])


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
