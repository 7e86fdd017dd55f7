"""Make the keys and certificates of the local control plane.

Writes files into the folder that it is given; keys are readable by the owner alone. They serve one
development environment and end with it. Nothing here is shared with the operator's `pki` package,
so that a mistake there cannot hide itself here. Called by `controlplane` and `backends`.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID: Final = dt.timedelta(days=365)
_BACKDATED: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate and its key as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A CA that lives in memory; only its certificate is written down.

    Args:
        common_name: The CA's subject.
        now: The time that validity is counted from.
    """

    def __init__(self, common_name: str, now: dt.datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(common_name)
        self.certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The CA certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue_server(self, stem: Path, names: Sequence[str]) -> KeyPair:
        """Issue a server certificate for DNS names and addresses into `<stem>.crt` and `<stem>.key`."""
        sans = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return self._issue(stem, _name(names[0]), ExtendedKeyUsageOID.SERVER_AUTH, sans)

    def issue_client(self, stem: Path, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """Issue a client certificate: Kubernetes reads the user from CN and its groups from O."""
        return self._issue(stem, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _issue(
        self,
        stem: Path,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        sans: x509.SubjectAlternativeName | None,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if sans is not None:
            builder = builder.add_extension(sans, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pair = KeyPair(certificate=stem.with_suffix(".crt"), key=stem.with_suffix(".key"))
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_private_key(pair.key, key)
        return pair

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        own_key = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BACKDATED)
            .not_valid_after(self._now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key), critical=False)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlaneCredentials:
    """Every credential file that the control plane's programs are started with."""

    ca: Path
    serving: KeyPair
    admin: KeyPair
    controller_manager: KeyPair
    service_account_key: Path

    @classmethod
    def make(cls, folder: Path, now: dt.datetime, names: Sequence[str]) -> Self:
        """Make them anew, with a server certificate for these names and addresses."""
        folder.mkdir(parents=True, exist_ok=True)
        authority = Authority("clb-mtls development cluster CA", now)
        ca = folder / "ca.crt"
        ca.write_bytes(authority.pem)
        service_account_key = folder / "service-account.key"
        write_private_key(service_account_key, ec.generate_private_key(ec.SECP256R1()))
        return cls(
            ca=ca,
            serving=authority.issue_server(folder / "kube-apiserver", names),
            admin=authority.issue_client(folder / "admin", "admin", ["system:masters"]),
            controller_manager=authority.issue_client(
                folder / "kube-controller-manager", "system:kube-controller-manager"
            ),
            service_account_key=service_account_key,
        )


def write_private_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key as PEM that nobody but the owner can read, not even for a moment.

    In the older of the two PEM forms: kube-apiserver's --service-account-key-file knows no PKCS#8.
    """
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _name(common_name: str, organisations: Sequence[str] = ()) -> x509.Name:
    organisation = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organisations]
    return x509.Name([*organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
