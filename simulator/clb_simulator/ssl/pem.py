"""Parse certificate and key texts as strictly as the SSL service does.

Pure. Used by `uploads` and by CheckCertificateExist.
"""

import re
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from clb_simulator.errors import ApiError

_BLOCK: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\r?\n(?:[A-Za-z0-9+/=]+\r?\n)+-----END CERTIFICATE-----(?:\r?\n|\Z)"
)
MALFORMED: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a certificate whose inside is damaged."""
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def parse_chain(text: str, *, allow_edges: bool) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text, in order.

    Raises:
        ApiError: FailedOperation.CertificateParseError for stray blanks or what is no certificate,
            .CertificateInvalid when the newlines were lost.
    """
    if not allow_edges and text != text.strip():
        raise _unparsable("the text begins or ends with blanks or newlines")
    body = text.strip()
    if body.startswith(_BEGIN) and "\n" not in body:
        raise ApiError(
            "FailedOperation.CertificateInvalid", "The certificate format is incorrect.", "证书格式错误。"
        )
    blocks = _BLOCK.findall(body)
    if not blocks or "".join(blocks) != body:
        raise _unparsable("the text is not a sequence of PEM certificates")
    try:
        return tuple(x509.load_pem_x509_certificate(block.encode()) for block in blocks)
    except ValueError as error:
        raise _unparsable("a block is not an X.509 certificate") from error


def check_key(leaf: x509.Certificate, text: str, password: str | None, *, allow_edges: bool) -> None:
    """Check that a private key is readable, of a kind that CLB serves, and the leaf's.

    Raises:
        ApiError: FailedOperation.CertificateParseError, .CertificateEncryptInvalid or .CertificateMatchError.
    """
    if not allow_edges and text != text.strip():
        raise _unparsable("the private key begins or ends with blanks or newlines")
    try:
        key = serialization.load_pem_private_key(text.encode(), password.encode() if password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is not chained: it may quote the key's text.
        raise _unparsable("the private key is not a PEM key, or its password is wrong") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ApiError("FailedOperation.CertificateEncryptInvalid", "Only RSA and ECC keys are supported.")
    if key.public_key() != leaf.public_key():
        raise ApiError(
            "FailedOperation.CertificateMatchError", "The private key does not belong to the certificate."
        )


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate says that it is a CA's."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def check_order(chain: tuple[x509.Certificate, ...]) -> None:
    """Check that every certificate is signed by the one after it.

    Raises:
        ApiError: FailedOperation.CertificateChainError.
    """
    for issued, issuer in pairwise(chain):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise ApiError(
                "FailedOperation.CertificateChainError",
                f"{common_name(issued)} is not signed by the certificate that follows it.",
            ) from error


def common_name(certificate: x509.Certificate) -> str:
    """Return the subject's common name, or an empty text."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def subject_alt_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names of the certificate."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def algorithm(certificate: x509.Certificate) -> str:
    """Return the key's kind as the service shows it, for example `RSA 2048` or `ECC 256`."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECC {key.key_size}"
    raise ApiError(
        "FailedOperation.CertificateEncryptInvalid", "Only RSA and ECC certificates are supported."
    )


def _unparsable(reason: str) -> ApiError:
    return ApiError("FailedOperation.CertificateParseError", f"The certificate cannot be parsed: {reason}.")
