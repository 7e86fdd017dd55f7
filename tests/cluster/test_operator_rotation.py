"""A root is replaced by cross-signing under continuous traffic, and nobody who keeps up is ever refused."""

import datetime as dt
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cluster.doors import Doors, three_doors, wait_until_open
from cluster.p12_clients import Pkcs12Curl, missing_nss, nss_problems
from cluster.rotation_log import PHASES, RotationLog, ask_for_rotation, is_subsequence, record
from cluster.tenant import NewTenant
from unit.signing_requests import csr, new_key

from mtls_devcluster.identity import Identity, why_not_served
from mtls_devcluster.traffic import Following, Keeping, Mount, SecretData, Traffic
from mtls_operator.pki.keys import key_to_pem

pytestmark = pytest.mark.cluster

KEEPER = "keeps its certificate"
FOLLOWERS = (
    "takes up its Secret",
    "knows the old root alone",
    "reads the first root alone",
    "curl with client.p12",
    "has its key to itself",
)
OVERLAP = dt.timedelta(seconds=6)
KEY = new_key()
END = b"-----END CERTIFICATE-----\n"


@pytest.fixture
def doors(new_tenant: NewTenant) -> Doors:
    """Listeners by both methods on two load balancers, all of them open to the client payments."""
    made = three_doors(new_tenant)
    made.tenant.authority(rotation={"minimumSoak": "3s", "overlap": "6s"})
    made.tenant.client_cert()
    made.tenant.client_cert("requested", request=csr(KEY))
    return wait_until_open(made)


def reads_one_root(data: SecretData) -> Identity:
    """Take of ca.crt what a program takes that reads one certificate of a file, and no more."""
    new = Identity.from_secret(data)
    return replace(new, trusted=new.trusted.partition(END)[0] + END)


def has_its_key(data: SecretData) -> Identity:
    """Take the certificate that a signing request got; its Secret has no key."""
    return Identity.from_secret({**data, "tls.key": key_to_pem(KEY)})


def test_no_request_fails_at_any_door_of_two_load_balancers(doors: Doors, tmp_path: Path) -> None:
    """The client that keeps its certificate is served until the switch, and refused at every door after."""
    old = Identity.from_secret(doors.data())
    before = doors.bound_roots()

    def knows_the_old_root(data: SecretData) -> Identity:
        return replace(Identity.from_secret(data), trusted=old.trusted)

    with ExitStack() as running:
        mount = running.enter_context(Mount(doors.data))
        log = running.enter_context(RotationLog(doors.tenant))
        traffic = running.enter_context(Traffic(doors.sites))
        requested = running.enter_context(Mount(lambda: doors.data("requested")))
        plain, old_root, first_root, curl, own_key = FOLLOWERS
        traffic.add(plain, Following(mount))
        traffic.add(old_root, Following(mount, knows_the_old_root))
        traffic.add(first_root, Following(mount, reads_one_root))
        traffic.add(curl, Pkcs12Curl(mount, tmp_path), interval=0.15)
        traffic.add(own_key, Following(requested, has_its_key))
        traffic.add(KEEPER, Keeping(old))
        ask_for_rotation(doors.tenant)
        log.wait_finished()
        traffic.wait_for_round()
    assert [str(one) for one in traffic.failures(*FOLLOWERS)] == []
    assert [str(one) for one in traffic.failures(KEEPER, until=log.not_switched_at)] == []
    assert {one.site for one in traffic.failures(KEEPER)} == set(doors.sites)
    assert {one.why for one in traffic.failures(KEEPER)} == {"HTTP/1.1 400 Bad Request"}
    assert len(doors.bound_roots()) == 1
    assert not doors.bound_roots() & before
    _assert_it_was_told(doors, log)


def _assert_it_was_told(doors: Doors, log: RotationLog) -> None:
    """The status, the condition and the events say what happened, in its order, and who was left behind."""
    tenant = doors.tenant
    assert is_subsequence(log.phases, PHASES)
    assert {"Reissue", "Soak", "Switch"} <= set(log.phases)
    assert log.complete() == ["True", "False", "True"]
    left = [f"{tenant.namespace}/{name}" for name in ("payments", "requested")]
    assert [one["remaining"] for one in log.during("Soak")] == [left]
    assert log.seen[-1]["retiring"][0]["remainingLeaves"] == len(left)
    times = {name: dt.datetime.fromisoformat(time) for name, time in record(tenant).items() if "At" in name}
    assert times["switchedAt"] - times["reissuedAt"] >= OVERLAP
    events = {
        (one["type"], one["reason"], one["note"])
        for one in tenant.world.kube.list("Event", tenant.namespace)
        if one["reason"].startswith("Rotation")
    }
    assert events == {
        ("Normal", "RotationStarted", "make the next root, by CrossSign: the annotation rotate asks for it"),
        ("Normal", "RotationAdvanced", "go on to Reissue"),
        ("Normal", "RotationAdvanced", "go on to Soak"),
        ("Warning", "RotationAdvanced", f"go on to Switch; no longer waiting for {', '.join(left)}"),
        ("Normal", "RotationFinished", "go on to Stable"),
    }


@pytest.mark.skipif(bool(missing_nss()), reason=f"not on the PATH: {missing_nss()}; Debian: libnss3-tools")
def test_a_browser_is_served_with_the_p12_of_every_phase_of_two_rotations(
    doors: Doors, tmp_path: Path
) -> None:
    """NSS, which chooses what it sends with the leaf, before each switch and after it.

    Servers are believed by whoever knows only the first of the three roots.
    """
    first = Identity.from_secret(doors.data())
    for generation in (2, 3):
        with RotationLog(doors.tenant, generation=generation) as log:
            ask_for_rotation(doors.tenant, f"for {generation}")
            log.wait_recorded("reissuedAt")
            new = Identity.from_secret(doors.data())
            assert nss_problems(doors, tmp_path / f"soak-{generation}") == []
            assert "switchedAt" not in record(doors.tenant, generation)
            log.wait_finished()
        assert Identity.from_secret(doors.data()) == new
        assert nss_problems(doors, tmp_path / f"stable-{generation}") == []
        knows_the_first = replace(new, trusted=first.trusted).context()
        assert [why_not_served(site, knows_the_first) for site in doors.sites] == ["", "", ""]
