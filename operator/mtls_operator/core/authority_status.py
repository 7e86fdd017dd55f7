"""What an authority's status and conditions say of its roots, its rotation and its list.

Pure. Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority import AuthorityStatus
from mtls_operator.api.authority_rotation import (
    AdmittedRoots,
    CrlStatus,
    RetiringRoot,
    RootGeneration,
    RotationPhase,
    RotationStatus,
)
from mtls_operator.core import dependants
from mtls_operator.core.conditions import ROTATION_COMPLETE, TRUSTS_FOREIGN_ISSUANCE, Aspect
from mtls_operator.core.lineage import bundle_fingerprint
from mtls_operator.core.reasons import Reason
from mtls_operator.core.revocation import earliest_update, highest_number
from mtls_operator.pki.inspect import inspect_certificate
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from mtls_operator.core.cloud import CertId, Fingerprint
    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.lineage import Generation, Lineage

_SOONEST: Final = timedelta(seconds=1)
_LATEST: Final = timedelta(minutes=1)
_SHARE: Final = 8


def build_status(
    lineage: Lineage,
    *,
    uploads: Mapping[Fingerprint, CertId],
    rotation: RotationStatus | None,
    entries: Collection[Entry],
    published: Mapping[str, str],
    now: datetime,
) -> AuthorityStatus:
    """Return the status without its conditions.

    Args:
        lineage: the roots.
        uploads: what the cloud has of them.
        rotation: how far one is, None where that could not be found out.
        entries: the ledger.
        published: the ConfigMap's data.
        now: the time.
    """
    active, admitted = lineage.signer(Usage.CLIENT), lineage.admitted()
    # Those of the operator's own trials come and go every few minutes, and would have it written as often.
    unended = [entry for entry in entries if now < entry.not_after and not entry.is_probe]
    return AuthorityStatus(
        active=_root(active, uploads),
        retiring=tuple(
            _retiring(lineage, generation, uploads, entries, now)
            for generation in lineage.generations
            if generation.number < active.number
        ),
        admitted=AdmittedRoots(
            generations=tuple(generation.number for generation in admitted),
            fingerprint_sha256=bundle_fingerprint(admitted),
            cloud_certificate_id=_upload(bundle_fingerprint(admitted), uploads),
        ),
        rotation=rotation,
        issued=len(unended),
        revoked=sum(entry.revoked is not None for entry in unended),
        crl=_list_status(lineage, published),
    )


def _upload(fingerprint: str, uploads: Mapping[Fingerprint, CertId]) -> str | None:
    return next((upload for known, upload in uploads.items() if known == fingerprint), None)


def _root(generation: Generation, uploads: Mapping[Fingerprint, CertId]) -> RootGeneration:
    facts = inspect_certificate(generation.certificate)
    return RootGeneration(
        generation=generation.number,
        serial_number=facts.serial_number,
        fingerprint_sha256=facts.fingerprint_sha256,
        not_before=facts.not_before,
        not_after=facts.not_after,
        cloud_certificate_id=_upload(facts.fingerprint_sha256, uploads),
    )


def _retiring(
    lineage: Lineage,
    generation: Generation,
    uploads: Mapping[Fingerprint, CertId],
    entries: Collection[Entry],
    now: datetime,
) -> RetiringRoot:
    successor = next(g for g in lineage.generations if g.number > generation.number)
    made = successor.record.made_at or inspect_certificate(successor.certificate).not_before
    return RetiringRoot(
        **dict(_root(generation, uploads)),
        since=made,
        remaining_leaves=dependants.remaining(generation, entries, now),
    )


def _list_status(lineage: Lineage, published: Mapping[str, str]) -> CrlStatus | None:
    next_update = earliest_update(lineage, published)
    if next_update is None:
        return None
    return CrlStatus(number=highest_number(lineage, published, 0), next_update=next_update)


def rotation_aspect(rotation: RotationStatus, refusal: str | None) -> Aspect:
    """Return the condition RotationComplete."""
    if refusal is not None:
        return Aspect(ROTATION_COMPLETE, holds=False, reason=Reason.ROTATION_NOT_POSSIBLE, message=refusal)
    if rotation.phase is RotationPhase.STABLE:
        return Aspect(ROTATION_COMPLETE, holds=True, reason=Reason.SUCCEEDED)
    waiting = "; ".join(rotation.blockers) or ", ".join(rotation.remaining)
    message = f"{rotation.phase}: waits for {waiting}" if waiting else f"{rotation.phase}"
    return Aspect(ROTATION_COMPLETE, holds=False, reason=Reason.ROTATING, message=message)


def foreign_aspect(lineage: Lineage) -> tuple[Aspect, ...]:
    """Return the condition TrustsForeignIssuance, for a root that somebody else made."""
    admitted = [generation for generation in lineage.admitted() if generation.record.source]
    if not admitted:
        return ()
    return (
        Aspect(
            TRUSTS_FOREIGN_ISSUANCE,
            holds=True,
            reason=Reason.FOREIGN_ISSUANCE,
            message=f"the root of Secret {admitted[-1].record.source} was made by somebody else: every "
            "certificate that it ever signed is admitted, not only those of the operator's ledger",
        ),
    )


def next_look(rotation: RotationStatus, since: datetime | None, now: datetime) -> timedelta:
    """Return when to look at a rotation again: soon at first, seldom when a phase lasts.

    One that is due and does not begin has been refused: the manifest has to change first, which is seen.
    """
    due = rotation.next_time - now if rotation.next_time is not None else timedelta(0)
    if since is None:
        return due if due > timedelta(0) else timedelta(days=1)
    patience = min(max((now - since) / _SHARE, _SOONEST), _LATEST)
    return min(patience, max(due, _SOONEST)) if due > timedelta(0) else patience
