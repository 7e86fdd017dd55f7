"""Drive a simulator with the official SDK's asynchronous clients."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import httpx
from simulator.pki import Authority, KeyPair, issue_leaf
from simulator.still_clock import StillClock
from tencentcloud.clb.v20180317 import clb_client_async
from tencentcloud.clb.v20180317 import models as clb_models
from tencentcloud.common import credential
from tencentcloud.common.abstract_client_async import AbstractClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.ssl.v20191205 import models as ssl_models
from tencentcloud.ssl.v20191205 import ssl_client_async
from tencentcloud.sts.v20180813 import models as sts_models
from tencentcloud.tag.v20180813 import models as tag_models
from tencentcloud.tag.v20180813 import tag_client_async
from tencentcloud.vpc.v20170312 import models as vpc_models

from clb_simulator.server import Server

REGION = "ap-guangzhou"
SECRET_ID = "AKIDsimulatortest"
SECRET_KEY = "simulator-test-secret"
UIN = "100000000001"


class _OnSameBase(AbstractClient):  # type: ignore[misc]
    """The SDK has no asynchronous client for some products, so these are some on the same base."""

    _models: Any

    def __getattr__(self, action: str) -> Any:
        if not action[:1].isupper():
            raise AttributeError(action)
        reply = getattr(self._models, f"{action}Response")

        async def call(request: Any) -> Any:
            return await self.call_and_deserialize(action, request._serialize(), reply)

        return call


class StsClient(_OnSameBase):
    _apiVersion = "2018-08-13"  # noqa: N815
    _endpoint = "sts.tencentcloudapi.com"
    _service = "sts"
    _models = sts_models


class VpcClient(_OnSameBase):
    _apiVersion = "2017-03-12"  # noqa: N815
    _endpoint = "vpc.tencentcloudapi.com"
    _service = "vpc"
    _models = vpc_models


_PRODUCTS: dict[str, tuple[Any, Any]] = {
    "clb": (clb_client_async.ClbClient, clb_models),
    "ssl": (ssl_client_async.SslClient, ssl_models),
    "sts": (StsClient, sts_models),
    "tag": (tag_client_async.TagClient, tag_models),
    "vpc": (VpcClient, vpc_models),
}
_TASK_POLLS = 2000


class Refused(Exception):
    """The API answered with an error; `code` and `message` are the SDK's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Cloud:
    """A running simulator and clients for it."""

    def __init__(self, server: Server, clock: StillClock) -> None:
        self.server = server
        self.clock = clock
        self._clients: dict[tuple[str, str], Any] = {}
        self.admin_client = httpx.AsyncClient(base_url=server.admin.url)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        await self.admin_client.aclose()
        await self.server.stop()

    async def call(self, product: str, action: str, *, region: str = REGION, **fields: Any) -> Any:
        """Make one call through the SDK and return its reply's model."""
        client = self.client(product, region)
        request = getattr(_PRODUCTS[product][1], f"{action}Request")()
        request.from_json_string(json.dumps(fields))
        try:
            return await getattr(client, action)(request)
        except TencentCloudSDKException as error:
            raise Refused(error.code, error.message) from error

    async def clb(self, action: str, *, region: str = REGION, **fields: Any) -> Any:
        return await self.call("clb", action, region=region, **fields)

    async def ssl(self, action: str, **fields: Any) -> Any:
        return await self.call("ssl", action, **fields)

    async def change(self, action: str, *, region: str = REGION, **fields: Any) -> Any:
        """Make a change of CLB and wait until its task has succeeded."""
        reply = await self.clb(action, region=region, **fields)
        status = await self.wait(reply.RequestId, region=region)
        assert status.Status == 0, status.Message
        return reply

    async def wait(self, task_id: str, *, region: str = REGION) -> Any:
        """Return the final status of a task."""
        for _ in range(_TASK_POLLS):
            status = await self.clb("DescribeTaskStatus", region=region, TaskId=task_id)
            if status.Status != 2:
                return status
            await asyncio.sleep(0)
        raise AssertionError(f"task {task_id} does not end")

    def client(
        self, product: str, region: str = REGION, *, secret_key: str = SECRET_KEY, method: str = "POST"
    ) -> Any:
        key = (product, f"{region}/{secret_key}/{method}")
        if key not in self._clients:
            factory = _PRODUCTS[product][0]
            profile = self.profile(method)
            self._clients[key] = factory(credential.Credential(SECRET_ID, secret_key), region, profile)
        return self._clients[key]

    def profile(self, method: str = "POST") -> Any:
        """How a client of the SDK reaches this simulator."""
        endpoint = f"{self.server.api.host}:{self.server.api.port}"
        return ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=endpoint, reqMethod=method))

    async def admin(self, method: str, path: str, **body: Any) -> Any:
        reply = await self.admin_client.request(method, path, json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def load_balancer(self, **fields: Any) -> str:
        created = await self.admin("POST", "/load-balancers", **fields)
        return str(created["load_balancer_id"])

    async def instance(self, private_ip: str = "127.0.0.11", **fields: Any) -> str:
        created = await self.admin("POST", "/instances", private_ip=private_ip, **fields)
        return str(created["instance_id"])

    async def upload_ca(self, authority: Authority, **fields: Any) -> str:
        reply = await self.ssl(
            "UploadCertificate", CertificatePublicKey=authority.pem, CertificateType="CA", **fields
        )
        return str(reply.CertificateId)

    async def upload_server(self, pair: KeyPair, **fields: Any) -> str:
        reply = await self.ssl(
            "UploadCertificate", CertificatePublicKey=pair.pem, CertificatePrivateKey=pair.key_pem, **fields
        )
        return str(reply.CertificateId)

    async def mutual(self, authority: Authority, name: str = "a.example.com") -> dict[str, str]:
        """Upload a CA and a server certificate and return the CertificateInput that binds both."""
        return {
            "SSLMode": "MUTUAL",
            "CertId": await self.upload_server(issue_leaf(authority, name)),
            "CertCaId": await self.upload_ca(authority),
        }

    async def listener(self, load_balancer: str, *, port: int = 443, **fields: Any) -> str:
        """Create an HTTPS listener and return its id."""
        reply = await self.change(
            "CreateListener", LoadBalancerId=load_balancer, Ports=[port], **{"Protocol": "HTTPS", **fields}
        )
        return str(reply.ListenerIds[0])

    async def describe_listener(self, load_balancer: str, listener: str) -> Any:
        reply = await self.clb("DescribeListeners", LoadBalancerId=load_balancer, ListenerIds=[listener])
        assert reply.TotalCount == 1
        return reply.Listeners[0]

    async def rules(self, load_balancer: str, listener: str, *rules: dict[str, Any]) -> list[str]:
        """Create rules and return their ids."""
        reply = await self.change(
            "CreateRule", LoadBalancerId=load_balancer, ListenerId=listener, Rules=list(rules)
        )
        return list(reply.LocationIds)


class refused:  # noqa: N801
    """Expect the API to refuse a call with a code; the refusal is kept as `error`."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.error: Refused | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        assert isinstance(error, Refused), f"expected {self.code}, got {error!r}"
        assert error.code == self.code, error
        self.error = error
        return True

    @property
    def message(self) -> str:
        assert self.error is not None
        return self.error.message
