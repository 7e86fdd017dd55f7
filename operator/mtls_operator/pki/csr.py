"""Certificate signing requests: read, and held against the manifest that they came with.

Pure. Called by `core` for a ClientCert with `spec.request`.

A request proves that somebody has a key; its other content decides nothing. Subject and names of the
certificate come from the manifest, which the CA's policy has seen. A request that asks for more is
refused all the same: its author expects something that the certificate would not be.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import MALFORMED
from mtls_operator.pki.keys import KeySpec, PublicKey, issuable_key
from mtls_operator.pki.names import SubjectAltNames, common_name_of
from mtls_operator.pki.profiles import Usage
from mtls_operator.pki.signing import key_id_of
from mtls_operator.pki.text import Block, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_operator.pki.names import Subject

_LABELS: Final = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
_MIN_EXPONENT: Final = 65537  # FIPS 186-5; with 1, anybody could sign

_MAX_TEXT: Final = 2000  # of a request's content in a message: a condition's has an end
# What is not here is let pass: keyEncipherment and keyAgreement stand in many a template, concern the
# holder's own key only, and do not come into the certificate, which has digitalSignature alone.
_REFUSED_BITS: Final = {
    "content_commitment": "nonRepudiation",
    "data_encipherment": "dataEncipherment",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request whose own signature is good: who made it has the private key.

    Attributes:
        public_key: the key that a certificate is asked for.
        key: its kind and size.
        subject_common_name: None when the subject has none, or is empty.
        content: the request itself.
    """

    public_key: PublicKey
    key: KeySpec
    subject_common_name: str | None
    content: x509.CertificateSigningRequest


def load_csr(pem: bytes) -> Request:
    """Read a request.

    Raises:
        PkiError: the text is not one PEM block that is a request, the request's signature was not made
            with its key, or the key is of a kind that no certificate is issued for.
    """
    request = _parse(_only_block(pem))
    public_key = _key_of(request)
    _check_possession(request)
    try:
        common_name = common_name_of(request.subject)
        list(request.extensions)  # see to it that they can be read
    except MALFORMED as error:
        raise PkiError(f"the certificate signing request cannot be read: {error}") from None
    return Request(
        public_key=public_key,
        key=KeySpec.of(public_key),
        subject_common_name=common_name or None,
        content=request,
    )


def _only_block(pem: bytes) -> Block:
    blocks = read_blocks(pem.decode("ascii", errors="replace"))
    private = next((block.label for block in blocks if block.label.endswith("PRIVATE KEY")), None)
    if private is not None:
        raise PkiError(
            f"the request holds a {private}, which everybody who may read the manifest has seen; "
            "make a new key, and put only the request into the manifest"
        )
    if len(blocks) > 1 or blocks[0].label not in _LABELS:
        labels = ", ".join(block.label for block in blocks)
        raise PkiError(f"the request must be one PEM block CERTIFICATE REQUEST; the text holds {labels}")
    return blocks[0]


def _parse(block: Block) -> x509.CertificateSigningRequest:
    try:
        return x509.load_der_x509_csr(block.der)
    except (ValueError, x509.InvalidVersion):
        raise PkiError("the certificate signing request is damaged; copy it again as a whole") from None


def _key_of(request: x509.CertificateSigningRequest) -> PublicKey:
    try:
        # The attribute is documented; cryptography's own type stub forgets it.
        key = issuable_key(request.public_key(), request.public_key_algorithm_oid)  # type: ignore[attr-defined]
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError("the key of the request cannot be read; make one of RSA or ECDSA") from None
    if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e < _MIN_EXPONENT:
        raise PkiError(f"the public exponent of the request's RSA key is less than {_MIN_EXPONENT}")
    return key


def _check_possession(request: x509.CertificateSigningRequest) -> None:
    try:
        proven = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError("the request is signed in a way that is not supported; sign it with SHA-256") from None
    if not proven:
        raise PkiError(
            "the request's signature was not made with its key: it was changed after it was signed, or "
            "whoever made it does not have the private key; make it anew"
        )


def check_csr(csr: Request, *, subject: Subject, names: SubjectAltNames) -> None:
    """Refuse a request that asks for anything that the certificate will not have.

    Less is fine: an empty subject, no extensions. An extension may state what holds anyway, such as
    CA:FALSE, or the key's own identifier, which Java's keytool always adds. Attributes that are no
    extensions (a challenge password, the client's version) never come into a certificate.

    Args:
        csr: the request.
        subject: whom the certificate will name.
        names: the alternative names that it will have.

    Raises:
        PkiError: it asks for more; the sentence lists all of that.
    """
    findings = (
        *_subject_findings(csr.content.subject, subject),
        *(finding for extension in csr.content.extensions for finding in _findings(extension, csr, names)),
    )
    if findings:
        raise PkiError(
            f"the request asks for what the certificate will not have: {_listed(findings)}. "
            "Make the request without it, or add the name to the manifest"
        )


def _listed(findings: tuple[str, ...]) -> str:
    text = "; ".join(findings)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _subject_findings(asked: x509.Name, subject: Subject) -> Iterator[str]:
    for attribute in asked:
        if attribute.value not in subject.values_of(attribute.oid):
            yield f"the subject attribute {attribute.rfc4514_string()!r}"


def _findings(
    extension: x509.Extension[x509.ExtensionType], csr: Request, names: SubjectAltNames
) -> Iterator[str]:
    match extension.value:
        case x509.BasicConstraints(ca=is_ca):
            if is_ca:
                yield "to be a CA (basicConstraints CA:TRUE)"
        case x509.KeyUsage() as usage:
            yield from (f"the key usage {name}" for bit, name in _REFUSED_BITS.items() if getattr(usage, bit))
        case x509.ExtendedKeyUsage() as usages:
            others = (oid.dotted_string for oid in usages if oid != Usage.CLIENT.oid)
            yield from (f"the extended key usage {oid}" for oid in others)
        case x509.SubjectAlternativeName() as asked:
            yield from _name_findings(asked, names)
        case x509.SubjectKeyIdentifier(digest=digest) if digest == key_id_of(csr.public_key):
            pass
        case _:
            yield f"the extension {extension.oid.dotted_string}"


def _name_findings(extension: x509.SubjectAlternativeName, names: SubjectAltNames) -> Iterator[str]:
    try:
        asked = SubjectAltNames.from_extension(extension)
    except PkiError as error:
        yield str(error)
        return
    for kind in fields(SubjectAltNames):
        held = getattr(names, kind.name)
        yield from (f"the name {name!r}" for name in getattr(asked, kind.name) if name not in held)
