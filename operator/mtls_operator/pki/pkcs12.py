"""Key, certificate and chain in one password-protected file, for browsers and phones.

Pure but for the random source (salts, passwords). Called by the reconciler of ClientCert.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import PrivateKey, public_key_der, same_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

# OpenSSL's own number. The passwords that we make have over 110 bits; more rounds would only cost time.
ROUNDS: Final = 2048

# Without 0 O 1 I l, which people confuse when they type the password into a phone.
UNAMBIGUOUS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PASSWORD_LENGTH: Final = 20


class Pkcs12Profile(StrEnum):
    """How the file is encrypted.

    MODERN is AES-256-CBC with HMAC-SHA256; LEGACY is 3DES with SHA-1, for what cannot read the former
    (Windows before 10 1709, macOS before 10.15). Both are read by OpenSSL 3, NSS and Java 17.
    """

    MODERN = "Modern"
    LEGACY = "Legacy"


# The object identifier, in DER, of the cipher of the bags: it stands in clear in the file.
_CIPHER_MARKERS: Final = {
    Pkcs12Profile.MODERN: bytes.fromhex("060960864801650304012a"),  # aes256-CBC
    Pkcs12Profile.LEGACY: bytes.fromhex("060a2a864886f70d010c0103"),  # pbeWithSHAAnd3-KeyTripleDES-CBC
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        key: the private key.
        certificate: the leaf.
        chain: the other certificates.
        friendly_name: the leaf's; empty when it has none.
        profile: None when the file is encrypted in another way.
    """

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    friendly_name: str
    profile: Pkcs12Profile | None


def keystore_chain(
    crosses: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return what goes into a file beside the leaf: a root for which there is a cross certificate does not.

    NSS, and OpenSSL where it reads such files, as in curl, would send that root instead of its cross
    certificate, and a listener that trusts only the root before refuses the request.

    Args:
        crosses: the cross certificates that follow the leaf in its chain.
        roots: what a verifier should trust.
    """
    crossed = {public_key_der(certificate.public_key()) for certificate in crosses}
    return (*crosses, *(root for root in roots if public_key_der(root.public_key()) not in crossed))


def build_pkcs12(
    *,
    key: PrivateKey,
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    friendly_name: str,
    password: str,
    profile: Pkcs12Profile,
) -> bytes:
    """Build a PKCS#12 file. Two calls give different bytes, since salts are random: compare `Contents`.

    Args:
        key: the leaf's private key.
        certificate: the leaf.
        chain: certificates between the leaf and the root, and the root where clients want it; see
            `keystore_chain`. Programs send a chain of their own making, Java through the first that fits.
        friendly_name: shown by browsers, the alias in Java; empty for none.
        password: at least one character.
        profile: how it is encrypted.

    Raises:
        PkiError: the password is empty, or the key is not the certificate's.
    """
    if not password:
        raise PkiError("the password of a PKCS#12 file is empty; several programs cannot open such a file")
    if not same_key(certificate, key):
        raise PkiError("the private key does not belong to the certificate of the PKCS#12 file")
    return pkcs12.serialize_key_and_certificates(
        friendly_name.encode() or None, key, certificate, chain, _encryption(profile, password)
    )


def _encryption(profile: Pkcs12Profile, password: str) -> serialization.KeySerializationEncryption:
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS)
    if profile is Pkcs12Profile.MODERN:
        scheme = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
    else:
        scheme = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(
            hashes.SHA1()  # noqa: S303 (what old programs can read)
        )
    return scheme.build(password.encode())


def opens_pkcs12(data: bytes, password: str) -> Contents | None:
    """Open a file; None when it is damaged, the password is another, or key or leaf are missing."""
    try:
        store = pkcs12.load_pkcs12(data, password.encode())
    except ValueError:
        return None
    if not isinstance(store.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or store.cert is None:
        return None
    return Contents(
        key=store.key,
        certificate=store.cert.certificate,
        chain=tuple(other.certificate for other in store.additional_certs),
        friendly_name=(store.cert.friendly_name or b"").decode(errors="replace"),
        profile=_profile_of(data),
    )


def _profile_of(data: bytes) -> Pkcs12Profile | None:
    """Return the profile whose cipher both the certificates and the key are encrypted with."""
    both = 2
    return next((profile for profile, marker in _CIPHER_MARKERS.items() if data.count(marker) == both), None)


def new_password() -> str:
    """Make a password of 20 characters that can be read aloud and typed, with some 116 bits of chance."""
    return "".join(secrets.choice(UNAMBIGUOUS) for _ in range(PASSWORD_LENGTH))
