"""Authorities that are ready to sign, for the ClientCert and MutualTLSListener reconcilers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.api.authority_rotation import GENERATION_VARIABLE
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.authority import key_secret
from mtls_operator.core.existing_root import read_source
from mtls_operator.core.lineage import issuer_of, read_lineage
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady
from mtls_operator.reconcilers.shared_reads import SharedReads

if TYPE_CHECKING:
    from cryptography import x509

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.lineage import Generation, Lineage
    from mtls_operator.pki.issue import Issuer
    from mtls_operator.pki.keys import PrivateKey
    from mtls_operator.pki.profiles import Usage
    from mtls_operator.ports import Clock, Kube, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """An authority with its key.

    Attributes:
        generation: of the root that signs.
        tail: what follows a leaf in its chain: certificates for verifiers that know only older roots.
        roots: what a verifier should trust.
        distribution_points: where the list of what this root has revoked is found.
    """

    authority: CertificateAuthority
    issuer: Issuer
    generation: int
    tail: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    distribution_points: tuple[str, ...]

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
        self._view = view
        self._clock = clock
        self._parsed: dict[ObjectRef, tuple[str, Lineage]] = {}
        self._sources: dict[tuple[ObjectRef, str], tuple[str, PrivateKey]] = {}
        self._authorities = SharedReads(kube.get_authority)
        self._secrets = SharedReads(kube.get_secret)

    async def authority(self, ref: ObjectRef) -> CertificateAuthority:
        """Return an authority.

        Raises:
            NotReady: there is none of this name.
        """
        authority = await self._authorities.get(ref)
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
        """Drop the keys of an authority that is gone."""
        self._parsed.pop(ref, None)
        for source in [source for source in self._sources if source[0] == ref]:
            del self._sources[source]

    def lineage(self, authority: ObjectRef, secret: Secret) -> Lineage:
        """Return the roots in an authority's Secret, parsed once for each of its versions.

        Raises:
            SpecError: with reason CAKeyDamaged.
        """
        version = _version(secret)
        known = self._parsed.get(authority)
        if known is None or known[0] != version:
            known = (version, read_lineage(secret))
            self._parsed[authority] = known
        return known[1]

    async def admitted(self, authority: CertificateAuthority) -> tuple[Generation, ...]:
        """Return the roots that listeners should trust now, none while the authority has no Secret.

        Raises:
            SpecError: with reason CAKeyDamaged.
        """
        secret = await self._secrets.get(key_secret(authority))
        return self.lineage(authority.ref, secret).admitted() if secret is not None else ()

    async def load(self, authority: CertificateAuthority, usage: Usage) -> Signer:
        """Return the authority with the root that signs leaves of a kind now.

        Raises:
            NotReady: it has no usable root now.
            SpecError: its key is damaged, missing or swapped.
        """
        ref, active = authority.ref, authority.status.active
        secret = await self._secrets.get(key_secret(authority)) if active is not None else None
        if active is None or secret is None:
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"CertificateAuthority {ref} has no root to sign with; its own status says why",
            )
        lineage = self.lineage(ref, secret)
        if lineage.find(active.fingerprint_sha256) is None:
            raise NotReady(
                Reason.AUTHORITY_NOT_READY,
                f"CertificateAuthority {ref} is changing its root; its own status says how far",
            )
        return await self._signer(authority, lineage, lineage.signer(usage))

    async def key_of(self, authority: CertificateAuthority, generation: Generation) -> PrivateKey:
        """Return a root's key, from the Secret of somebody else where that holds it.

        Raises:
            SpecError: the Secret is gone or damaged, or holds another root now.
        """
        if generation.key is not None:
            return generation.key
        ref, name = authority.ref, generation.record.source
        secret = await self._secrets.get(ObjectRef(ref.namespace, name))
        version = f"{generation.fingerprint} {_version(secret)}"
        known = self._sources.get((ref, name))
        if known is None or known[0] != version:
            expected = generation.certificate
            issuer = read_source(secret, ref, name, expected=expected)
            known = (version, issuer.key)
            self._sources[ref, name] = known
        return known[1]

    async def _signer(
        self, authority: CertificateAuthority, lineage: Lineage, generation: Generation
    ) -> Signer:
        end = generation.certificate.not_valid_after_utc
        if self._clock.now() >= end:
            raise NotReady(
                Reason.CA_EXPIRED,
                f"the root of CertificateAuthority {authority.ref} expired at {end:%Y-%m-%d}",
            )
        points = authority.spec.crl.distribution_points
        return Signer(
            authority=authority,
            issuer=issuer_of(generation, await self.key_of(authority, generation)),
            generation=generation.number,
            tail=lineage.tail(generation),
            roots=lineage.roots(),
            distribution_points=tuple(p.replace(GENERATION_VARIABLE, str(generation.number)) for p in points),
        )


def _version(secret: Secret | None) -> str:
    return f"{secret.uid}/{secret.resource_version}" if secret is not None else "none"
