"""19. Immutable fields, session persistence and health check ranges are checked.

Source: documented (ranges of HealthCheck, SessionExpireTime, Scheduler); WRR for persistence is a guess.
"""

from typing import Any

import pytest
from simulator.cloud import Cloud, refused
from simulator.signing import hand_made, json_body, outcome

RULE = {"Domain": "a.example.com", "Url": "/"}


@pytest.mark.parametrize(
    "fields",
    [
        {"HealthCheck": {"TimeOut": 1}},
        {"HealthCheck": {"IntervalTime": 301}},
        {"HealthCheck": {"HealthNum": 11}},
        {"HealthCheck": {"UnHealthNum": 1}},
        {"HealthCheck": {"HttpCode": 32}},
        {"HealthCheck": {"HttpCheckMethod": "POST"}},
        {"SessionExpireTime": 29},
        {"SessionExpireTime": 86401},
        {"Scheduler": "RANDOM"},
        {"ForwardType": "HTTPS"},
        {"Domain": "under_score.example.com"},
        {"Domain": "a.*.example.com"},
        {"Domain": "~["},
        {"Url": "no-slash"},
        {"Url": "/" + "x" * 200},
    ],
    ids=str,
)
async def test_rule_value_out_of_range(cloud: Cloud, fields: dict[str, Any]) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    with refused("InvalidParameterValue"):
        await cloud.rules(lb, listener, {**RULE, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"HealthCheck": {"TimeOut": 5, "IntervalTime": 5}},
        {"SessionExpireTime": 30, "Scheduler": "IP_HASH"},
        {"Http2": True},
        {"Certificate": {"CertId": "x"}},
    ],
    ids=str,
)
async def test_rule_combination_is_refused(cloud: Cloud, fields: dict[str, Any]) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    with refused("InvalidParameter"):
        await cloud.rules(lb, listener, {**RULE, **fields})


async def test_boundaries_are_accepted(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    check = {"TimeOut": 60, "IntervalTime": 300, "HealthNum": 10, "UnHealthNum": 2, "HttpCode": 1}
    await cloud.rules(
        lb, listener, {**RULE, "HealthCheck": check, "SessionExpireTime": 86400, "Url": "/" + "x" * 199}
    )


@pytest.mark.parametrize("field", [{"Port": 81}, {"Protocol": "HTTPS"}], ids=str)
async def test_port_and_protocol_cannot_be_changed(cloud: Cloud, field: dict[str, Any]) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    # By hand: the SDK itself has no such fields to send.
    body = json_body(LoadBalancerId=lb, ListenerId=listener, **field)
    assert await outcome(cloud, hand_made(cloud, "ModifyListener", body=body)) == "UnknownParameter"


async def test_listener_scheduler_has_the_seen_wording(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    with refused("InvalidParameterValue") as refusal:
        await cloud.listener(lb, Protocol="TCP", port=80, Scheduler="IP_HASH")
    assert refusal.message == "Scheduler should be WRR or LEAST_CONN"


async def test_rule_on_a_layer_4_listener_has_the_seen_wording(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="TCP", port=80)
    with refused("InvalidParameterValue") as refusal:
        await cloud.rules(lb, listener, RULE)
    assert refusal.message == "This interface only support HTTP/HTTPS listener."


async def test_weight_is_0_to_100(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, RULE)
    place = {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}
    with refused("InvalidParameterValue"):
        await cloud.clb(
            "RegisterTargets", **place, Targets=[{"EniIp": "127.0.0.11", "Port": 1, "Weight": 101}]
        )
    await cloud.change("RegisterTargets", **place, Targets=[{"EniIp": "127.0.0.11", "Port": 1, "Weight": 0}])
