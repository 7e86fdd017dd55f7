"""What an authority's status says of its roots. Pure. Called by the CertificateAuthority reconciler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.authority_rotation import RootGeneration
from mtls_operator.pki.inspect import inspect_certificate

if TYPE_CHECKING:
    from mtls_operator.core.lineage import Generation


def root_status(generation: Generation, upload: str | None) -> RootGeneration:
    """Return a root as the status shows it.

    Args:
        generation: the root.
        upload: its id in the certificate service, while it is uploaded by itself.
    """
    facts = inspect_certificate(generation.certificate)
    return RootGeneration(
        generation=generation.number,
        serial_number=facts.serial_number,
        fingerprint_sha256=facts.fingerprint_sha256,
        not_before=facts.not_before,
        not_after=facts.not_after,
        cloud_certificate_id=upload,
    )
