"""Take an authority's uploaded roots out of the cloud again.

Called when a CertificateAuthority is torn down.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator import errors
from mtls_operator.core.inventory import is_of_authority
from mtls_operator.core.outcome import Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from mtls_operator.core.cloud import CertificateOwner
    from mtls_operator.ports import CertificateStore

_RETRY: Final = timedelta(seconds=10)
_REFUSED_RETRY: Final = timedelta(minutes=1)


async def delete_uploads(store: CertificateStore, owner: CertificateOwner) -> Waiting | None:
    """Delete every root that was uploaded for the authority; None when none is left.

    One that a load balancer still uses is kept: the cloud's own deletion need not look.
    """
    for upload in await store.inventory():
        if not is_of_authority(upload, owner):
            continue
        users = await store.users(upload.id)
        if users:
            message = f"its certificate {upload.id} is still used by load balancer {', '.join(users)}"
            return Waiting(reason=Reason.IN_USE, message=message, after=_RETRY)
        try:
            await store.delete(upload.id)
        except errors.InUse as error:
            message = f"the cloud says that its certificate {upload.id} is still used: {error}"
            return Waiting(reason=Reason.IN_USE, message=message, after=_REFUSED_RETRY)
    return None
