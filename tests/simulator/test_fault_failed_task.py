"""28. A task that fails on order: the change did not happen, and the task says why.

Source: documented (Status 1 with a Message).
"""

from simulator.cloud import Cloud


async def test_only_the_third_task_fails(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    order = {"kind": "failed-task", "action": "CreateListener", "message": "no capacity", "skip": 2}
    await cloud.admin("POST", "/faults", **order)
    outcomes = []
    for port in (80, 81, 82, 83):
        reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[port], Protocol="HTTP")
        status = await cloud.wait(reply.RequestId)
        outcomes.append((status.Status, status.Message))
    assert outcomes[2] == (1, "no capacity")
    assert [status for status, _ in outcomes] == [0, 0, 1, 0]
    found = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert [one.Port for one in found.Listeners] == [80, 81, 83]
