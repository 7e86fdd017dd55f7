"""Reads are asked once for all who ask at the same time, and no answer is older than its question."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from unit.fakes.scripted_api import Reply, ScriptedApi
from unit.fakes.virtual_time import run_virtually

from mtls_operator import errors
from mtls_operator.adapters.tencent.batched_reads import BatchedReads
from mtls_operator.adapters.tencent.load_balancer_reads import LoadBalancerReads
from mtls_operator.core.cloud import Endpoint, ListenerId, LoadBalancer, LoadBalancerId, TargetHealth


class Source:
    """Things by group and key, whose value changes; a read takes a second and shows its beginning."""

    def __init__(self) -> None:
        self.value = 0
        self.calls: list[tuple[str, tuple[str, ...]]] = []

    async def read(self, group: str, keys: Sequence[str]) -> Mapping[str, int]:
        self.calls.append((group, tuple(keys)))
        seen = self.value
        await asyncio.sleep(1)
        if "gone" in keys:
            raise errors.CloudNotFound("DescribeThings", "ResourceNotFound", "one of them is gone")
        if "down" in keys:
            raise errors.Unavailable("DescribeThings", "InternalError", "later")
        return {key: seen for key in keys if key != "unknown"}


async def _ask(source: Source, *keys: str, most: int = 20) -> list[int | BaseException | None]:
    reads: BatchedReads[str, str, int] = BatchedReads(source.read, most)
    return await asyncio.gather(*(reads.get("lb-1", key) for key in keys), return_exceptions=True)


def test_those_who_ask_at_the_same_time_share_calls_that_take_no_more_than_they_may() -> None:
    source = Source()
    answers = run_virtually(_ask(source, *(str(n) for n in range(45)), "7", "unknown"))
    assert answers == [0] * 46 + [None]
    assert [len(keys) for _, keys in source.calls] == [20, 20, 6]


def test_who_asks_during_a_read_gets_an_answer_that_begins_after_the_question() -> None:
    source = Source()

    async def play() -> tuple[int | None, list[int | None]]:
        reads: BatchedReads[str, str, int] = BatchedReads(source.read, 20)
        first = asyncio.create_task(reads.get("lb-1", "a"))
        await asyncio.sleep(0.5)
        source.value = 1
        later = await asyncio.gather(*(reads.get("lb-1", key) for key in ("a", "b", "a")))
        return await first, later

    assert run_virtually(play()) == (0, [1, 1, 1])
    assert source.calls == [("lb-1", ("a",)), ("lb-1", ("a", "b"))]


def test_groups_do_not_wait_for_each_other() -> None:
    source = Source()

    async def play() -> float:
        reads: BatchedReads[str, str, int] = BatchedReads(source.read, 20)
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(reads.get(group, "a") for group in ("lb-1", "lb-2")))
        return asyncio.get_running_loop().time() - begun

    assert run_virtually(play()) == pytest.approx(1, abs=0.1)


def test_one_that_is_gone_is_no_answer_about_the_others() -> None:
    source = Source()
    a, gone, b = run_virtually(_ask(source, "a", "gone", "b"))
    assert (a, b) == (0, 0)
    assert isinstance(gone, errors.CloudNotFound)


def test_a_cloud_that_is_down_is_not_asked_again_for_each() -> None:
    source = Source()
    answers = run_virtually(_ask(source, "a", "down", "b"))
    assert [type(answer) for answer in answers] == [errors.Unavailable] * 3
    assert len(source.calls) == 1


def test_a_failure_is_forgotten_and_one_who_gives_up_takes_nothing_from_the_others() -> None:
    source = Source()

    async def play() -> int | None:
        reads: BatchedReads[str, str, int] = BatchedReads(source.read, 20)
        with pytest.raises(errors.Unavailable):
            await reads.get("lb-1", "down")
        leaving = asyncio.create_task(reads.get("lb-1", "a"))
        staying = asyncio.create_task(reads.get("lb-1", "a"))
        await asyncio.sleep(0.5)
        leaving.cancel()
        return await staying

    assert run_virtually(play()) == 0


def test_a_read_that_is_broken_off_leaves_nobody_waiting_and_the_next_one_is_made() -> None:
    source = Source()

    async def play() -> int | None:
        reads: BatchedReads[str, str, int] = BatchedReads(source.read, 20)
        asked = [asyncio.create_task(reads.get("lb-1", "a"))]
        await asyncio.sleep(0.5)
        asked.append(asyncio.create_task(reads.get("lb-1", "b")))
        await asyncio.sleep(0)
        reads._reading["lb-1"].cancel()
        answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert [type(answer) for answer in answers] == [errors.Unavailable] * 2
        return await reads.get("lb-1", "a")

    assert run_virtually(play()) == 0


def balancer(number: int) -> LoadBalancer:
    return LoadBalancer(id=LoadBalancerId(f"lb-{number}"), region="r", addresses=(), tags={}, ready=True)


def described(action: str, params: Any) -> Reply:
    """A cloud in which every listener has one rule with one target, and every load balancer ten listeners."""
    if action == "DescribeLoadBalancers":
        return {"LoadBalancerSet": [{"LoadBalancerId": one} for one in params["LoadBalancerIds"]]}
    if action == "DescribeListeners":
        return {"Listeners": [{"ListenerId": f"{params['LoadBalancerId']}-{n}"} for n in range(10)]}
    if action == "DescribeTargets":
        return {"Listeners": [_with_rule(one) for one in params["ListenerIds"]]}
    return {
        "LoadBalancers": [
            {
                "LoadBalancerId": one,
                "Listeners": [_with_rule(ls) for ls in params["ListenerIds"] if ls.startswith(f"{one}-")],
            }
            for one in params["LoadBalancerIds"]
        ]
    }


def _with_rule(listener: str) -> Mapping[str, object]:
    target = {"InstanceId": f"ins-{listener}", "TargetId": f"ins-{listener}", "Port": 80, "Weight": 10}
    rule = {"LocationId": f"loc-{listener}", "Targets": [{**target, "HealthStatusDetail": "Alive"}]}
    return {"ListenerId": listener, "Rules": [rule]}


async def _look(reads: LoadBalancerReads, number: int, listener: int) -> tuple[str, bool]:
    """Read what one pass reads; return its target, and whether that is healthy."""
    found = await reads.balancer("r", LoadBalancerId(f"lb-{number}"))
    assert found is not None
    known = {one.id for one in await reads.listeners(found)}
    identifier = ListenerId(f"lb-{number}-{listener}")
    assert identifier in known
    ((_, targets),) = (await reads.targets(found, identifier)).items()
    health = await reads.health(found, identifier)
    return targets[0].endpoint.instance_id, set(health.values()) == {TargetHealth.ALIVE}


def test_a_sweep_over_200_listeners_of_20_load_balancers_takes_the_calls_that_their_sizes_allow() -> None:
    api = ScriptedApi(described, takes=0.1)

    async def sweep() -> list[tuple[str, bool]]:
        reads = LoadBalancerReads(api)
        return await asyncio.gather(*(_look(reads, n, ls) for n in range(20) for ls in range(10)))

    found = run_virtually(sweep())
    assert found == [(f"ins-lb-{n}-{ls}", True) for n in range(20) for ls in range(10)]
    counted = {action: api.actions.count(action) for action in dict.fromkeys(api.actions)}
    assert counted["DescribeLoadBalancers"] == 1
    assert counted["DescribeListeners"] == 20
    assert counted["DescribeTargets"] == 20
    # Those whose targets are read first do not wait for the others: no more than one call for each.
    assert counted["DescribeTargetHealth"] <= 20


def test_health_is_told_apart_by_load_balancer_and_listener() -> None:
    api = ScriptedApi(described)

    async def look() -> list[Any]:
        reads = LoadBalancerReads(api)
        return await asyncio.gather(
            *(reads.health(balancer(n), ListenerId(f"lb-{n}-{ls}")) for n, ls in ((1, 1), (1, 2), (2, 1)))
        )

    found = run_virtually(look())
    endpoints = [{endpoint for _, endpoint in health} for health in found]
    assert endpoints == [{Endpoint(instance_id=f"ins-lb-{one}", port=80)} for one in ("1-1", "1-2", "2-1")]
    assert api.actions == ["DescribeTargetHealth"]
