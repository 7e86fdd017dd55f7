"""One call to the cloud, with our errors.

Uses the official SDK's generic async client, which signs the request. The SDK's own retries stay
off: its retryer repeats calls that have succeeded (seen in 3.1.195). Used by `adapters.tencent`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx
from tencentcloud.common.common_client_async import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from mtls_operator import errors
from mtls_operator.adapters.tencent.errors import error_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.adapters.tencent.pacing import Pacer
    from mtls_operator.api.model import Json

VERSIONS: Final = {"clb": "2018-03-17", "ssl": "2019-12-05"}
_TIMEOUT_SECONDS: Final = 30
THROTTLE_PAUSE_SECONDS: Final = 1.0
_MOST_THROTTLE_PAUSES: Final = 10
_INTERNAL_ERROR: Final = "InternalError"
# At DEBUG the SDK logs whole requests, private keys included.
logging.getLogger("tencentcloud_sdk_common").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the cloud is.

    Attributes:
        root_domain: `tencentcloudapi.com`, or `intl.tencentcloudapi.com` for international accounts.
        override: `http://127.0.0.1:8080` sends every service there, as a simulator wants it.
    """

    root_domain: str = "tencentcloudapi.com"
    override: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Credentials of the cloud account."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


class CloudApi:
    """The cloud's API, one client for each service and region."""

    def __init__(
        self, keys: Keys, endpoint: Endpoint, pacer: Pacer, *, throttle_pause: float = THROTTLE_PAUSE_SECONDS
    ) -> None:
        """Take the account, where the cloud is, its rates, and how long to be silent after a refusal."""
        self._throttle_pause = throttle_pause
        self._keys = keys
        self._endpoint = endpoint
        self._pacer = pacer
        self._clients: dict[tuple[str, str], CommonClient] = {}

    async def read(self, service: str, region: str, action: str, params: Json) -> Mapping[str, object]:
        """Ask for something; raises Unavailable when there is no answer, whatever happened to it."""
        try:
            return await self._call(service, region, action, params)
        except errors.ReplyLost as error:
            raise errors.Unavailable(action, error.code, "the cloud did not answer") from None

    async def write(self, service: str, region: str, action: str, params: Json) -> Mapping[str, object]:
        """Change something; raises ReplyLost when it may or may not have happened.

        An InternalError tells neither: it was seen as the reply of a load balancer that several change
        at once, and no source says that it comes before the change alone.
        """
        try:
            return await self._call(service, region, action, params)
        except errors.Unavailable as error:
            if not error.code.startswith(_INTERNAL_ERROR):
                raise
            raise errors.ReplyLost(
                action, error.code, "the cloud did not say whether it was done", error.request_id
            ) from None

    async def _call(self, service: str, region: str, action: str, params: Json) -> Mapping[str, object]:
        for _ in range(_MOST_THROTTLE_PAUSES):
            await self._pacer.wait(action, region)
            try:
                return await self._send(service, region, action, params)
            except errors.Throttled:
                await asyncio.sleep(self._throttle_pause)
        await self._pacer.wait(action, region)
        return await self._send(service, region, action, params)

    async def _send(self, service: str, region: str, action: str, params: Json) -> Mapping[str, object]:
        client = self._client(service, region)
        try:
            reply = await client.call_and_deserialize(action=action, params=params, resp_cls=dict)
        except TencentCloudSDKException as error:
            raise _refusal(action, error) from None
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise errors.Unavailable(
                action, type(error).__name__, f"the cloud cannot be reached: {error}"
            ) from None
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise errors.ReplyLost(action, type(error).__name__, "the answer was lost") from None
        return _response(action, reply)

    def _client(self, service: str, region: str) -> CommonClient:
        key = (service, region)
        if key not in self._clients:
            keys = Credential(self._keys.secret_id, self._keys.secret_key, self._keys.token or None)
            self._clients[key] = CommonClient(service, VERSIONS[service], keys, region, self._profile())
        return self._clients[key]

    def _profile(self) -> ClientProfile:
        scheme, separator, host = self._endpoint.override.partition("://")
        if separator:
            http = HttpProfile(protocol=scheme, endpoint=host.rstrip("/"), reqTimeout=_TIMEOUT_SECONDS)
        else:
            http = HttpProfile(rootDomain=self._endpoint.root_domain, reqTimeout=_TIMEOUT_SECONDS)
        return ClientProfile(httpProfile=http, language="en-US")

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()


def _refusal(action: str, error: TencentCloudSDKException) -> errors.CloudError:
    code = str(error.code)
    if code == "ServerNetworkError":
        # A status other than 200, such as a gateway's 502 page: the call may have got through.
        return errors.ReplyLost(action, code, "the cloud answered with an error page")
    return error_for(action, code, str(error.message), str(error.requestId or ""))


def _response(action: str, reply: Mapping[str, object]) -> Mapping[str, object]:
    """Return the body of a reply.

    The SDK looks for errors only under the exact content type `application/json`; a proxy that adds
    a charset would make a refusal look like a success, so it is looked for here, too.
    """
    response = reply.get("Response")
    if not isinstance(response, dict):
        raise errors.ReplyLost(action, "EmptyReply", "the answer has no Response")
    refused = response.get("Error")
    if isinstance(refused, dict):
        request_id = str(response.get("RequestId") or "")
        raise error_for(action, str(refused.get("Code")), str(refused.get("Message")), request_id)
    return response
