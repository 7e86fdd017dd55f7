"""GET with flattened query parameters means the same as POST with a JSON body.

Source: documented (`Filters.0.Name=...`) and seen (what the SDK sends with reqMethod GET).
"""

from typing import Any

import httpx
import pytest
from simulator.cloud import SECRET_ID, Cloud
from simulator.pki import Authority
from tencentcloud.clb.v20180317 import models
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from clb_simulator.errors import ApiError
from clb_simulator.query import read_query


async def call(cloud: Cloud, action: str, **fields: Any) -> Any:
    request = getattr(models, f"{action}Request")()
    request._deserialize(fields)
    return await getattr(cloud.client("clb", method="GET"), action)(request)


async def test_official_client_reads_and_writes_by_get(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer(tags={"team": "pay ments&"})
    await cloud.load_balancer()
    found = await call(
        cloud, "DescribeLoadBalancers", Limit=5, Filters=[{"Name": "tag:team", "Values": ["pay ments&"]}]
    )
    assert [one.LoadBalancerId for one in found.LoadBalancerSet] == [lb]
    binding = await cloud.mutual(authority)
    created = await call(
        cloud, "CreateListener", LoadBalancerId=lb, Ports=[443], Protocol="HTTPS", Certificate=binding
    )
    await cloud.wait(created.RequestId)
    rules = [{"Domain": "a.example.com", "Url": "/", "Http2": True}]
    made = await call(cloud, "CreateRule", LoadBalancerId=lb, ListenerId=created.ListenerIds[0], Rules=rules)
    await cloud.wait(made.RequestId)
    [rule] = (await cloud.describe_listener(lb, created.ListenerIds[0])).Rules
    assert (rule.Domain, rule.Http2) == ("a.example.com", True)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"Limit": "many"}, "InvalidParameter"), ({"Nonsense": "1"}, "UnknownParameter")],
    ids=str,
)
async def test_wrong_parameter_is_refused_as_in_json(cloud: Cloud, fields: dict[str, Any], code: str) -> None:
    client = cloud.client("clb", method="GET")
    with pytest.raises(TencentCloudSDKException) as caught:
        await client.call_and_deserialize(
            "DescribeLoadBalancers", fields, models.DescribeLoadBalancersResponse
        )
    assert caught.value.code == code


async def test_query_is_signed(cloud: Cloud) -> None:
    scope = f"{SECRET_ID}/{cloud.clock.now():%Y-%m-%d}/clb/tc3_request"
    headers = {
        "X-TC-Action": "DescribeLoadBalancers",
        "X-TC-Version": "2018-03-17",
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": str(int(cloud.clock.now().timestamp())),
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, "
        f"Signature={'0' * 64}",
    }
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{cloud.server.api.url}/?Limit=1", headers=headers)
    assert reply.json()["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("query", ["Limit", "A=1&A.0=2", "A.0=2&A=1", "Limit=1&Limit=2"])
def test_query_that_is_malformed_or_contradicts_itself_is_refused(query: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_query("clb", "DescribeLoadBalancers", query)
    assert caught.value.code == "InvalidParameter"
