"""The SPIFFE ID of a client certificate, where its authority has a trust domain.

Pure. Called by `core.client_cert`. The syntax is the SPIFFE-ID standard's, section 2.2: a path's
segments hold letters, digits, `-`, `.` and `_`, and none is `.` or `..`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied

if TYPE_CHECKING:
    from mtls_operator.api.meta import ObjectRef

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


def spiffe_id(trust_domain: str, ref: ObjectRef) -> str:
    """Return the ID of a ClientCert.

    Raises:
        RequestDenied: with reason NameNotAllowed; the names of Kubernetes objects all fit.
    """
    for segment in (ref.namespace, ref.name):
        if not _SEGMENT.fullmatch(segment) or segment in {".", ".."}:
            raise RequestDenied(
                Reason.NAME_NOT_ALLOWED,
                f"trustDomain does not allow {segment!r}: a SPIFFE ID takes letters, digits, '-', '.' and "
                "'_'. Give the object another name.",
            )
    return f"spiffe://{trust_domain}/ns/{ref.namespace}/clientcert/{ref.name}"
