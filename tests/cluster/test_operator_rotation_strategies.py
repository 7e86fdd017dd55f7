"""The other ways to replace a root: by Bundle, for the same key, and to shut somebody out."""

import pytest
from cluster.doors import Doors, one_door, wait_until_open
from cluster.rotation_log import PHASES, RotationLog, ask_for_rotation, is_subsequence, record
from cluster.tenant import Tenant

from mtls_devcluster.identity import Identity, why_not_served
from mtls_devcluster.traffic import Following, Keeping, Mount, Traffic

pytestmark = pytest.mark.cluster

FOLLOWER, KEEPER = "takes up its Secret", "keeps its certificate"
REFUSED = "HTTP/1.1 400 Bad Request"


def open_door(tenant: Tenant, **rotation: str) -> Doors:
    doors = one_door(tenant)
    tenant.authority(rotation={"minimumSoak": "2s", "overlap": "3s", **rotation})
    tenant.client_cert()
    return wait_until_open(doors)


def rotate(doors: Doors, value: str = "now") -> tuple[RotationLog, Traffic]:
    """Replace the root under the traffic of two clients; return what was seen."""
    old = Identity.from_secret(doors.data())
    with Mount(doors.data) as mount, RotationLog(doors.tenant) as log, Traffic(doors.sites) as traffic:
        traffic.add(FOLLOWER, Following(mount))
        traffic.add(KEEPER, Keeping(old))
        ask_for_rotation(doors.tenant, value)
        log.wait_finished()
    assert is_subsequence(log.phases, PHASES)
    assert [str(one) for one in traffic.failures(FOLLOWER)] == []
    assert [str(one) for one in traffic.failures(KEEPER, until=log.not_switched_at)] == []
    return log, traffic


def test_by_bundle_the_load_balancer_trusts_both_roots_until_the_switch(tenant: Tenant) -> None:
    doors = open_door(tenant, strategy="Bundle")
    (site,) = doors.sites
    old = Identity.from_secret(doors.data())
    log, _ = rotate(doors)
    admitted = [tuple(status["admitted"]["generations"]) for status in log.seen]
    assert list(dict.fromkeys(admitted)) == [(1,), (1, 2), (2,)]
    assert why_not_served(site, old.context()) != ""
    assert why_not_served(site, Identity.from_secret(doors.data()).context()) == ""


def test_for_the_same_key_nobody_is_ever_refused(tenant: Tenant) -> None:
    doors = open_door(tenant, strategy="SameKey")
    before = doors.bound_roots()
    _, traffic = rotate(doors)
    assert traffic.failures() == []
    assert not doors.bound_roots() & before


def test_an_eviction_shuts_out_who_is_revoked_or_gone_and_nobody_else(tenant: Tenant) -> None:
    """Their certificates would have been accepted for months; an ordinary rotation would wait for that."""
    tenant.client_cert("leaver")
    tenant.client_cert("thief")
    doors = open_door(tenant, overlap="720h")
    (site,) = doors.sites
    kept = [Identity.from_secret(doors.data(name)).context() for name in ("leaver", "thief")]
    tenant.delete("ClientCert", "leaver")
    tenant.wait_gone("ClientCert", "leaver")
    tenant.change("ClientCert", "thief", {"spec": {"revoked": {"reason": "KeyCompromise"}}})
    tenant.wait_reason("ClientCert", "thief", "Revoked")
    assert [why_not_served(site, context) for context in kept] == ["", ""]
    rotate(doors, "evict-leaver;soak=2s")
    assert record(tenant)["evicting"] is True
    assert [why_not_served(site, context) for context in kept] == [REFUSED, REFUSED]
    assert why_not_served(site, Identity.from_secret(doors.data()).context()) == ""
