"""Changes of a load balancer: one at a time, busy waited out, done when the task is."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from unit.fakes.scripted_api import Reply, ScriptedApi
from unit.fakes.virtual_time import run_virtually

from mtls_operator import errors
from mtls_operator.adapters.tencent.errors import error_for
from mtls_operator.adapters.tencent.load_balancers import CloudLoadBalancers
from mtls_operator.adapters.tencent.writes import LoadBalancerWrites
from mtls_operator.core.actions import RoutedTarget
from mtls_operator.core.cloud import (
    CertId,
    Endpoint,
    ListenerId,
    LoadBalancer,
    LoadBalancerId,
    LocationId,
    MutualBinding,
    Target,
)
from mtls_operator.core.cloud_quota import Quotas


def balancer(name: str = "lb-1") -> LoadBalancer:
    return LoadBalancer(id=LoadBalancerId(name), region="r", addresses=(), tags={}, ready=True)


def script(**replies: list[Reply | Exception]) -> Callable[[str, Any], Reply]:
    """Return an answer for each call of an action; the last one is repeated."""

    def answer(action: str, params: Any) -> Reply:
        left = replies[action]
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return answer


def busy() -> errors.CloudError:
    return error_for("ModifyListener", "FailedOperation.ResourceInOperating", "busy", "r-0")


RUNNING: Reply = {"Status": 2}
DONE: Reply = {"Status": 0}
ACCEPTED: Reply = {"RequestId": "task-7"}


def test_a_change_is_done_when_its_task_is() -> None:
    api = ScriptedApi(script(ModifyListener=[ACCEPTED], DescribeTaskStatus=[RUNNING, RUNNING, DONE]))
    run_virtually(LoadBalancerWrites(api).change(balancer(), "ModifyListener", {"ListenerId": "x"}))
    assert api.actions == ["ModifyListener", *["DescribeTaskStatus"] * 3]
    assert api.sent[0][1] == {"LoadBalancerId": "lb-1", "ListenerId": "x"}
    assert api.sent[1][1] == {"TaskId": "task-7"}


def test_somebody_elses_change_is_waited_out() -> None:
    api = ScriptedApi(script(ModifyListener=[busy(), busy(), busy(), ACCEPTED], DescribeTaskStatus=[DONE]))
    run_virtually(LoadBalancerWrites(api).change(balancer(), "ModifyListener", {}))
    times = [time for action, _, time in api.sent if action == "ModifyListener"]
    pauses = [round(after - before, 1) for before, after in pairwise(times)]
    assert pauses == [0.5, 1.0, 2.0]


def test_waiting_for_others_ends_after_a_minute_and_some() -> None:
    api = ScriptedApi(script(ModifyListener=[busy()]))
    with pytest.raises(errors.Busy):
        run_virtually(LoadBalancerWrites(api).change(balancer(), "ModifyListener", {}))
    assert 60 <= api.sent[-1][2] - api.sent[0][2] <= 70


def test_a_failed_task_says_what_the_cloud_said() -> None:
    failed = {"Status": 1, "Message": "quota"}
    api = ScriptedApi(script(CreateRule=[ACCEPTED], DescribeTaskStatus=[RUNNING, failed]))
    with pytest.raises(
        errors.TaskFailed, match=r"CreateRule failed with TaskFailed: quota, RequestId task-7"
    ):
        run_virtually(LoadBalancerWrites(api).change(balancer(), "CreateRule", {}))


def test_a_task_without_end_is_given_up_after_two_minutes() -> None:
    api = ScriptedApi(script(CreateRule=[ACCEPTED], DescribeTaskStatus=[RUNNING]))
    with pytest.raises(errors.Unavailable, match="still making the change"):
        run_virtually(LoadBalancerWrites(api).change(balancer(), "CreateRule", {}))
    assert 110 <= api.sent[-1][2] - api.sent[0][2] <= 130


def test_a_lost_reply_is_not_repeated() -> None:
    lost = errors.ReplyLost("CreateRule", "ReadTimeout", "lost")
    api = ScriptedApi(script(CreateRule=[lost]))
    with pytest.raises(errors.ReplyLost):
        run_virtually(LoadBalancerWrites(api).change(balancer(), "CreateRule", {}))
    assert api.actions == ["CreateRule"]


def test_a_lost_reply_to_a_read_is_only_unavailable() -> None:
    lost = errors.ReplyLost("DescribeListeners", "ReadTimeout", "lost")
    api = ScriptedApi(script(DescribeListeners=[lost]))
    with pytest.raises(errors.Unavailable):
        run_virtually(api.read("clb", "r", "DescribeListeners", {}))


def test_throttling_is_waited_out_for_reads_and_writes() -> None:
    slow = error_for("CreateRule", "RequestLimitExceeded.UinLimitExceeded", "slow down", "r-0")
    api = ScriptedApi(script(CreateRule=[slow, slow, ACCEPTED]))
    assert run_virtually(api.write("clb", "r", "CreateRule", {})) == ACCEPTED
    assert api.sent[-1][2] - api.sent[0][2] == pytest.approx(2.0, abs=0.2)


async def _two_changes(api: ScriptedApi, first: str, second: str) -> None:
    writes = LoadBalancerWrites(api)
    await asyncio.gather(
        writes.change(balancer(first), "CreateRule", {}), writes.change(balancer(second), "CreateRule", {})
    )


def test_two_changes_of_one_load_balancer_follow_each_other() -> None:
    api = ScriptedApi(script(CreateRule=[ACCEPTED], DescribeTaskStatus=[DONE]), takes=0.3)
    run_virtually(_two_changes(api, "lb-1", "lb-1"))
    assert api.actions == ["CreateRule", "DescribeTaskStatus"] * 2


def test_changes_of_two_load_balancers_do_not_wait_for_each_other() -> None:
    api = ScriptedApi(script(CreateRule=[ACCEPTED], DescribeTaskStatus=[DONE]), takes=0.3)
    run_virtually(_two_changes(api, "lb-1", "lb-2"))
    assert api.actions == ["CreateRule"] * 2 + ["DescribeTaskStatus"] * 2


def test_a_failed_change_lets_the_next_one_through() -> None:
    async def both(writes: LoadBalancerWrites) -> None:
        with pytest.raises(errors.TaskFailed):
            await writes.change(balancer(), "CreateRule", {})
        await writes.change(balancer(), "CreateRule", {})

    api = ScriptedApi(script(CreateRule=[ACCEPTED], DescribeTaskStatus=[{"Status": 1}, DONE]))
    run_virtually(both(LoadBalancerWrites(api)))


PAIR = MutualBinding(server=(CertId("rsa"), CertId("ecc")), ca=CertId("ca"))


@pytest.mark.parametrize("level", ["ModifyListener", "ModifyDomainAttributes", "CreateListener"])
def test_a_pair_goes_to_the_field_for_several_certificates_and_the_other_one_stays_out(level: str) -> None:
    replies: dict[str, list[Reply | Exception]] = {
        level: [{**ACCEPTED, "ListenerIds": ["lbl-1"]}],
        "DescribeTaskStatus": [DONE],
    }
    api = ScriptedApi(script(**replies))
    clb, lbl = CloudLoadBalancers(api, LoadBalancerWrites(api)), ListenerId("lbl-1")
    made: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "ModifyListener": lambda: clb.bind_listener(balancer(), lbl, PAIR),
        "ModifyDomainAttributes": lambda: clb.change_domain(balancer(), lbl, "a.example", binding=PAIR),
        "CreateListener": lambda: clb.create_listener(
            balancer(), name="n", port=443, sni=False, binding=PAIR
        ),
    }
    run_virtually(made[level]())
    sent = api.sent[0][1]
    assert [entry["CertId"] for entry in sent["MultiCertInfo"]["CertList"]] == ["rsa", "ecc", "ca"]
    assert "Certificate" not in sent


def many(count: int) -> list[RoutedTarget]:
    return [
        RoutedTarget(
            location=LocationId(f"loc-{n % 2}"),
            target=Target(endpoint=Endpoint(instance_id=f"ins-{n}", port=1), weight=5),
        )
        for n in range(count)
    ]


def test_targets_are_bound_in_batches_of_500_without_a_task() -> None:
    api = ScriptedApi(script(BatchRegisterTargets=[{"FailListenerIdSet": None}]))
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))
    run_virtually(clb.register(balancer(), ListenerId("lbl-1"), many(501)))
    assert [len(params["Targets"]) for _, params, _ in api.sent] == [500, 1]
    assert api.sent[0][1]["Targets"][0] == {
        "ListenerId": "lbl-1",
        "LocationId": "loc-0",
        "InstanceId": "ins-0",
        "Port": 1,
        "Weight": 5,
    }


def test_a_batch_that_failed_in_part_is_an_error_although_the_call_was_not() -> None:
    api = ScriptedApi(
        script(BatchRegisterTargets=[{"FailListenerIdSet": ["lbl-1"], "Message": "no such instance"}])
    )
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))
    with pytest.raises(errors.TaskFailed, match="lbl-1: no such instance"):
        run_virtually(clb.register(balancer(), ListenerId("lbl-1"), many(1)))


def test_weights_are_sent_by_rule_50_at_a_time_and_500_a_call() -> None:
    api = ScriptedApi(script(BatchModifyTargetWeight=[ACCEPTED], DescribeTaskStatus=[DONE]))
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))
    run_virtually(clb.set_weights(balancer(), ListenerId("lbl-1"), many(1001)))
    calls = [params["ModifyList"] for action, params, _ in api.sent if action == "BatchModifyTargetWeight"]
    sizes = [len(entry["Targets"]) for call in calls for entry in call]
    assert max(sizes) == 50
    assert sum(sizes) == 1001
    assert all(sum(len(entry["Targets"]) for entry in call) <= 500 for call in calls)
    assert len({entry["LocationId"] for call in calls for entry in call}) == 2


def test_one_node_of_many_rules_is_one_call_for_a_hundred_of_them() -> None:
    api = ScriptedApi(script(BatchModifyTargetWeight=[ACCEPTED], DescribeTaskStatus=[DONE]))
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))
    node = Target(endpoint=Endpoint(instance_id="ins-1", port=30080), weight=0)
    targets = [RoutedTarget(location=LocationId(f"loc-{number}"), target=node) for number in range(101)]
    run_virtually(clb.set_weights(balancer(), ListenerId("lbl-1"), targets))
    calls = [params["ModifyList"] for action, params, _ in api.sent if action == "BatchModifyTargetWeight"]
    assert [len(call) for call in calls] == [100, 1]


def quotas(**limits: int) -> Reply:
    return {
        "QuotaSet": [{"QuotaId": name, "QuotaCurrent": None, "QuotaLimit": n} for name, n in limits.items()]
    }


def test_quotas_are_read_once_for_all_who_ask_and_anew_after_ten_minutes() -> None:
    limits = quotas(TOTAL_LISTENER_QUOTA=50, TOTAL_LISTENER_RULE_QUOTA=51, TOTAL_TARGET_BIND_QUOTA=52)
    api = ScriptedApi(script(DescribeQuota=[limits, quotas(TOTAL_TARGET_BIND_QUOTA=200)]), takes=0.1)
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))

    async def ask() -> None:
        found = await asyncio.gather(*(clb.quotas("r") for _ in range(50)))
        assert set(found) == {Quotas(listeners=50, rules=51, targets=52)}
        await asyncio.sleep(599)
        assert await clb.quotas("r") == found[0]
        await asyncio.sleep(2)
        assert await clb.quotas("r") == Quotas(targets=200)

    run_virtually(ask())
    assert api.actions == ["DescribeQuota"] * 2


def test_a_failed_read_of_quotas_is_not_remembered() -> None:
    gone = error_for("DescribeQuota", "InternalError", "gone", "r-0")
    api = ScriptedApi(script(DescribeQuota=[gone, quotas(TOTAL_TARGET_BIND_QUOTA=9)]))
    clb = CloudLoadBalancers(api, LoadBalancerWrites(api))

    async def ask() -> None:
        with pytest.raises(errors.CloudError):
            await clb.quotas("r")
        assert await clb.quotas("r") == Quotas(targets=9)

    run_virtually(ask())


def test_a_listener_that_is_gone_already_is_deleted() -> None:
    gone = error_for("DeleteListener", "InvalidParameter.ListenerIdNotFound", "gone", "r-0")
    api = ScriptedApi(script(DeleteListener=[gone]))
    run_virtually(
        CloudLoadBalancers(api, LoadBalancerWrites(api)).delete_listener(balancer(), ListenerId("x"))
    )
    assert api.actions == ["DeleteListener"]
