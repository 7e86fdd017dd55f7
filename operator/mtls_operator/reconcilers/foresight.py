"""The certificates that a listener would show and admit, without issuing or uploading any.

Called by `reconcilers.planning` in place of `ServerCertificates.ensure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.core import server_cert as core
from mtls_operator.core.actions import Tls
from mtls_operator.core.cloud import CertificateKind
from mtls_operator.core.foreseen import IssueServerCertificate, UploadAuthority
from mtls_operator.reconcilers.server_certs import (
    Bindings,
    PassAuthorities,
    admitted_upload,
    kept,
    stored_certificate,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cloud import CloudCertificate, Fingerprint, Shown
    from mtls_operator.core.foreseen import Foreseen
    from mtls_operator.core.server_cert import Slot
    from mtls_operator.ports import Clock
    from mtls_operator.reconcilers.others_certs import CertificatesOfOthers, Others
    from mtls_operator.reconcilers.server_certs import Material, ServerCertificates, SlotCertificate
    from mtls_operator.reconcilers.signers import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What there would be.

    Attributes:
        bindings: with a stand-in for each certificate that is not there yet.
        secrets: the Secret behind each server certificate.
        first: what would have to come before anything else.
    """

    bindings: Bindings
    secrets: Mapping[Fingerprint, str]
    first: tuple[Foreseen, ...]


class Foresight:
    """Looks at certificates as a pass that does something would."""

    def __init__(
        self, certificates: ServerCertificates, others: CertificatesOfOthers, signers: Signers, clock: Clock
    ) -> None:
        self._certificates = certificates
        self._others = others
        self._signers = signers
        self._clock = clock

    async def look(self, listener: MutualTLSListener, uploads: Collection[CloudCertificate]) -> Outlook:
        """Return what a pass would show and admit.

        Raises:
            OperatorError: as `ServerCertificates.ensure`, but for an authority that is not uploaded yet.
        """
        uploaded = {upload.id: upload.fingerprint for upload in uploads if upload.kind is CertificateKind.CA}
        authorities = PassAuthorities(self._signers, listener.metadata.namespace)
        others = await self._others.read(listener, uploads)
        by_domain: dict[str, Tls] = {}
        material: dict[Fingerprint, Material] = {}
        certificates: list[SlotCertificate] = []
        foreseen: dict[Foreseen, None] = {}
        for slot in core.slots(listener):
            authority = await authorities.get(slot.admits)
            ca, missing = admitted_upload(authority, uploaded), UploadAuthority(authority.ref)
            if ca is None:
                foreseen[missing] = None
            found = await self._found(listener, slot, authorities, others)
            shown: Shown
            if isinstance(found, IssueServerCertificate):
                foreseen[found], shown = None, found.stand_in()
            else:
                certificates.append(found)
                shown = found.shown
                material |= {found.material.fingerprint: found.material} if found.material else {}
            before = by_domain[slot.domain].server if slot.domain in by_domain else ()
            by_domain[slot.domain] = Tls(server=(*before, shown), ca=ca or missing.stand_in())
        now, first = self._clock.now(), tuple(foreseen)
        return Outlook(
            bindings=Bindings(
                by_domain=by_domain,
                material=material,
                not_after=min((one.not_after for one in certificates), default=now),
                renewal=min((one.due for one in certificates), default=now),
            ),
            secrets={fingerprint: one.secret for fingerprint, one in material.items()}
            | {one.stand_in(): one.secret for one in first if isinstance(one, IssueServerCertificate)},
            first=first,
        )

    async def _found(
        self, listener: MutualTLSListener, slot: Slot, authorities: PassAuthorities, others: Others
    ) -> SlotCertificate | IssueServerCertificate:
        if not isinstance(slot, core.IssuedSlot):
            return kept(slot, others)
        judged = await self._certificates.judge(listener, slot, authorities)
        if judged.stored is None or judged.why is not None:
            return IssueServerCertificate(slot.secret.name, judged.why or "it is damaged")
        due = judged.stored.renewal_time(judged.wanted)
        return stored_certificate(slot.secret, judged.stored, due)
