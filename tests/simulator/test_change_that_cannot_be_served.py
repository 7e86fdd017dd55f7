"""9. A change that the data plane refuses fails its task, or its call, and is taken back.

Source: a property of the simulator; the cloud's own failures of this kind look like any failed task.
"""

import pytest
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN, Cloud, refused
from simulator.still_clock import StillClock

from clb_simulator.auth import SecretKey
from clb_simulator.dataplane.model import DataPlaneError, Listener
from clb_simulator.dataplane.null import NullDataPlane
from clb_simulator.server import Config, Server


class PickyDataPlane(NullDataPlane):
    """Refuses what a test tells it to refuse."""

    error: Exception | None = None

    async def apply(self, listeners: tuple[Listener, ...]) -> None:
        if self.error is not None:
            raise self.error
        await super().apply(listeners)


@pytest.mark.parametrize("error", [DataPlaneError("address in use"), RuntimeError("a defect")], ids=repr)
async def test_refused_change_is_taken_back(error: Exception) -> None:
    plane = PickyDataPlane()
    clock = StillClock()
    keys = {SECRET_ID: SecretKey(SECRET_ID, SECRET_KEY, UIN)}
    server = Server(Config(keys=keys, task_seconds=0, throttled=False), clock, plane)
    await server.start()
    cloud = Cloud(server, clock)
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    before = await cloud.admin("GET", "/state")

    plane.error = error
    reply = await cloud.clb("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
    assert (await cloud.wait(reply.RequestId)).Status == 1
    target = {"ListenerId": listener, "LocationId": rule, "EniIp": "127.0.0.11", "Port": 1}
    with refused("FailedOperation" if isinstance(error, DataPlaneError) else "InternalError"):
        await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=[target])
    after = await cloud.admin("GET", "/state")
    assert {**after, "tasks": None} == {**before, "tasks": None}

    plane.error = None
    await cloud.change("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
    await cloud.close()
