"""A rotation that is interrupted goes on where it was, and nobody is refused meanwhile."""

import pytest
from cluster.doors import Doors, one_door, wait_until_open
from cluster.rotation_log import AUTHORITY, PHASES, RotationLog, ask_for_rotation, is_subsequence, record
from cluster.tenant import Tenant
from eventually import eventually

from mtls_devcluster.traffic import INTERVAL, Following, Mount, Traffic
from mtls_operator.api.meta import PAUSED_ANNOTATION

pytestmark = pytest.mark.cluster

FOLLOWER = "takes up its Secret"
LISTENER = "MutualTLSListener"


@pytest.fixture
def doors(tenant: Tenant) -> Doors:
    made = one_door(tenant)
    tenant.authority(rotation={"minimumSoak": "1s", "overlap": "2s"})
    tenant.client_cert()
    return wait_until_open(made)


def pause(tenant: Tenant, kind: str, name: str, value: str | None = "true") -> None:
    tenant.change(kind, name, {"metadata": {"annotations": {PAUSED_ANNOTATION: value}}})


def let_pass(traffic: Traffic, seconds: float) -> None:
    """Wait for as many requests as take at least so long."""
    enough = traffic.requests(FOLLOWER) + seconds / INTERVAL
    eventually(lambda: traffic.requests(FOLLOWER) > enough, within=10 * seconds, what="some time passes")


def test_an_operator_that_is_killed_after_every_step_finishes_and_nobody_fails(doors: Doors) -> None:
    operator, before = doors.tenant.world.operator, doors.bound_roots()
    doors.tenant.world.cloud.set_task_time(0.3)
    with Mount(doors.data) as mount, RotationLog(doors.tenant) as log, Traffic(doors.sites) as traffic:
        traffic.add(FOLLOWER, Following(mount))
        ask_for_rotation(doors.tenant)
        for moment in ("madeAt", "preparedAt", "reissuedAt", "switchedAt"):
            log.wait_recorded(moment)
            operator.kill()
            operator.start()
        eventually(lambda: not doors.bound_roots() & before, within=30, what="the next root is bound")
        operator.kill()
        operator.start()
        log.wait_finished()
    assert [str(one) for one in traffic.failures()] == []
    assert is_subsequence(log.phases, PHASES)
    assert len(doors.bound_roots()) == 1
    uploads = doors.tenant.world.cloud.uploads(doors.tenant.namespace)
    assert sorted(uploads.values()) == ["CA", "SVR"]


def test_a_paused_authority_stays_in_its_phase_and_goes_on_later(doors: Doors) -> None:
    tenant, before = doors.tenant, doors.bound_roots()
    with Mount(doors.data) as mount, RotationLog(tenant) as log, Traffic(doors.sites) as traffic:
        traffic.add(FOLLOWER, Following(mount))
        ask_for_rotation(tenant)
        log.wait_recorded("reissuedAt")
        pause(tenant, AUTHORITY, "clients")
        let_pass(traffic, 3)
        assert "switchedAt" not in record(tenant)
        assert doors.bound_roots() == before
        pause(tenant, AUTHORITY, "clients", None)
        log.wait_finished()
    assert [str(one) for one in traffic.failures()] == []
    assert not doors.bound_roots() & before


def test_a_paused_listener_keeps_the_old_root_in_the_cloud_and_is_named(doors: Doors) -> None:
    tenant, before = doors.tenant, doors.bound_roots()
    pause(tenant, LISTENER, "api")
    with Mount(doors.data) as mount, RotationLog(tenant) as log, Traffic(doors.sites) as traffic:
        traffic.add(FOLLOWER, Following(mount))
        ask_for_rotation(tenant)
        paused = [f"{LISTENER} {tenant.namespace}/api is paused"]
        eventually(
            lambda: log.wait_for("Switch")["blockers"],
            until=lambda named: named == paused,
            what="it is named",
        )
        let_pass(traffic, 2)
        assert doors.bound_roots() == before
        assert before <= tenant.world.cloud.uploads(tenant.namespace).keys()
        pause(tenant, LISTENER, "api", None)
        log.wait_finished()
    assert [str(one) for one in traffic.failures()] == []
    assert not doors.bound_roots() & before
