"""Take a certificate into the service: every check of an upload, and the search for an equal one.

Pure over the store. Used by UploadCertificate and by CLB when a request carries a certificate inline.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from clb_simulator.action import Call
from clb_simulator.errors import ApiError, missing_parameter
from clb_simulator.model import Certificate, CertificateType
from clb_simulator.ssl import pem

_TYPES: Final = ("SVR", "CA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a client uploads; the representation hides the key."""

    chain_pem: str
    key_pem: str | None = field(repr=False)
    type: str
    alias: str = ""
    project_id: int = 0
    password: str | None = field(default=None, repr=False)


def create(call: Call, upload: Upload) -> Certificate:
    """Check an upload and keep it under a new id.

    Raises:
        ApiError: see `inspect`.
    """
    certificate = inspect(call, upload)
    call.store.certificates.put(certificate.certificate_id, certificate)
    return certificate


def inspect(call: Call, upload: Upload) -> Certificate:
    """Check an upload and return what would be kept.

    Raises:
        ApiError: of the SSL product's upload family, as documented for each cause.
    """
    chain = pem.parse_chain(upload.chain_pem, allow_edges=_allows_edges(call))
    try:
        return _describe(call, upload, chain)
    except pem.MALFORMED as error:
        # cryptography reads lazily: some damage shows only when a field is looked at.
        raise ApiError(
            "FailedOperation.CertificateParseError", "The certificate cannot be parsed."
        ) from error


def _describe(call: Call, upload: Upload, chain: tuple[x509.Certificate, ...]) -> Certificate:
    kind = _checked_type(call, upload, chain)
    leaf = chain[0]
    authorities = chain if kind == "CA" else ()
    return Certificate(
        certificate_id=call.ids.take(""),
        certificate_type=kind,
        chain_pem="".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in chain),
        key_pem=upload.key_pem.strip() + "\n" if upload.key_pem and kind == "SVR" else None,
        alias=upload.alias,
        project_id=upload.project_id,
        uploaded_at=call.now,
        leaf_sha1=leaf_fingerprint(leaf),
        chain_sha256=chain_fingerprint(chain),
        common_name=pem.common_name(leaf),
        subject_alt_names=pem.subject_alt_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        algorithm=pem.algorithm(leaf),
        ca_common_names=tuple(pem.common_name(one) for one in authorities),
        ca_not_after=tuple(one.not_valid_after_utc for one in authorities),
    )


def find_equal(call: Call, text: str) -> Certificate | None:
    """Return a certificate that counts as equal to a PEM text; which of several, a switch says.

    Raises:
        ApiError: if the text cannot be parsed.
    """
    chain = pem.parse_chain(text, allow_edges=_allows_edges(call))
    by_chain = call.switches.repeated_upload == "chain"
    wanted = chain_fingerprint(chain) if by_chain else leaf_fingerprint(chain[0])
    equal = [
        one
        for one in call.store.certificates.all()
        if not one.deleted and wanted == (one.chain_sha256 if by_chain else one.leaf_sha1)
    ]
    if not equal:
        return None
    return equal[-1] if call.switches.named_copy == "newest" else equal[0]


def leaf_fingerprint(leaf: x509.Certificate) -> str:
    """Return the SHA-1 fingerprint that the service shows, in upper-case hex."""
    return leaf.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def chain_fingerprint(chain: tuple[x509.Certificate, ...]) -> str:
    """Return a fingerprint of all certificates in their order."""
    return hashlib.sha256(b"".join(one.fingerprint(hashes.SHA256()) for one in chain)).hexdigest()


def _checked_type(call: Call, upload: Upload, chain: tuple[x509.Certificate, ...]) -> CertificateType:
    if upload.type not in _TYPES:
        raise ApiError(
            "InvalidParameterValue", "The value of the parameter `CertificateType` is not SVR or CA."
        )
    if upload.type == "CA":
        _check_authorities(call, chain)
        return "CA"
    if pem.is_authority(chain[0]):
        raise ApiError(
            "InvalidParameter.WithCaAttr", "A CA certificate cannot be uploaded as a server certificate."
        )
    if not upload.key_pem:
        raise missing_parameter("CertificatePrivateKey")
    pem.check_key(chain[0], upload.key_pem, upload.password, allow_edges=_allows_edges(call))
    pem.check_order(chain)
    return "SVR"


def _check_authorities(call: Call, chain: tuple[x509.Certificate, ...]) -> None:
    if not all(pem.is_authority(one) for one in chain):
        raise ApiError("FailedOperation.CertificateCaError", "The certificate is not a CA certificate.")
    if len(chain) > 1 and not call.switches.ca_bundle:
        raise ApiError("FailedOperation.CertificateChainError", "A CA upload may hold one certificate only.")


def _allows_edges(call: Call) -> bool:
    return call.switches.upload_edge_whitespace == "accepted"
