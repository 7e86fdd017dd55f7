"""One call to the API server, with our errors.

A thin face over `kubernetes.aio`: it keeps that client's connection, TLS and token renewal, and
leaves out its generated models, which would parse every object twice. Used by `adapters.kube` only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import aiohttp

from mtls_operator import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from mtls_operator.api.model import Json

APPLY: Final = "application/apply-patch+yaml"
JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_OF_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Spares the content of a large object on the way back."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)

_BY_REASON: Final[Mapping[str, type[errors.KubeError]]] = {
    "AlreadyExists": errors.KubeAlreadyExists,
    "Conflict": errors.KubeConflict,
    "Forbidden": errors.KubeForbidden,
    "Unauthorized": errors.KubeForbidden,
    "NotFound": errors.KubeNotFound,
    "Invalid": errors.KubeInvalid,
    "BadRequest": errors.KubeInvalid,
}
_BY_STATUS: Final[Mapping[int, type[errors.KubeError]]] = {
    400: errors.KubeInvalid,
    401: errors.KubeForbidden,
    403: errors.KubeForbidden,
    404: errors.KubeNotFound,
    409: errors.KubeConflict,
    422: errors.KubeInvalid,
}


class Api:
    """The API server."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, object] | None:
        """Return an object or a list, None when there is none."""
        try:
            return await self.call("GET", path, query=query)
        except errors.KubeNotFound:
            return None

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Mapping[str, object]:
        """Make one call and return the reply.

        Raises:
            KubeError: a subclass that says what the refusal means.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            status, text = await self._exchange(method, target, body, content_type, accept)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise errors.KubeUnavailable(
                f"the Kubernetes API did not answer {method} {path}: {type(error).__name__}"
            ) from None
        reply = _parse(text)
        if status >= 400:  # noqa: PLR2004 - HTTP's own boundary
            raise _refusal(method, path, status, reply)
        return reply

    async def _exchange(
        self, method: str, target: str, body: Json, content_type: str, accept: str
    ) -> tuple[int, bytes]:
        request = await self._client.param_serialize(
            method,
            target,
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(*request, _request_timeout=_TIMEOUT)
        return int(response.status), await response.read() or b""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _parse(text: bytes) -> Mapping[str, object]:
    try:
        reply = json.loads(text)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _refusal(method: str, path: str, status: int, reply: Mapping[str, object]) -> errors.KubeError:
    """Return the error for a Status reply; its message never quotes what we sent."""
    kind = _BY_REASON.get(str(reply.get("reason"))) or _BY_STATUS.get(status, errors.KubeUnavailable)
    message = str(reply.get("message") or f"HTTP {status}")
    return kind(f"the Kubernetes API refused {method} {path}: {message}")
