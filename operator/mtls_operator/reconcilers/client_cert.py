"""ClientCert: a certificate and key in a Secret of the requester's namespace.

Nothing outside the cluster, so no finalizer: Kubernetes removes the Secret with its owner.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from mtls_operator.api.client_cert import ClientCertStatus
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core import client_cert as core
from mtls_operator.core.leaf import read_leaf
from mtls_operator.core.outcome import Done
from mtls_operator.core.policy import require_access, require_names
from mtls_operator.pki.profiles import Usage
from mtls_operator.reconcilers.issuing import Purpose
from mtls_operator.reconcilers.passes import Result

if TYPE_CHECKING:
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.client_cert import Wanted, Work
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.leaf import StoredLeaf
    from mtls_operator.ports import Clock, Kube
    from mtls_operator.reconcilers.issuing import Issuing
    from mtls_operator.reconcilers.signers import Signer, Signers


class ClientCertBehaviour:
    """Issues, renews and repairs."""

    def __init__(self, kube: Kube, signers: Signers, issuing: Issuing, clock: Clock) -> None:
        self._kube = kube
        self._signers = signers
        self._issuing = issuing
        self._clock = clock

    async def read(self, ref: ObjectRef) -> ClientCert | None:
        """Return the object, None when there is none."""
        return await self._kube.get_client_cert(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Nothing is remembered."""

    async def converge(self, resource: ClientCert) -> Result:
        """Make the Secret what the manifest asks for, with one write or none."""
        signer = await self._signer(resource)
        secret = await self._kube.get_secret(ObjectRef(resource.metadata.namespace, resource.secret_name()))
        core.require_own_secret(resource, secret)
        wanted = core.Wanted(
            cert=resource, leaf=core.wanted_leaf(resource), password=await self._password(resource)
        )
        work, stored = await asyncio.to_thread(
            core.work_for, wanted, secret, _trust(signer), self._clock.now()
        )
        if work.is_needed:
            secret, stored = await self._write(wanted, work, secret, stored, signer)
        return self._result(resource, wanted, signer, secret, stored)

    async def tear_down(self, resource: ClientCert) -> Result | None:
        """Nothing to undo: the Secret goes with its owner."""
        del resource
        return None

    async def _signer(self, cert: ClientCert) -> Signer:
        """Return who signs, once policy has allowed it; the policy is checked in every pass."""
        authority = await self._signers.authority(cert.ca())
        namespace = cert.metadata.namespace
        labels = self._signers.labels_of(namespace)
        access = authority.spec.access.client_certs
        require_access(authority, access, "clientCerts", namespace=namespace, labels=labels)
        require_names(authority, cert)
        return await self._signers.load(authority, Usage.CLIENT)

    async def _password(self, cert: ClientCert) -> str | None:
        ref = cert.spec.pkcs12.password_secret_ref
        if ref is None or not cert.spec.pkcs12.enabled:
            return None
        secret = await self._kube.get_secret(ObjectRef(cert.metadata.namespace, ref.name))
        return core.referenced_password(cert, secret)

    async def _write(
        self, wanted: Wanted, work: Work, secret: Secret | None, stored: StoredLeaf | None, signer: Signer
    ) -> tuple[Secret, StoredLeaf | None]:
        if work.issue is not None or stored is None:
            purpose = Purpose(
                requester=wanted.cert, secret=wanted.cert.secret_name(), why=work.issue or "it is damaged"
            )
            chain, key = await self._issuing.issue(wanted.leaf, signer, stored, purpose)
        else:
            chain, key = (stored.chain[0], *signer.tail), stored.key
        rendered = await asyncio.to_thread(
            core.render_secret,
            wanted,
            secret,
            chain=chain,
            key=key,
            roots=signer.roots,
            issued=work.issue is not None,
        )
        write = self._kube.update_secret if secret is not None else self._kube.create_secret
        written = await write(rendered)
        return written, read_leaf(written)

    def _result(
        self,
        cert: ClientCert,
        wanted: Wanted,
        signer: Signer,
        secret: Secret | None,
        stored: StoredLeaf | None,
    ) -> Result:
        assert stored is not None  # noqa: S101 - what was just written can be read
        facts, renewal = stored.facts, stored.renewal_time(wanted.leaf)
        status = ClientCertStatus(
            serial_number=facts.serial_number,
            fingerprint_sha256=facts.fingerprint_sha256,
            not_before=facts.not_before,
            not_after=facts.not_after,
            renewal_time=renewal,
            revision=core.revision_of(secret),
            issuer_generation=signer.generation,
        )
        message = f"Secret {cert.secret_name()} holds the certificate of {cert.common_name()!r}"
        if stored.is_cut_short(wanted.leaf, signer.issuer.certificate):
            message += f"; it ends at {facts.not_after:%Y-%m-%d}, with its authority"
        after = max(renewal - self._clock.now(), timedelta(seconds=1))
        return Result(status=status, outcome=Done(message=message, after=after))


def _trust(signer: Signer) -> core.Trust:
    return core.Trust(issuer=signer.issuer.certificate, tail=signer.tail, roots=signer.roots)
