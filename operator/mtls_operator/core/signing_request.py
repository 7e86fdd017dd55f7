"""The certificate signing request in a manifest: whose key is certified, and nothing else of it.

Pure. Called by the ClientCert reconciler. Subject and names come from the manifest, which the
authority's policy judges.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied
from mtls_operator.pki.csr import check_csr, load_csr
from mtls_operator.pki.error import PkiError

if TYPE_CHECKING:
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.leaf import WantedLeaf
    from mtls_operator.pki.csr import Request


def read_request(cert: ClientCert) -> Request | None:
    """Return the request in a manifest, None where there is none.

    Raises:
        RequestDenied: with reason RequestNotAllowed: it is damaged, or its key is of no use.
    """
    if cert.spec.request is None:
        return None
    try:
        return load_csr(base64.b64decode(cert.spec.request, validate=True))
    except (binascii.Error, PkiError) as error:
        what = str(error) if isinstance(error, PkiError) else "it is not base64"
        raise RequestDenied(Reason.REQUEST_NOT_ALLOWED, f"spec.request cannot be used: {what}.") from None


def require_no_more(request: Request, leaf: WantedLeaf) -> None:
    """Refuse a request that asks for more than the certificate will have.

    Raises:
        RequestDenied: with reason RequestNotAllowed.
    """
    try:
        check_csr(request, subject=leaf.subject, names=leaf.names)
    except PkiError as error:
        raise RequestDenied(Reason.REQUEST_NOT_ALLOWED, f"spec.request is refused: {error}.") from None
