"""ClientCert: a certificate and key in a Secret of the requester's namespace.

Kubernetes removes the Secret with its owner, so only an object whose certificates are to be revoked
when it is deleted carries our finalizer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mtls_operator.api.client_cert import ClientCertStatus
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core import client_cert as core
from mtls_operator.core.client_secret import require_own_secret, require_type
from mtls_operator.core.conditions import APPROVED, DENIED, Aspect
from mtls_operator.core.leaf import TLS_CRT, as_stored
from mtls_operator.core.outcome import Done
from mtls_operator.core.password import referenced_password
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import AwaitsApproval, NotReady, OperatorError, RequestDenied
from mtls_operator.pki.profiles import Usage
from mtls_operator.reconcilers.issuing import Purpose
from mtls_operator.reconcilers.passes import Result

if TYPE_CHECKING:
    from cryptography import x509

    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.client_cert import Wanted, Work
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.leaf import StoredLeaf
    from mtls_operator.pki.keys import PrivateKey
    from mtls_operator.ports import Clock, Kube
    from mtls_operator.reconcilers.admission import Admission, Admitted
    from mtls_operator.reconcilers.issuing import Issuing
    from mtls_operator.reconcilers.revocation import Revocation
    from mtls_operator.reconcilers.signers import Signer, Signers


class ClientCertBehaviour:
    """Issues, renews and repairs; revokes."""

    def __init__(
        self,
        *,
        kube: Kube,
        signers: Signers,
        issuing: Issuing,
        admission: Admission,
        revocation: Revocation,
        clock: Clock,
    ) -> None:
        """Take the ports and the parts of a pass."""
        self._kube = kube
        self._signers = signers
        self._issuing = issuing
        self._admission = admission
        self._revocation = revocation
        self._clock = clock

    async def read(self, ref: ObjectRef) -> ClientCert | None:
        """Return the object, None when there is none."""
        return await self._kube.get_client_cert(ref)

    def forget(self, ref: ObjectRef) -> None:
        """Nothing is remembered."""

    async def converge(self, resource: ClientCert) -> Result:
        """Make the Secret what the manifest asks for, with one write or none."""
        await self._hold(resource)
        if resource.is_revoked():
            return await self._revocation.carry_out(resource)
        try:
            admitted = await self._admission.decide(resource)
            return await self._serve(admitted)
        except RequestDenied as denial:
            aspect = Aspect(DENIED, holds=True, reason=Reason(denial.reason), message=denial.message)
            return Result(status=resource.status, outcome=denial, aspects=(aspect,))
        except AwaitsApproval as pending:
            aspect = Aspect(APPROVED, holds=False, reason=Reason(pending.reason), message=pending.message)
            return Result(status=resource.status, outcome=pending, aspects=(aspect,))

    async def tear_down(self, resource: ClientCert) -> Result | None:
        """Revoke, where the manifest asks for it; the Secret goes with its owner."""
        if resource.spec.revoke_on_delete or resource.is_revoked():
            await self._revocation.at_deletion(resource)
        return None

    async def _hold(self, cert: ClientCert) -> None:
        """Set or take away our finalizer, as the manifest now says."""
        if cert.spec.revoke_on_delete and not cert.metadata.has_finalizer:
            await self._kube.add_finalizer(cert)
        elif cert.metadata.has_finalizer and not cert.spec.revoke_on_delete:
            await self._kube.remove_finalizer(cert)

    async def _serve(self, admitted: Admitted) -> Result:
        """Return the result; what fails from here on is not for the request to be denied."""
        try:
            return await self._fill_secret(admitted)
        except RequestDenied:
            raise
        except OperatorError as error:
            return Result(status=admitted.cert.status, outcome=error, aspects=(admitted.approved,))

    async def _fill_secret(self, admitted: Admitted) -> Result:
        cert = admitted.cert
        signer = await self._signers.load(admitted.authority, Usage.CLIENT)
        secret = await self._kube.get_secret(ObjectRef(cert.metadata.namespace, cert.secret_name()))
        require_own_secret(cert, secret)
        require_type(cert, secret)
        wanted = core.Wanted(cert=cert, leaf=admitted.leaf, password=await self._password(cert))
        work, stored = core.work_for(wanted, secret, _trust(signer), self._clock.now())
        if work.issue is not None:
            await self._admission.confirm(admitted)
        if work.is_needed:
            secret, stored = await self._write(wanted, work, secret, stored, signer)
        if secret is None or stored is None:
            raise NotReady(Reason.PROGRESSING, f"Secret {cert.secret_name()} changed while it was written")
        return self._result(admitted, wanted, signer, secret, stored)

    async def _password(self, cert: ClientCert) -> str | None:
        ref = cert.spec.pkcs12.password_secret_ref
        if ref is None or not cert.spec.pkcs12.enabled or cert.spec.request is not None:
            return None
        secret = await self._kube.get_secret(ObjectRef(cert.metadata.namespace, ref.name))
        return referenced_password(cert, secret)

    async def _write(
        self, wanted: Wanted, work: Work, secret: Secret | None, stored: StoredLeaf | None, signer: Signer
    ) -> tuple[Secret, StoredLeaf]:
        chain, key = await self._material(wanted, work, stored, signer)
        rendered = core.render_secret(
            wanted,
            secret,
            chain=chain,
            key=key,
            roots=signer.roots,
            issued=work.issue is not None,
        )
        write = self._kube.update_secret if secret is not None else self._kube.create_secret
        return await write(rendered), as_stored(chain, key, wanted.leaf.renew_token)

    async def _material(
        self, wanted: Wanted, work: Work, stored: StoredLeaf | None, signer: Signer
    ) -> tuple[tuple[x509.Certificate, ...], PrivateKey | None]:
        """Return the chain and the key for the Secret: issued, or the stored leaf with today's tail."""
        requested = wanted.leaf.public_key
        if work.issue is None and stored is not None:
            return (stored.chain[0], *signer.tail), stored.key if requested is None else None
        why = work.issue or "it is damaged"
        purpose = Purpose(requester=wanted.cert, secret=wanted.cert.secret_name(), why=why)
        if requested is not None:
            return await self._issuing.certify(wanted.leaf, requested, signer, purpose), None
        return await self._issuing.issue(wanted.leaf, signer, stored, purpose)

    def _result(
        self, admitted: Admitted, wanted: Wanted, signer: Signer, secret: Secret, stored: StoredLeaf
    ) -> Result:
        cert, facts, renewal = wanted.cert, stored.facts, stored.renewal_time(wanted.leaf)
        status = ClientCertStatus(
            serial_number=facts.serial_number,
            fingerprint_sha256=facts.fingerprint_sha256,
            not_before=facts.not_before,
            not_after=facts.not_after,
            renewal_time=renewal,
            revision=core.revision_of(secret),
            issuer_generation=signer.generation,
            certificate=secret.data[TLS_CRT].decode() if cert.spec.request is not None else None,
        )
        message = f"Secret {cert.secret_name()} holds the certificate of {cert.common_name()!r}"
        if stored.is_cut_short(wanted.leaf, signer.issuer.certificate):
            message += f"; it ends at {facts.not_after:%Y-%m-%d}, with its authority"
        after = max(renewal - self._clock.now(), timedelta(seconds=1))
        outcome = Done(message=message, after=after)
        return Result(status=status, outcome=outcome, aspects=(admitted.approved,))


def _trust(signer: Signer) -> core.Trust:
    return core.Trust(issuer=signer.issuer.certificate, tail=signer.tail, roots=signer.roots)
