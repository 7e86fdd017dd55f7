"""4. Unknown actions, versions and fields, missing fields and wrong JSON types get the gateway's codes.

Source: documented (214/30695); the back-quoted names were seen in replies.
"""

from typing import Any

import pytest
from simulator.cloud import Cloud
from simulator.signing import hand_made, json_body, outcome, send


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"Nonsense": 1}, "UnknownParameter", "`Nonsense`"),
        ({"LoadBalancerId": "lb-1", "ListenerId": "lbl-1"}, "MissingParameter", "`Rules`"),
        ({"LoadBalancerId": 7, "ListenerId": "lbl-1", "Rules": []}, "InvalidParameter", "`LoadBalancerId`"),
        ({"LoadBalancerId": "lb-1", "ListenerId": "l", "Rules": {}}, "InvalidParameter", "`Rules`"),
        ({"LoadBalancerId": "lb-1", "ListenerId": "l", "Rules": [{}]}, "MissingParameter", "`Rules.0.Url`"),
        (
            {"LoadBalancerId": "lb-1", "ListenerId": "l", "Rules": [{"Url": "/", "Urls": []}]},
            "UnknownParameter",
            "`Rules.0.Urls`",
        ),
        (
            {"LoadBalancerId": "lb-1", "ListenerId": "l", "Rules": [{"Url": "/", "SessionExpireTime": True}]},
            "InvalidParameter",
            "`Rules.0.SessionExpireTime`",
        ),
    ],
)
async def test_field_is_refused_by_its_path(
    cloud: Cloud, fields: dict[str, Any], code: str, named: str
) -> None:
    reply = await send(cloud, hand_made(cloud, "CreateRule", body=json_body(**fields)))
    error = reply.json()["Response"]["Error"]
    assert error["Code"] == code
    assert named in error["Message"]


async def test_routing_errors(cloud: Cloud) -> None:
    assert await outcome(cloud, hand_made(cloud, "MakeCoffee")) == "InvalidAction"
    older = hand_made(cloud, extra={"X-TC-Version": "2017-03-12"})
    assert await outcome(cloud, older) == "NoSuchVersion"
    assert await outcome(cloud, hand_made(cloud, service="cos")) == "NoSuchProduct"
    assert await outcome(cloud, hand_made(cloud, extra={"X-TC-Region": ""})) == "MissingParameter"


async def test_action_that_exists_and_is_not_simulated_says_so(cloud: Cloud) -> None:
    reply = await send(cloud, hand_made(cloud, "CreateTargetGroup"))
    error = reply.json()["Response"]["Error"]
    assert error["Code"] == "InvalidAction"
    assert "does not simulate" in error["Message"]


async def test_parameter_that_is_not_simulated_is_refused_rather_than_dropped(cloud: Cloud) -> None:
    body = json_body(MasterZone="ap-guangzhou-3")
    assert (
        await outcome(cloud, hand_made(cloud, "DescribeLoadBalancers", body=body)) == "UnsupportedOperation"
    )


async def test_null_counts_as_absent(cloud: Cloud) -> None:
    body = json_body(LoadBalancerIds=None)
    assert await outcome(cloud, hand_made(cloud, "DescribeLoadBalancers", body=body)) == "ok"
