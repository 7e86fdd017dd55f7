"""Faults are selected by action, kind of call, count, and by seed and rate, reproducibly.

Source: a property of the simulator.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from simulator.cloud import Cloud, Refused

Start = Callable[..., Awaitable[Cloud]]


async def struck(cloud: Cloud, actions: list[str]) -> list[int]:
    """Return which of the calls were refused, counted per action."""
    seen: dict[str, int] = {}
    refusals = []
    for action in actions:
        seen[action] = seen.get(action, 0) + 1
        try:
            await cloud.clb(action)
        except Refused:
            refusals.append(seen[action] + 1000 * (action == "DescribeQuota"))
    return sorted(refusals)


async def test_same_seed_strikes_the_same_calls_in_another_run_and_another_order(start_cloud: Start) -> None:
    order = {"kind": "internal-error", "rate": 0.2, "seed": 7}
    one, two, other = await start_cloud(), await start_cloud(), await start_cloud()
    for cloud in (one, two):
        await cloud.admin("POST", "/faults", **order)
    await other.admin("POST", "/faults", **{**order, "seed": 8})
    mixed = ["DescribeQuota", "DescribeLoadBalancers"] * 50
    first = await struck(one, mixed)
    assert first == await struck(two, sorted(mixed))
    assert first != await struck(other, mixed)
    # 0.2 of 100, give or take three standard deviations.
    assert 8 <= len(first) <= 32


async def test_action_pattern_and_kind_of_call(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="internal-error", action="*Listener*", only="write", count=9)
    await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    with pytest.raises(Refused):
        await cloud.listener(lb, Protocol="HTTP", port=80)
    (listed,) = (await cloud.admin("GET", "/faults"))["faults"]
    assert (listed["kind"], listed["struck"]) == ("internal-error", 1)


async def test_product(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults", kind="internal-error", service="ssl")
    await cloud.clb("DescribeQuota")
    with pytest.raises(Refused):
        await cloud.ssl("DescribeCertificates")


async def test_fault_is_taken_back(cloud: Cloud) -> None:
    made = await cloud.admin("POST", "/faults", kind="internal-error")
    await cloud.admin("DELETE", f"/faults/{made['id']}")
    await cloud.clb("DescribeQuota")
    await cloud.admin("POST", "/faults", kind="internal-error")
    await cloud.admin("DELETE", "/faults")
    await cloud.clb("DescribeQuota")


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ({}, "kind"),
        ({"kind": "earthquake"}, "does not match any of the expected tags"),
        ({"kind": "delay"}, "seconds"),
        ({"kind": "lost-reply", "rate": 3}, "less than or equal to 1"),
        ({"kind": "lost-reply", "count": 0}, "greater than or equal to 1"),
        ({"kind": "lost-reply", "colour": "red"}, "colour"),
        ({"kind": "foreign", "deed": "paint"}, "deed"),
    ],
    ids=str,
)
async def test_wrong_order_is_refused(cloud: Cloud, order: dict[str, Any], sentence: str) -> None:
    reply = await cloud.admin_client.post("/faults", json=order)
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]
    assert (await cloud.admin("GET", "/faults")) == {"faults": []}


async def test_unknown_fault_cannot_be_taken_back(cloud: Cloud) -> None:
    assert (await cloud.admin_client.delete("/faults/9")).status_code == 400
