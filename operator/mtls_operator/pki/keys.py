"""Private keys: which kinds there are, how they are made, written and read.

Pure but for the random source. `generate_key` takes some 70 ms for RSA-2048 and releases the
interpreter lock: call it off the event loop. Called by `pki`, the reconcilers and `kubectl mtls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from mtls_operator.pki.error import PkiError

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

CURVES: Final[dict[int, ec.EllipticCurve]] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
_CURVE_SIZES: Final = {curve.name: size for size, curve in CURVES.items()}
RSA_SIZES: Final = (2048, 3072, 4096)
_PUBLIC_EXPONENT: Final = 65537
_MAX_EXPONENT_BITS: Final = 64  # as OpenSSL allows for a modulus above 3072 bits
_PROBE: Final = b"a key and its own public key"


class KeyAlgorithm(StrEnum):
    """The key algorithms that CLB, browsers and OpenSSL all take."""

    RSA = "RSA"
    ECDSA = "ECDSA"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """An algorithm and a size in bits that fit each other.

    Raises:
        PkiError: the size is not one of the algorithm's.
    """

    algorithm: KeyAlgorithm
    size: int

    def __post_init__(self) -> None:
        sizes = RSA_SIZES if self.algorithm is KeyAlgorithm.RSA else tuple(CURVES)
        if self.size not in sizes:
            allowed = ", ".join(str(size) for size in sizes)
            raise PkiError(f"{self.algorithm} keys have one of the sizes {allowed}, not {self.size}")

    @classmethod
    def of(cls, key: object) -> Self:
        """Return the spec of a private or public key.

        Raises:
            PkiError: the key is of another kind or size (Ed25519, RSA-1024, a Brainpool curve).
        """
        match key:
            case rsa.RSAPrivateKey() | rsa.RSAPublicKey():
                return cls(KeyAlgorithm.RSA, key.key_size)
            case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey():
                return cls(KeyAlgorithm.ECDSA, _curve_size(key.curve))
            case _:
                raise PkiError("the key is neither RSA nor ECDSA; make one of these two")

    def __str__(self) -> str:
        return f"{self.algorithm} {self.size}"


def _curve_size(curve: ec.EllipticCurve) -> int:
    size = _CURVE_SIZES.get(curve.name)
    if size is None:
        raise PkiError(f"the curve {curve.name} is not supported; use P-256, P-384 or P-521")
    return size


def issuable_key(key: object, algorithm: x509.ObjectIdentifier | None = None) -> PublicKey:
    """Return a public key as one that certificates are issued for.

    Args:
        key: the key.
        algorithm: what the certificate or request that holds it calls it. A key for RSASSA-PSS alone
            is read as any RSA key, but fits no certificate of ours and signs none.

    Raises:
        PkiError: it is of another kind or size.
    """
    if algorithm == x509.PublicKeyAlgorithmOID.RSASSA_PSS:
        raise PkiError("the key is for RSASSA-PSS alone; make an RSA key without that restriction")
    KeySpec.of(key)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("the public key is neither RSA nor ECDSA")
    return key


def generate_key(spec: KeySpec) -> PrivateKey:
    """Make a new private key."""
    if spec.algorithm is KeyAlgorithm.RSA:
        return rsa.generate_private_key(public_exponent=_PUBLIC_EXPONENT, key_size=spec.size)
    return ec.generate_private_key(CURVES[spec.size])


def key_to_pem(key: PrivateKey) -> bytes:
    """Write a key as unencrypted PKCS#8, what `tls.key` of a kubernetes.io/tls Secret holds."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_from_pem(pem: bytes) -> PrivateKey:
    """Read an unencrypted key in PKCS#8, PKCS#1 (RSA) or SEC1 (EC) form.

    Raises:
        PkiError: it is no key, encrypted, or of a kind that is not supported. The text says nothing
            of the key, and the parser's own exception is cut off since it may quote its input.
    """
    try:
        # OpenSSL's own check proves the primes again, which takes 40 ms for RSA-2048 and 300 for
        # RSA-4096, all the while with the interpreter lock held. `_check_rsa` does the rest of it.
        key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise PkiError("the private key is encrypted; store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError("the private key is not a readable PEM key (PKCS#8, PKCS#1 or SEC1)") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise PkiError("the private key is neither RSA nor ECDSA; make one of these two")
    KeySpec.of(key)
    if isinstance(key, rsa.RSAPrivateKey):
        _check_rsa(key)
    return key


def _check_rsa(key: rsa.RSAPrivateKey) -> None:
    """Refuse a key whose numbers do not belong together, or whose signature does not verify.

    First the numbers: an exponent of a megabyte would keep the processor busy for minutes.
    """
    numbers = key.private_numbers()
    public, p, q, d = numbers.public_numbers, numbers.p, numbers.q, numbers.d
    fits = (
        1 < p < public.n
        and p * q == public.n
        and 1 < public.e < 1 << _MAX_EXPONENT_BITS
        and 1 < d < public.n
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and public.e * d % (p - 1) == 1
        and public.e * d % (q - 1) == 1
        and numbers.iqmp * q % p == 1
    )
    if not fits or not _signs(key):
        raise PkiError("the private RSA key is damaged: its numbers do not belong together")


def _signs(key: rsa.RSAPrivateKey) -> bool:
    try:
        signature = key.sign(_PROBE, padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, _PROBE, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def same_key(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether the certificate is for this key; it is not when its own key cannot be read."""
    try:
        return public_key_der(certificate.public_key()) == public_key_der(key.public_key())
    except (PkiError, ValueError, UnsupportedAlgorithm):
        return False


def public_key_der(key: object) -> bytes:
    """Return the SubjectPublicKeyInfo of a public key, in which equal keys are equal bytes.

    Raises:
        PkiError: the key is neither RSA nor ECDSA.
    """
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError("the public key is neither RSA nor ECDSA")
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
