"""Certificate revocation lists: signed, read, and how large they get.

Pure: `now` is an argument. Called by the reconcilers (`ca.crl`) and by `kubectl mtls`. CLB reads no
revocation list; these are for everything else that can.

A list belongs to one root: its authority key identifier says to which, since the roots of a rotation
have one name. Reading is strict: what is no list as this module writes it is refused, so that the
caller writes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import MALFORMED
from mtls_operator.pki.keys import issuable_key
from mtls_operator.pki.signing import hash_for, start_of, subject_key_id
from mtls_operator.pki.text import Block, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from mtls_operator.pki.signing import Issuer

# RFC 5280 section 5.3.1, written as Kubernetes writes enumerations. certificateHold and removeFromCRL
# are not offered, since a revocation cannot be taken back; cACompromise and aACompromise are not for leaves.
_FLAGS: Final = {
    "Unspecified": x509.ReasonFlags.unspecified,
    "KeyCompromise": x509.ReasonFlags.key_compromise,
    "AffiliationChanged": x509.ReasonFlags.affiliation_changed,
    "Superseded": x509.ReasonFlags.superseded,
    "CessationOfOperation": x509.ReasonFlags.cessation_of_operation,
    "PrivilegeWithdrawn": x509.ReasonFlags.privilege_withdrawn,
}
REASONS: Final = tuple(_FLAGS)
UNSPECIFIED: Final = "Unspecified"
_REASONS_BY_FLAG: Final = {flag: reason for reason, flag in _FLAGS.items()}

_LABEL: Final = "X509 CRL"
_MAX_BITS: Final = 159  # of serial and list numbers: 20 octets with a sign, RFC 5280 section 5.2.3

# Upper bounds in bytes of DER. An entry: its own header 2, a serial number 22, a GeneralizedTime 17,
# the reason with its headers 14. The frame: everything but the entries, of which the issuer's name
# takes up to 7.3 KB when its manifest holds the most of everything, and a signature up to 521 bytes.
_ENTRY_BYTES: Final = 55
_FRAME_BYTES: Final = 8192
_LINE: Final = 64
_BORDER_BYTES: Final = len(f"-----BEGIN {_LABEL}-----\n-----END {_LABEL}-----\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedSerial:
    """One revoked certificate.

    Attributes:
        serial: its serial number.
        revoked_at: since when, an aware time; a list holds whole seconds.
        reason: one of `REASONS`.

    Raises:
        PkiError: the reason is not offered, or the serial number is none that X.509 allows.
    """

    serial: int
    revoked_at: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise PkiError(f"the reason {self.reason!r} is none of {', '.join(REASONS)}")
        if self.serial < 1 or self.serial.bit_length() > _MAX_BITS:
            raise PkiError(f"{self.serial:x} is no serial number: at least 1, and at most {_MAX_BITS} bits")
        if self.revoked_at.tzinfo is None:
            raise ValueError("revoked_at must be an aware time")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlFacts:
    """What a list says.

    Attributes:
        number: the list's own number; a later list has a higher one.
        this_update: aware, in UTC.
        next_update: when the next list is out at the latest; aware, in UTC.
        authority_key_id: of the root that signed it, in lower-case hexadecimal.
        serials: a pair for each entry: the serial number, in lower-case hexadecimal without leading
            zeros as in `inspect.Facts`, and the reason.
    """

    number: int
    this_update: datetime
    next_update: datetime
    authority_key_id: str
    serials: frozenset[tuple[str, str]]


def build_crl(
    *,
    issuer: Issuer,
    revoked: Iterable[RevokedSerial],
    number: int,
    validity: timedelta,
    now: datetime,
    next_update: datetime | None = None,
) -> x509.CertificateRevocationList:
    """Make a list of everything that one root revoked.

    Args:
        issuer: the root, whose key signs. It may have expired: a list outlives it where somebody asks.
        revoked: in any order; a serial that is given more than once is listed with its earliest time.
        number: higher than that of every earlier list of this root.
        validity: from `now` to the next update.
        now: an aware time; the list begins five minutes earlier.
        next_update: an aware time that is used instead of `now` and the validity.

    Raises:
        PkiError: the number is negative or too large, or the list would end before it begins.
    """
    this_update = start_of(now, issuer.certificate)
    end = (next_update or now + validity).replace(microsecond=0)
    if end <= this_update:
        raise PkiError(f"the revocation list would end at {end.isoformat()}, before it begins")
    if number < 0 or number.bit_length() > _MAX_BITS:
        raise PkiError(f"{number} is no number of a revocation list: from 0, with at most {_MAX_BITS} bits")
    key_id = subject_key_id(issuer.certificate)
    builder = (
        # The builder's own method for entries copies the list for each of them.
        x509.CertificateRevocationListBuilder(revoked_certificates=_entries(revoked))
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(end)
        .add_extension(x509.AuthorityKeyIdentifier(key_id, None, None), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    return builder.sign(issuer.key, hash_for(issuer.key))


def _entries(revoked: Iterable[RevokedSerial]) -> list[x509.RevokedCertificate]:
    """Return the entries in the order of their serials, so that the same content is the same bytes."""
    latest_first = sorted(revoked, key=lambda entry: entry.revoked_at, reverse=True)
    earliest = {entry.serial: entry for entry in latest_first}
    return [_entry(earliest[serial]) for serial in sorted(earliest)]


def _entry(revoked: RevokedSerial) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(revoked.serial)
        .revocation_date(revoked.revoked_at.replace(microsecond=0))
    )
    if revoked.reason != UNSPECIFIED:  # which RFC 5280 section 5.3.1 wants left out
        builder = builder.add_extension(x509.CRLReason(_FLAGS[revoked.reason]), critical=False)
    return builder.build()


def inspect_crl(crl: x509.CertificateRevocationList) -> CrlFacts:
    """Return what a list says; who signed it is `crl_signed_by`'s question.

    Raises:
        PkiError: it is malformed, lacks a number, a next update or a key identifier, or holds an entry
            with a reason that is not offered.
    """
    try:
        return _facts(crl)
    except x509.ExtensionNotFound as error:
        raise PkiError(f"the revocation list has no extension {error.oid.dotted_string}") from None
    except MALFORMED as error:
        raise PkiError(f"the revocation list cannot be read: {error}") from None


def _facts(crl: x509.CertificateRevocationList) -> CrlFacts:
    list(crl.issuer)  # see to it that it can be read
    if crl.next_update_utc is None:
        raise PkiError("the revocation list does not say when the next one is out")
    authority = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return CrlFacts(
        number=crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        authority_key_id=(authority.key_identifier or b"").hex(),
        serials=frozenset((f"{entry.serial_number:x}", _reason_of(entry)) for entry in crl),
    )


def _reason_of(entry: x509.RevokedCertificate) -> str:
    try:
        flag = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return UNSPECIFIED
    reason = _REASONS_BY_FLAG.get(flag)
    if reason is None:
        raise PkiError(
            f"the revocation list holds an entry with the reason {flag.value}, which is not offered"
        )
    return reason


def crl_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key made this list's signature; validity is not looked at."""
    try:
        return crl.issuer == issuer.subject and crl.is_signature_valid(issuable_key(issuer.public_key()))
    except (*MALFORMED, PkiError):
        return False


def load_crls(pem: bytes | str) -> tuple[x509.CertificateRevocationList, ...]:
    """Read the lists of a PEM text in their order, each of them to the end; a blank text holds none.

    Raises:
        PkiError: there is something else in it, or a list cannot be read.
    """
    text = pem.decode("ascii", errors="replace") if isinstance(pem, bytes) else pem
    if not text.strip():
        return ()
    crls = tuple(_load(block) for block in read_blocks(text))
    for crl in crls:
        inspect_crl(crl)  # refuse here what would fail later, at its first use
    return crls


def _load(block: Block) -> x509.CertificateRevocationList:
    if block.label != _LABEL:
        raise PkiError(f"the text holds a block {block.label}; only blocks {_LABEL} are revocation lists")
    try:
        return x509.load_der_x509_crl(block.der)
    except (ValueError, x509.InvalidVersion):
        raise PkiError("the text holds a revocation list that cannot be read") from None


def crls_to_pem(crls: Iterable[x509.CertificateRevocationList]) -> bytes:
    """Write lists as PEM: 64 columns, LF, each block ended by a line break, nothing between."""
    return b"".join(crl.public_bytes(serialization.Encoding.PEM) for crl in crls)


def crl_to_der(crl: x509.CertificateRevocationList) -> bytes:
    """Write a list as DER, what a distribution point serves as application/pkix-crl (RFC 5280, 4.2.1.13)."""
    return crl.public_bytes(serialization.Encoding.DER)


def estimated_pem_size(count: int) -> int:
    """Return how many bytes the PEM of a list with this many entries takes at most.

    The bound holds for every subject that a manifest can ask for; that of an existing root may be
    longer than the 7.3 KB that are reckoned with.
    """
    characters = 4 * -(-(_FRAME_BYTES + count * _ENTRY_BYTES) // 3)
    return _BORDER_BYTES + characters + -(-characters // _LINE)
