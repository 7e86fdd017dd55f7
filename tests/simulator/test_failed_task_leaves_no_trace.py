"""9. A failed task leaves the state as it was, also for CreateListener whose ids were already returned.

Source: documented (a failed task means that the change did not happen).
"""

from simulator.cloud import UIN, Cloud, refused


async def test_failed_create_listener_leaves_nothing(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults/failed-task", action="CreateListener", message="no capacity")
    before = await cloud.admin("GET", "/state")
    reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    assert reply.ListenerIds[0].startswith("lbl-")
    status = await cloud.wait(reply.RequestId)
    assert (status.Status, status.Message) == (1, "no capacity")
    after = await cloud.admin("GET", "/state")
    assert {**after, "tasks": None} == {**before, "tasks": None}
    await cloud.listener(lb, Protocol="HTTP", port=80)


async def test_refused_call_changes_nothing(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    before = await cloud.admin("GET", "/state")
    rules = [{"Domain": "a.example.com", "Url": "/"}, {"Domain": "a.example.com", "Url": "/"}]
    with refused("InvalidParameterValue.Duplicate"):
        await cloud.clb("CreateRule", LoadBalancerId=lb, ListenerId=listener, Rules=rules)
    assert await cloud.admin("GET", "/state") == before


async def test_synchronous_call_that_is_refused_midway_changes_nothing(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    good = f"qcs::clb:ap-guangzhou:uin/{UIN}:clb/{lb}"
    before = await cloud.admin("GET", "/state")
    with refused("InvalidParameterValue"):
        tags = [{"TagKey": "owner", "TagValue": "me"}]
        await cloud.call("tag", "TagResources", ResourceList=[good, "not a name"], Tags=tags)
    assert await cloud.admin("GET", "/state") == before
