"""What a plan needs that is not there yet, and what stands for it in the plan's sentences.

Pure. A pass that only plans issues no certificate and uploads no authority; it says that these come first.
Called by `reconcilers.foresight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mtls_operator.core.cloud import CertId, Fingerprint

if TYPE_CHECKING:
    from mtls_operator.api.meta import ObjectRef


@dataclass(frozen=True, slots=True)
class UploadAuthority:
    """The certificate of an authority, which its own pass uploads once a listener admits its clients."""

    authority: ObjectRef

    def stand_in(self) -> CertId:
        """Return what a plan calls the upload."""
        return CertId(f"of CertificateAuthority {self.authority}")

    def __str__(self) -> str:
        return f"upload the certificate of CertificateAuthority {self.authority}"


@dataclass(frozen=True, slots=True)
class IssueServerCertificate:
    """A server certificate that is missing or due."""

    secret: str
    why: str

    def stand_in(self) -> Fingerprint:
        """Return what a plan calls the certificate; its sentences show the first 16 characters."""
        return Fingerprint(f"yet to be issued into {self.secret}")

    def __str__(self) -> str:
        return f"issue a server certificate into Secret {self.secret}: {self.why}"


Foreseen: TypeAlias = UploadAuthority | IssueServerCertificate
