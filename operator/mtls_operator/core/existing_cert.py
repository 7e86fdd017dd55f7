"""Whether a certificate that is in the cloud already can serve a listener's domains, and if not, why.

Pure: the caller asks the cloud and passes `now`. Called by the MutualTLSListener reconciler in every
pass. The cloud describes such a certificate and never shows its key, so what `core.referenced_cert`
finds out by reading is taken here from the description.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.cloud import CertificateKind, CertificateState
from mtls_operator.core.reasons import Reason
from mtls_operator.core.referenced_cert import covers
from mtls_operator.errors import NotReady, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from mtls_operator.core.cloud import CertId, DescribedCertificate

_REVIEW_POLL: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCertificate:
    """A server certificate of the cloud that can be shown.

    Attributes:
        names: the domain names that it is good for.
        not_after: its end.
    """

    id: CertId
    names: tuple[str, ...]
    not_after: datetime


def require_existing(
    certificate: CertId,
    found: DescribedCertificate | None,
    uploads: Collection[CertId],
    now: datetime,
) -> ExistingCertificate:
    """Return the certificate that a listener names by its id, when it can be shown.

    Args:
        certificate: the id.
        found: what the cloud says of it.
        uploads: what the operator uploaded itself, and deletes again when nothing uses it.
        now: the time.

    Raises:
        NotReady: the cloud has not approved it yet, or it is not valid yet.
        SpecError: with reason CertificateNotFound or CertificateNotUsable.
    """
    if found is None:
        raise SpecError(
            Reason.CERTIFICATE_NOT_FOUND,
            f"the cloud has no certificate {certificate}. Correct serverCertificate.cloudCertificateId, "
            "or the operator's account.",
        )
    if certificate in uploads:
        raise _unusable(
            certificate,
            "it was uploaded by the operator, which deletes it when its object does not need it any more. "
            "Use serverCertificate.issue or secretRef, as that object does",
        )
    if found.kind is not CertificateKind.SERVER:
        raise _unusable(certificate, "it is a CA's. Name the certificate of a server")
    _require_state(certificate, found.state)
    end = _require_time(certificate, found, now)
    return ExistingCertificate(id=certificate, names=found.names, not_after=end)


def _require_state(certificate: CertId, state: CertificateState) -> None:
    if state is CertificateState.UNDER_REVIEW:
        raise NotReady(
            Reason.PROGRESSING,
            f"certificate {certificate} is {state} in the cloud; looked at again",
            _REVIEW_POLL,
        )
    # The end is judged by the time, which the cloud's own verdict may lag behind.
    if state not in (CertificateState.ISSUED, CertificateState.EXPIRED):
        raise _unusable(certificate, f"its status in the cloud is: {state}. Name one that is issued")


def _require_time(certificate: CertId, found: DescribedCertificate, now: datetime) -> datetime:
    """Return its end."""
    if found.not_after is None:
        raise _unusable(certificate, "the cloud does not say until when it is valid. Name another")
    if found.state is CertificateState.EXPIRED or now >= found.not_after:
        raise _unusable(
            certificate,
            f"it expired at {found.not_after:%Y-%m-%d %H:%M} UTC; what is bound stays. "
            "Name its successor in serverCertificate.cloudCertificateId",
        )
    if found.not_before is not None and now < found.not_before:
        raise NotReady(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"certificate {certificate} is valid from {found.not_before:%Y-%m-%d %H:%M} UTC on",
            found.not_before - now,
        )
    return found.not_after


def require_names(found: ExistingCertificate, domains: Iterable[str]) -> None:
    """Refuse a certificate that is not good for every domain that it would serve.

    Raises:
        SpecError: with reason CertificateNotUsable, naming the domains.
    """
    missing = [domain for domain in domains if not covers(found.names, domain)]
    if missing:
        raise _unusable(
            found.id,
            f"it is not good for {', '.join(missing)}; its names are {', '.join(found.names) or 'none'}. "
            "Name one that has these names, too",
        )


def _unusable(certificate: CertId, why: str) -> SpecError:
    return SpecError(
        Reason.CERTIFICATE_NOT_USABLE, f"certificate {certificate} cannot serve the listener: {why}."
    )
