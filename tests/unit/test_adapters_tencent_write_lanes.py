"""The changes of one load balancer go one at a time, the urgent first; a task is followed to its end."""

import asyncio

import pytest
from unit.fakes.scripted_api import Reply, ScriptedApi
from unit.fakes.virtual_time import run_virtually

from mtls_operator import errors
from mtls_operator.adapters.tencent.errors import error_for
from mtls_operator.adapters.tencent.lane_lock import LaneLock
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites
from mtls_operator.core.cloud import LoadBalancer, LoadBalancerId
from mtls_operator.core.lanes import Lane, in_lane

BALANCER = LoadBalancer(id=LoadBalancerId("lb-1"), region="r", addresses=(), tags={}, ready=True)
ACCEPTED: Reply = {"RequestId": "task-7"}


def answering(*statuses: Reply | Exception) -> ScriptedApi:
    """An API that accepts every change and says this about its task, the last again and again."""
    left = list(statuses)

    def answer(action: str, params: object) -> Reply:
        del params
        if action != "DescribeTaskStatus":
            return ACCEPTED
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return ScriptedApi(answer, takes=0.3)


async def _changes(api: ScriptedApi, *lanes: Lane) -> list[str]:
    writes = LoadBalancerWrites(api)

    async def change(number: int, lane: Lane) -> None:
        with in_lane(lane):
            await writes.change(BALANCER, "ModifyListener", {"ListenerName": f"{number} {lane.name}"})

    await asyncio.gather(*(change(number, lane) for number, lane in enumerate(lanes)))
    return [params["ListenerName"] for action, params, _ in api.sent if action == "ModifyListener"]


def test_a_closed_door_goes_before_a_person_who_goes_before_a_rotation_and_the_resync() -> None:
    api = answering({"Status": 0})
    order = run_virtually(
        _changes(api, Lane.RESYNC, Lane.RESYNC, Lane.CONSEQUENCE, Lane.CHANGE, Lane.CHANGE, Lane.PROTECT)
    )
    # The first is under way when the others come: a change is never broken off.
    assert order == ["0 RESYNC", "5 PROTECT", "3 CHANGE", "4 CHANGE", "2 CONSEQUENCE", "1 RESYNC"]
    assert api.actions == ["ModifyListener", "DescribeTaskStatus"] * 6


def test_who_gives_up_waiting_holds_up_nobody() -> None:
    async def play() -> list[str]:
        lock, log = LaneLock(), list[str]()

        async def hold(name: str) -> None:
            async with lock.held(Lane.CHANGE):
                log.append(name)
                await asyncio.sleep(1)

        async with lock.held(Lane.CHANGE):
            waiting = [asyncio.create_task(hold(name)) for name in ("first", "second")]
            await asyncio.sleep(1)
            waiting[0].cancel()
        # The turn of the second has come, and it has not yet run.
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await hold("third")
        return log

    assert run_virtually(play()) == ["third"]


def test_a_task_that_cannot_be_asked_for_is_asked_for_again() -> None:
    lost = errors.ReplyLost("DescribeTaskStatus", "ReadTimeout", "lost")
    down = error_for("DescribeTaskStatus", "InternalError", "try again", "r-0")
    api = answering(lost, down, {"Status": 2}, {"Status": 0})
    run_virtually(_changes(api, Lane.CHANGE))
    assert api.actions == ["ModifyListener", *["DescribeTaskStatus"] * 4]


def test_a_task_that_the_cloud_forgot_may_have_been_done() -> None:
    unknown = error_for("DescribeTaskStatus", "InvalidParameter", "no such task", "r-0")
    with pytest.raises(errors.ReplyLost, match="forgot the task"):
        run_virtually(_changes(answering(unknown), Lane.CHANGE))


def test_an_internal_error_of_a_write_is_an_answer_that_says_nothing_and_is_not_repeated() -> None:
    def answer(action: str, params: object) -> Reply:
        del params
        raise error_for(action, "InternalError.Sub", "retry", "r-9")

    api = ScriptedApi(answer)
    with pytest.raises(errors.ReplyLost, match="RequestId r-9"):
        run_virtually(LoadBalancerWrites(api).change(BALANCER, "CreateRule", {}))
    assert api.actions == ["CreateRule"]
    with pytest.raises(errors.Unavailable):
        run_virtually(api.read("clb", "r", "DescribeListeners", {}))
