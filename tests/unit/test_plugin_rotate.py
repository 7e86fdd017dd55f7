"""`kubectl mtls rotate ca`: what is asked for, what is refused, what is said before and while it happens."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, authority_manifest, domain_manifest, listener_manifest
from hypothesis import given
from hypothesis import strategies as st
from unit.fakes.plugin import FakeApi, FakeClock, Manifest, run
from unit.test_plugin_issued import DAY, entry, revoked, shard

from kubectl_mtls.errors import Refusal
from kubectl_mtls.rotation import Progress, Wish, count_objects, require_possible, uses
from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.rotation_request import RotateRequest
from mtls_operator.errors import KubeUnavailable

LISTENERS = "/apis/mtls.clb-operator.dev/v1alpha1/mutualtlslisteners"
BROUGHT = {"secretRef": {"name": "root"}}
SUCCEEDED = {**BROUGHT, "nextSecretRef": {"name": "root-2"}}
ACTIVE = {
    "serialNumber": "1",
    "fingerprintSHA256": "f",
    "notBefore": "2026-01-01T00:00:00Z",
    "notAfter": "2036-01-01T00:00:00Z",
}


def ca(**fields: Any) -> Manifest:
    """Return an authority with its first root."""
    return {**authority_manifest(**fields), "status": {"active": {"generation": 1, **ACTIVE}}}


def with_status(generation: int = 1, phase: str = "Stable", **rotation: Any) -> Manifest:
    status = {
        "active": {"generation": generation, **ACTIVE},
        "rotation": {"phase": phase, **rotation},
    }
    return {**authority_manifest(), "status": status}


def value(api: FakeApi) -> str:
    found: str = api.find("CertificateAuthority", "edge", "clients")["metadata"]["annotations"][
        ROTATE_ANNOTATION
    ]
    return found


ASKED = [
    ([], "2026-11-23T12:00:00Z"),
    (["--evict", "--yes"], "evict-2026-11-23T12:00:00Z"),
    (["--evict", "--yes", "--soak", "10m"], "evict-2026-11-23T12:00:00Z;soak=10m"),
    (["--evict", "--yes", "--soak", "0s"], "evict-2026-11-23T12:00:00Z"),
]


@pytest.mark.parametrize(("arguments", "written"), ASKED, ids=[" ".join(row[0]) or "none" for row in ASKED])
def test_it_sets_the_annotation(arguments: list[str], written: str) -> None:
    api = FakeApi(ca(annotations={"team.example/note": "kept"}))
    result = run(api, "rotate", "ca", "edge/clients", *arguments)
    assert result.exit_code == 0, result.output
    assert value(api) == written
    annotations = api.find("CertificateAuthority", "edge", "clients")["metadata"]["annotations"]
    assert annotations["team.example/note"] == "kept"
    assert written in result.stdout


def test_another_time_gives_another_value() -> None:
    for wish in (Wish(), Wish(evict=True)):
        assert wish.annotation(NOW) != wish.annotation(NOW + timedelta(seconds=1))


@given(st.booleans(), st.none() | st.timedeltas(timedelta(0), 365 * DAY))
def test_the_operator_reads_what_is_asked_for(evict: bool, soak: timedelta | None) -> None:  # noqa: FBT001
    soak = soak and timedelta(milliseconds=soak // timedelta(milliseconds=1))
    wish = Wish(evict=evict, soak=soak if evict else None)
    read = RotateRequest.parse(wish.annotation(NOW), RotationStrategy.CROSS_SIGN)
    assert (read.evicting, read.soak or None, read.unreadable) == (evict, wish.soak or None, "")


def test_soak_belongs_to_evict() -> None:
    api = FakeApi(ca())
    result = run(api, "rotate", "ca", "clients", "--soak", "10m")
    assert (result.exit_code, api.writes) == (2, [])
    assert "--soak belongs to --evict" in result.stderr


def test_an_eviction_is_asked_about_and_a_rotation_is_not() -> None:
    api = FakeApi(ca())
    declined = run(api, "rotate", "ca", "clients", "--evict", answer="n\n")
    assert (declined.exit_code, api.writes) == (0, [])
    assert "Nothing was changed." in declined.stdout
    run(api, "rotate", "ca", "clients", "--evict", answer="y\n")
    assert value(api).startswith("evict-")


POSSIBLE = [
    ("a root made here", {}, True, True),
    ("an existing root without a successor", {"source": BROUGHT}, False, False),
    ("an existing root with one", {"source": SUCCEEDED}, True, True),
    ("whatever its strategy", {"source": SUCCEEDED, "rotation": {"strategy": "SameKey"}}, True, True),
    ("the same key", {"rotation": {"strategy": "SameKey"}}, True, False),
    ("a bundle", {"rotation": {"strategy": "Bundle"}}, True, True),
]


@pytest.mark.parametrize(
    ("spec", "plain", "evict"), [row[1:] for row in POSSIBLE], ids=[r[0] for r in POSSIBLE]
)
def test_what_cannot_be_is_refused(spec: Manifest, *, plain: bool, evict: bool) -> None:
    for wish, possible in ((Wish(), plain), (Wish(evict=True), evict)):
        if possible:
            require_possible(CertificateAuthority.parse(ca(**spec)), wish)
        else:
            with pytest.raises(Refusal):
                require_possible(CertificateAuthority.parse(ca(**spec)), wish)


def test_a_refusal_says_why_and_writes_nothing() -> None:
    for spec, why in (
        ({"source": BROUGHT}, "spec.source.nextSecretRef"),
        ({"rotation": {"strategy": "SameKey"}}, "accepts every old certificate"),
    ):
        api = FakeApi(ca(**spec))
        result = run(api, "rotate", "ca", "clients", "--evict", "--yes")
        assert (result.exit_code, api.writes) == (1, [])
        assert why in result.stderr


def test_where_there_is_no_root_there_is_none_to_replace() -> None:
    api = FakeApi(authority_manifest())
    result = run(api, "rotate", "ca", "clients")
    assert (result.exit_code, api.writes) == (1, [])
    assert "has no root yet" in result.stderr


def announced(spec: Manifest, *arguments: str) -> str:
    return run(FakeApi(ca(**spec)), "rotate", "ca", "clients", *arguments).stdout


def test_it_says_how_long_it_takes_at_the_latest() -> None:
    output = announced({"rotation": {"minimumSoak": "1h", "overlap": "48h"}})
    assert "issued anew under root 2, for 48h at most." in output
    assert "Clients have 1h" in output
    assert "no certificate of root 1 is left, at the latest 48h after Reissue." in output
    assert "The listeners switch at the latest about 2026-11-27 12:00Z." in output
    longer = announced({"rotation": {"minimumSoak": "48h", "overlap": "30m"}})
    assert "for 1h at most" in longer
    assert "at the latest about 2026-11-25 13:00Z." in longer


def test_it_says_what_an_eviction_does() -> None:
    output = announced({"rotation": {"overlap": "48h"}}, "--evict", "--yes", "--soak", "10m")
    assert "Clients have 10m" in output
    assert "whoever has no certificate of it by then is refused" in output
    assert "at the latest about 2026-11-23 12:20Z." in output
    assert "Clients have 0s" in announced({}, "--evict", "--yes")


def test_it_says_that_the_same_key_keeps_every_certificate_valid() -> None:
    output = announced({"rotation": {"strategy": "SameKey", "minimumSoak": "24h"}})
    assert "every certificate stays valid" in output
    assert "Reissue" not in output
    assert "at the latest about 2026-11-24 12:00Z." in output


def test_an_existing_root_is_replaced_by_bundle() -> None:
    assert "strategy Bundle" in announced({"source": SUCCEEDED})


def test_it_says_that_another_rotation_comes_first() -> None:
    output = run(FakeApi(with_status(2, "Soak")), "rotate", "ca", "clients").stdout
    assert "Root 2 will be replaced by root 3" in output
    assert "A rotation is under way (phase Soak)" in output
    assert "at the latest about" not in output


def test_it_says_that_a_paused_authority_waits() -> None:
    paused = ca(annotations={"mtls.clb-operator.dev/paused": "true"})
    assert "is paused" in run(FakeApi(paused), "rotate", "ca", "clients").stdout


def test_it_names_the_listeners_and_counts_the_client_certs() -> None:
    entries = (
        entry("1", uid="a"),
        entry("2", uid="a"),
        entry("3", uid="b"),
        revoked("4", uid="c"),
        entry("5", uid="d", not_after=NOW),
        entry("6", uid="e", kind=Kind.MUTUAL_TLS_LISTENER),
    )
    api = FakeApi(
        ca(),
        shard(*entries),
        listener_manifest("api"),
        listener_manifest("shop", namespace="team-a", ca="clients"),
        listener_manifest("other", ca="partners"),
    )
    output = run(api, "rotate", "ca", "clients").stdout
    assert "It concerns 2 ClientCerts" in output
    assert "It concerns 1 listener: edge/api." in output
    assert "No new certificate for 1 revoked ClientCert." in output


def test_who_may_not_list_listeners_can_rotate_all_the_same() -> None:
    api = FakeApi(ca())
    api.refused.add(LISTENERS)
    result = run(api, "rotate", "ca", "clients")
    assert result.exit_code == 0
    assert "You may not list MutualTLSListeners" in result.stdout


def test_a_client_cert_with_a_revoked_and_a_live_certificate_counts_as_live() -> None:
    assert count_objects([revoked("1", uid="a"), entry("2", uid="a")], NOW) == (1, 0)
    assert count_objects([revoked("1", uid="a", not_after=NOW - DAY)], NOW) == (0, 0)


CLIENTS = ObjectRef("edge", "clients")
PARTNERS = {"caRef": {"name": "partners"}}


def _sni(*domains: Manifest, ca: Manifest) -> Manifest:
    return {"sni": True, "domains": list(domains), "tls": ca}


USES = [
    ("it admits its clients", {}, True),
    ("it admits another's", {"tls": PARTNERS}, False),
    (
        "it shows its certificate",
        {"tls": {**PARTNERS, "serverCertificate": {"issue": {"caRef": {"name": "clients"}}}}},
        True,
    ),
    (
        "a domain admits its clients",
        _sni(domain_manifest(tls={"caRef": {"name": "clients"}}), ca=PARTNERS),
        True,
    ),
    ("no domain does", _sni(domain_manifest(tls=PARTNERS), ca={"caRef": {"name": "clients"}}), False),
]


@pytest.mark.parametrize(("spec", "used"), [row[1:] for row in USES], ids=[row[0] for row in USES])
def test_a_listener_uses_an_authority(spec: Manifest, *, used: bool) -> None:
    manifest = listener_manifest()
    assert uses(MutualTLSListener.parse({**manifest, "spec": {**manifest["spec"], **spec}}), CLIENTS) is used


def test_another_authority_of_the_same_name_is_not_rotated() -> None:
    api = FakeApi(ca())

    def replace(path: str) -> None:
        if "certificateauthorities" in path:
            api.put({**ca(), "metadata": {**ca()["metadata"], "uid": "new"}})

    api.after_get = replace
    result = run(api, "rotate", "ca", "clients")
    assert (result.exit_code, api.writes) == (1, [])
    assert "is another object than the one that was read" in result.stderr


def follow(start: Manifest, *steps: Manifest | Callable[[FakeApi], None]) -> tuple[int, list[str], str]:
    """Run with --wait while the authority becomes what the steps say, one at each look."""
    api = FakeApi(start)

    def step(what: Manifest | Callable[[FakeApi], None]) -> Callable[[], None]:
        return lambda: what(api) if callable(what) else api.put(what)

    clock = FakeClock(meanwhile=[step(one) for one in steps])
    result = run(api, "rotate", "ca", "clients", "--wait", clock=clock)
    assert not clock.meanwhile
    lines = result.stdout.splitlines()
    return result.exit_code, lines[lines.index(FOLLOWING) + 1 :], result.stderr


FOLLOWING = "Following it until it is over; Ctrl-C stops the following, not the rotation."


def test_waiting_shows_each_change_once_and_ends_when_the_next_root_is_stable() -> None:
    code, lines, _ = follow(
        with_status(1),
        with_status(1, "Prepare"),
        with_status(1, "Prepare"),
        with_status(2, "Reissue", remaining=["team-a/payments"], blockers=["edge/api: it is paused"]),
        with_status(2, "Soak", nextTime="2026-11-24T12:00:00Z"),
        with_status(2, "Drain"),
        with_status(2),
    )
    assert code == 0
    assert [line.split()[1] for line in lines[:-1]] == [
        "Stable",
        "Prepare",
        "Reissue",
        "Soak",
        "Drain",
        "Stable",
    ]
    assert "waits for team-a/payments; held up by edge/api: it is paused" in lines[2]
    assert "next at the latest 2026-11-24 12:00Z" in lines[3]
    assert "root 2 signs" in lines[-2]
    assert lines[-1] == "The rotation is over: the next root signs, and listeners admit it alone."


@pytest.mark.parametrize(("phase", "signs", "goal"), [("Prepare", 1, 3), ("Soak", 2, 3), ("Stable", 1, 2)])
def test_a_rotation_that_is_under_way_is_not_taken_for_ours(phase: str, signs: int, goal: int) -> None:
    progress = Progress.of(CertificateAuthority.parse(with_status(signs, phase)))
    assert progress.goal() == goal
    code, lines, _ = follow(with_status(signs, phase), *(with_status(n) for n in range(goal - 1, goal + 1)))
    assert (code, f"root {goal} signs" in lines[-2]) == (0, True)


def test_waiting_outlives_an_api_server_that_does_not_answer() -> None:
    def unanswered(api: FakeApi) -> None:
        get = api.get

        def fail_once(path: str) -> Manifest:
            api.get = get  # type: ignore[method-assign]
            raise KubeUnavailable("no answer")

        api.get = fail_once  # type: ignore[method-assign]

    code, lines, _ = follow(with_status(1), unanswered, with_status(2))
    assert (code, len(lines)) == (0, 3)


def stopped(type_: str, reason: str, message: str = "the key is gone") -> Manifest:
    condition = {
        "type": type_,
        "status": "True" if type_ == "Stalled" else "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-23T12:00:00Z",
    }
    manifest = with_status(1)
    return {**manifest, "status": {**manifest["status"], "conditions": [condition]}}


@pytest.mark.parametrize(
    ("type_", "reason"), [("Stalled", "CAKeyMissing"), ("RotationComplete", "RotationNotPossible")]
)
def test_waiting_ends_when_a_person_is_needed(type_: str, reason: str) -> None:
    code, _, said = follow(with_status(1), stopped(type_, reason))
    assert (code, "stands still: the key is gone" in said) == (1, True)


def test_a_refusal_of_an_earlier_request_does_not_end_the_waiting() -> None:
    earlier = stopped("RotationComplete", "RotationNotPossible")
    code, _, _ = follow(earlier, earlier, with_status(1, "Prepare"), with_status(2))
    assert code == 0
    later = stopped("RotationComplete", "RotationNotPossible", "the subject has changed")
    code, _, said = follow(earlier, later)
    assert (code, "the subject has changed" in said) == (1, True)
    code, _, said = follow(earlier, *[earlier] * 5)
    assert (code, "the key is gone" in said) == (1, True)
