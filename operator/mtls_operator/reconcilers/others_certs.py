"""The server certificates of a listener that others keep: in Secrets, or in the cloud already.

Read in every pass, each once however many domains share it, and never written. Called by
`reconcilers.server_certs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.core import server_cert as core
from mtls_operator.core.existing_cert import require_existing
from mtls_operator.core.referenced_cert import read_referenced

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cloud import CertId, CloudCertificate
    from mtls_operator.core.existing_cert import ExistingCertificate
    from mtls_operator.core.leaf import StoredLeaf
    from mtls_operator.ports import CertificateStore, Clock, Kube


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The certificates that others keep for a listener."""

    secrets: Mapping[ObjectRef, StoredLeaf]
    in_cloud: Mapping[CertId, ExistingCertificate]


class CertificatesOfOthers:
    """Reads what others keep."""

    def __init__(self, kube: Kube, store: CertificateStore, clock: Clock) -> None:
        self._kube = kube
        self._store = store
        self._clock = clock

    async def read(self, listener: MutualTLSListener, uploads: Collection[CloudCertificate]) -> Others:
        """Return every certificate of others that the manifest names.

        Args:
            listener: the manifest.
            uploads: what the cloud has of ours, which is nobody else's.

        Raises:
            NotReady: one is missing, or not valid yet.
            SpecError: one cannot be used.
        """
        now, ours = self._clock.now(), {upload.id for upload in uploads}
        return Others(
            secrets={
                ref: read_referenced(ref, await self._kube.get_secret(ref), now)
                for ref in sorted(core.referenced_secrets(listener))
            },
            in_cloud={
                certificate: require_existing(certificate, await self._store.describe(certificate), ours, now)
                for certificate in sorted(core.existing_certificates(listener))
            },
        )
