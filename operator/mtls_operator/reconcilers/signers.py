"""Authorities that are ready to sign, for the ClientCert and MutualTLSListener reconcilers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.core.authority import key_secret, read_issuer
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady
from mtls_operator.pki.inspect import inspect_certificate

if TYPE_CHECKING:
    from cryptography import x509

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.pki.issue import Issuer
    from mtls_operator.ports import Clock, Kube, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An authority with its key.

    Attributes:
        generation: of the root that signs.
        roots: what a verifier should trust.
    """

    authority: CertificateAuthority
    issuer: Issuer
    generation: int
    roots: tuple[x509.Certificate, ...]

    def require_may_issue(self) -> None:
        """Refuse to issue for an authority that is going; what it has issued goes on being used.

        Raises:
            NotReady: it is being deleted.
        """
        if self.authority.metadata.is_deleting:
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"CertificateAuthority {self.authority.ref} is being deleted and issues nothing any more",
            )


class Signers:
    """Finds authorities and their keys."""

    def __init__(self, kube: Kube, view: View, clock: Clock) -> None:
        self._kube = kube
        self._view = view
        self._clock = clock
        self._parsed: dict[ObjectRef, tuple[str, Issuer]] = {}

    async def authority(self, ref: ObjectRef) -> CertificateAuthority:
        """Return an authority.

        Raises:
            NotReady: there is none of this name.
        """
        authority = await self._kube.get_authority(ref)
        if authority is None:
            raise NotReady(
                Reason.AUTHORITY_NOT_FOUND,
                f"CertificateAuthority {ref} does not exist. Create it, or correct caRef.",
            )
        return authority

    def labels_of(self, namespace: str) -> dict[str, str]:
        """Return a namespace's labels, which access rules select by."""
        found = self._view.namespace(namespace)
        return dict(found.labels) if found is not None else {}

    def held(self) -> frozenset[ObjectRef]:
        """Return the authorities whose keys are in memory."""
        return frozenset(self._parsed)

    def forget(self, ref: ObjectRef) -> None:
        """Drop the key of an authority that is gone."""
        self._parsed.pop(ref, None)

    async def load(self, authority: CertificateAuthority) -> Signer:
        """Return the authority with its key.

        Raises:
            NotReady: it has no usable root now.
            SpecError: its key is damaged.
        """
        ref, active = authority.ref, authority.status.active
        secret = await self._kube.get_secret(key_secret(authority)) if active is not None else None
        if active is None or secret is None:
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"CertificateAuthority {ref} has no root to sign with; its own status says why",
            )
        version = f"{secret.uid}/{secret.resource_version}"
        known = self._parsed.get(ref)
        if known is None or known[0] != version:
            known = (version, read_issuer(secret))
            self._parsed[ref] = known
        return self._signer(authority, known[1], active.generation)

    def _signer(self, authority: CertificateAuthority, issuer: Issuer, generation: int) -> Signer:
        facts = inspect_certificate(issuer.certificate)
        if self._clock.now() >= facts.not_after:
            raise NotReady(
                Reason.CA_EXPIRED,
                f"the root of CertificateAuthority {authority.ref} expired at {facts.not_after:%Y-%m-%d}",
            )
        active = authority.status.active
        if active is None or active.fingerprint_sha256 != facts.fingerprint_sha256:
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"CertificateAuthority {authority.ref} is changing its root; its own status says how far",
            )
        return Signer(authority=authority, issuer=issuer, generation=generation, roots=(issuer.certificate,))
