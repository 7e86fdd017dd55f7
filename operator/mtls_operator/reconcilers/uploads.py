"""Take an object's uploaded certificates out of the cloud again.

Called when an authority or a listener is torn down.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.core.outcome import Waiting
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from mtls_operator.core.cloud import CertificateOwner
    from mtls_operator.ports import CertificateStore

_RETRY: Final = timedelta(seconds=10)


async def delete_uploads(store: CertificateStore, owner: CertificateOwner) -> Waiting | None:
    """Delete every upload that carries the owner's tags; None when none is left.

    One that a load balancer still uses is kept: the cloud's own deletion does not look.
    """
    for upload in await store.inventory():
        if upload.owner != owner:
            continue
        users = await store.users(upload.id)
        if users:
            message = f"its certificate {upload.id} is still used by load balancer {', '.join(users)}"
            return Waiting(reason=Reason.IN_USE, message=message, after=_RETRY)
        await store.delete(upload.id)
    return None
