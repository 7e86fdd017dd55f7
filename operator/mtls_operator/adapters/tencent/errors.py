"""Which error of ours each code of the cloud is: one table, longest prefix first.

Codes are matched, never message texts, which come in two languages. Codes and their meaning:
cloud documentation 214/30695 and 1209/56023, the SDK's per-action lists, and public bug reports.
"""

from __future__ import annotations

from typing import Final

from mtls_operator.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    CertificateQuotaExceeded,
    CloudError,
    CloudNotFound,
    InUse,
    InvalidRequest,
    QuotaExceeded,
    Throttled,
    Unavailable,
)

TABLE: Final[dict[str, type[CloudError]]] = {
    "AuthFailure": AccessDenied,
    "UnauthorizedOperation": AccessDenied,
    "OperationDenied": AccessDenied,
    "FailedOperation.RoleNotFoundAuthorization": AccessDenied,
    "IpInBlacklist": AccessDenied,
    "IpNotInWhitelist": AccessDenied,
    "RequestLimitExceeded": Throttled,
    # The certificate service has a code of its own for "too fast"; plain LimitExceeded is a quota.
    "LimitExceeded.RateLimitExceeded": Throttled,
    "LimitExceeded": QuotaExceeded,
    "InvalidParameter.CertificatesNumberExceeded": CertificateQuotaExceeded,
    "ResourceInsufficient": QuotaExceeded,
    "FailedOperation.ResourceInOperating": Busy,
    "ResourceInUse": Busy,
    "InvalidParameter.PortCheckFailed": AlreadyExists,
    "InvalidParameterValue.Duplicate": AlreadyExists,
    "InvalidParameter.LBIdNotFound": CloudNotFound,
    "InvalidParameter.ListenerIdNotFound": CloudNotFound,
    "InvalidParameter.LocationNotFound": CloudNotFound,
    "FailedOperation.CertificateNotFound": CloudNotFound,
    "ResourceNotFound": CloudNotFound,
    "FailedOperation.BoundResources": InUse,
    "FailedOperation.DeleteResourceFailed": InUse,
    "FailedOperation.Certificate": InvalidRequest,
    "InvalidParameter": InvalidRequest,
    "InvalidParameterValue": InvalidRequest,
    "MissingParameter": InvalidRequest,
    "UnknownParameter": InvalidRequest,
    "UnsupportedOperation": InvalidRequest,
    "InvalidAction": InvalidRequest,
    "NoSuchVersion": InvalidRequest,
    "UnsupportedRegion": InvalidRequest,
    # Answered, so nothing was half done that we would not see: try again later. But see `CloudApi.write`.
    "FailedOperation": Unavailable,
    "InternalError": Unavailable,
}

_LONGEST_FIRST: Final = sorted(TABLE, key=len, reverse=True)


def error_for(action: str, code: str, message: str, request_id: str) -> CloudError:
    """Return the error for a refusal; an unknown code is a plain CloudError, which is tried again."""
    known = next((prefix for prefix in _LONGEST_FIRST if code.startswith(prefix)), None)
    kind = TABLE[known] if known is not None else CloudError
    return kind(action, code, message, request_id)
