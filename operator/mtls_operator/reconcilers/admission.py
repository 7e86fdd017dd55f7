"""Whether a ClientCert may have what it asks for: access, names, key, quota, approval.

Called by the ClientCert reconciler in every pass, before anything is looked at that would be written.
What was issued before stays where it is, whatever is decided now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtls_operator.api.authority_policy import Approval, NamespacesFrom
from mtls_operator.core.approval import Judgement, approvals_config_map, judge
from mtls_operator.core.client_cert import wanted_leaf
from mtls_operator.core.conditions import APPROVED, Aspect
from mtls_operator.core.outcome import STUCK_RETRY
from mtls_operator.core.policy import require_access, require_key, require_names
from mtls_operator.core.quota import require_quota
from mtls_operator.core.reasons import Reason
from mtls_operator.core.secret_metadata import require_metadata
from mtls_operator.core.signing_request import read_request, require_no_more
from mtls_operator.errors import AwaitsApproval, RequestDenied

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.leaf import WantedLeaf
    from mtls_operator.ports import Kube, View
    from mtls_operator.reconcilers.signers import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A request that was allowed.

    Attributes:
        cert: the very object that was judged; only for it may be issued.
        leaf: the certificate that it may have.
        approved: the condition that says who allowed it.
    """

    cert: ClientCert
    authority: CertificateAuthority
    leaf: WantedLeaf
    approved: Aspect


class Admission:
    """Judges requests."""

    def __init__(self, kube: Kube, view: View, signers: Signers, *, domains: Collection[str]) -> None:
        """Take the ports, and the domains whose labels and annotations requesters may set."""
        self._kube = kube
        self._view = view
        self._signers = signers
        self._domains = domains

    async def decide(self, cert: ClientCert) -> Admitted:
        """Return what the authority allows.

        Raises:
            NotReady: there is no such authority.
            RequestDenied: a rule refuses the request.
            AwaitsApproval: a person has to decide first.
            PkiError: a name cannot be certified.
        """
        authority = await self._signers.authority(cert.ca())
        namespace = cert.metadata.namespace
        self._require_access(authority, cert, self._signers.labels_of(namespace))
        require_metadata(cert.spec.secret_template, self._domains)
        require_names(authority, cert)
        leaf = _leaf(authority, cert)
        require_key(authority, leaf)
        require_quota(authority, cert, self._view.requests_within(authority.ref, namespace))
        approved = await self._approval(authority, cert)
        return Admitted(cert=cert, authority=authority, leaf=leaf, approved=approved)

    async def confirm(self, admitted: Admitted) -> None:
        """Judge access once more, just before issuing: what is watched may be old by now.

        Raises:
            RequestDenied: the namespace does not carry the labels any more.
        """
        authority, cert = admitted.authority, admitted.cert
        rule, namespace = authority.spec.access.client_certs.namespaces.from_, cert.metadata.namespace
        if rule is not NamespacesFrom.SELECTOR or namespace == authority.metadata.namespace:
            return
        found = await self._kube.get_namespace(namespace)
        self._require_access(authority, cert, found.labels if found is not None else {})

    def _require_access(
        self, authority: CertificateAuthority, cert: ClientCert, labels: Mapping[str, str]
    ) -> None:
        access = authority.spec.access.client_certs
        require_access(authority, access, "clientCerts", namespace=cert.metadata.namespace, labels=labels)

    async def _approval(self, authority: CertificateAuthority, cert: ClientCert) -> Aspect:
        if authority.spec.client_cert_policy.approval is Approval.AUTOMATIC:
            message = f"the policy of CertificateAuthority {authority.ref} allows it"
            return Aspect(APPROVED, holds=True, reason=Reason.POLICY_ALLOWS, message=message)
        where = approvals_config_map(authority.ref)
        approvals = await self._kube.get_config_map(where)
        match judge(cert, approvals.data if approvals is not None else {}):
            case Judgement.APPROVED:
                message = f"approved by hand, in ConfigMap {where}"
                return Aspect(APPROVED, holds=True, reason=Reason.MANUALLY_APPROVED, message=message)
            case Judgement.DENIED:
                raise RequestDenied(
                    Reason.MANUALLY_DENIED,
                    f"the owner of CertificateAuthority {authority.ref} has denied this manifest, in "
                    f"ConfigMap {where}. Change the manifest, or ask the owner.",
                )
            case _:
                raise AwaitsApproval(
                    Reason.APPROVAL_PENDING,
                    f"CertificateAuthority {authority.ref} asks for approval by hand, and this manifest has "
                    f"none. Its owner looks at it and runs: kubectl mtls approve {cert.ref}",
                    STUCK_RETRY,
                )


def _leaf(authority: CertificateAuthority, cert: ClientCert) -> WantedLeaf:
    request = read_request(cert)
    leaf = wanted_leaf(cert, trust_domain=authority.spec.trust_domain, request=request)
    if request is not None:
        require_no_more(request, leaf)
    return leaf
