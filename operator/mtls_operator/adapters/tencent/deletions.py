"""Deletion of uploaded certificates, checked by the cloud where the account allows it.

The checked deletion is a task that looks for users in every product and region, so it knows some that we
cannot ask for. It needs the service role SSL_QCSLinkedRoleInReplaceLoadCertificate; without it the plain
deletion is used, which does not look (API: DeleteCertificate). Used by `adapters.tencent.certificates`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mtls_operator import errors
from mtls_operator.adapters.tencent import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import CertId

_NO_REGION: Final = ""
_ROLE_MISSING: Final = "FailedOperation.RoleNotFoundAuthorization"
_ROLE_RETRY_SECONDS: Final = 3600.0
"""How long nobody asks whether the role has been granted meanwhile."""
_FIRST_POLL_SECONDS: Final = 0.2
_LONGEST_POLL_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 60.0
# Status of a deletion, as the documentation of DescribeDeleteCertificatesTaskResult lists it.
_RUNNING: Final = 0
_DELETED: Final = 1
_FAILED: Final = 2
_NO_ROLE: Final = 3
_BOUND: Final = 4
_TIMED_OUT: Final = 5


class Deletions:
    """Deletes certificates."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api
        self._unchecked_until = 0.0

    async def delete(self, certificate: CertId) -> None:
        """Delete a certificate; returns when it is gone.

        Raises:
            CloudNotFound: there is none.
            InUse: the cloud found a user of it, or did not say that it is gone.
            CloudError: it could not be asked; after ReplyLost it may be gone.
        """
        now = asyncio.get_running_loop().time()
        if now < self._unchecked_until or not await self._checked(certificate):
            await self._unchecked(certificate)

    async def _checked(self, certificate: CertId) -> bool:
        """Tell whether the certificate is gone; False = the account has not granted the role."""
        try:
            reply = await self._send(certificate, check=True)
        except errors.AccessDenied as error:
            if error.code != _ROLE_MISSING:
                raise
            return self._without_role()
        if reply.get("DeleteResult") is True:
            return True
        task = shapes.text(reply, "TaskId")
        if not task:
            raise _not_deleted(certificate, reply)
        status, why = await self._outcome(task)
        if status == _NO_ROLE:
            return self._without_role()
        if status != _DELETED:
            raise _refusal(certificate, task, status, why)
        return True

    def _without_role(self) -> bool:
        self._unchecked_until = asyncio.get_running_loop().time() + _ROLE_RETRY_SECONDS
        return False

    async def _unchecked(self, certificate: CertId) -> None:
        reply = await self._send(certificate, check=False)
        if reply.get("DeleteResult") is not True:
            raise _not_deleted(certificate, reply)

    async def _send(self, certificate: CertId, *, check: bool) -> Mapping[str, object]:
        body: Json = {"CertificateId": certificate, "IsCheckResource": check}
        return await self._api.write("ssl", _NO_REGION, "DeleteCertificate", body)

    async def _outcome(self, task: str) -> tuple[object, str]:
        """Return how a deletion ended, with the cloud's words for it."""
        pause, patience = _FIRST_POLL_SECONDS, _PATIENCE_SECONDS
        while patience > 0:
            await asyncio.sleep(pause)
            patience -= pause
            pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
            body = {"TaskIds": [task]}
            reply = await self._api.read(
                "ssl", _NO_REGION, "DescribeDeleteCertificatesTaskResult", dict(body)
            )
            for result in shapes.items(reply, "DeleteTaskResult"):
                if result.get("Status") != _RUNNING:
                    return result.get("Status"), shapes.text(result, "Error")
        return _TIMED_OUT, "it still runs"


def _refusal(certificate: CertId, task: str, status: object, why: str) -> errors.CloudError:
    kind: type[errors.CloudError] = {
        _BOUND: errors.InUse,
        _FAILED: errors.TaskFailed,
        _TIMED_OUT: errors.Unavailable,
    }.get(status if isinstance(status, int) else _FAILED, errors.TaskFailed)
    reason = f": {why}" if why else ""
    return kind(
        "DeleteCertificate", f"TaskStatus{status}", f"certificate {certificate} was not deleted{reason}", task
    )


def _not_deleted(certificate: CertId, reply: Mapping[str, object]) -> errors.InUse:
    return errors.InUse(
        "DeleteCertificate",
        "NotDeleted",
        f"certificate {certificate} was not deleted",
        shapes.text(reply, "RequestId"),
    )
