"""How many ClientCerts of an authority a namespace may have.

Pure. Called by the ClientCert reconciler. The oldest count first, so that a namespace over its limit
keeps what it has and no two passes disagree about who is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.api.model import render_time
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.cluster import Request


def require_quota(authority: CertificateAuthority, cert: ClientCert, requests: Collection[Request]) -> None:
    """Refuse what is beyond the limit, by age and then by uid.

    Args:
        authority: whose policy has the limit.
        cert: the request.
        requests: the ClientCerts of this authority in the namespace; `cert` may be among them.

    Raises:
        RequestDenied: with reason QuotaExceeded.
    """
    limit = authority.spec.client_cert_policy.max_per_namespace
    if len(requests) < limit:
        return
    others = [one for one in requests if not one.deleting and one.uid != cert.metadata.uid]
    created = cert.metadata.creation_timestamp
    own = (render_time(created) if created is not None else "", cert.metadata.uid)
    rank = 1 + sum((one.created, one.uid) < own for one in others)
    if rank > limit:
        raise RequestDenied(
            Reason.QUOTA_EXCEEDED,
            f"clientCertPolicy.maxPerNamespace allows {limit}; namespace {cert.metadata.namespace} has "
            f"{len(others) + 1} ClientCerts of CertificateAuthority {authority.ref}, of which this is number "
            f"{rank} by age. Delete one that is not needed, or ask the authority's owner for more; "
            "it is looked at again every minute.",
        )
