"""The roots and lists that an authority publishes, and what others make of them."""

import subprocess
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from builders import authority_manifest, client_cert_manifest
from pkilint.bin import lint_crl
from unit.fakes.faults import Crash, Fault
from unit.fakes.world import World
from unit.ledgers import entry

from mtls_operator.api.meta import ROTATE_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.ledger import new_shard
from mtls_operator.core.revocation import MOST_BYTES
from mtls_operator.pki.crl import CrlFacts, inspect_crl, load_crls
from mtls_operator.pki.inspect import inspect_certificate, load_chain

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
CLIENTS, PUBLISHED = ObjectRef("edge", "clients"), ObjectRef("edge", "clients-ca")
QUICK = {"minimumSoak": "1h", "overlap": "10h"}


async def settled() -> World:
    world = World()
    world.apply(authority_manifest(rotation=QUICK), client_cert_manifest("good"), client_cert_manifest("bad"))
    await world.settle()
    return world


async def rotating() -> World:
    """Return a world with two roots, in which `bad` is revoked under both."""
    world = await settled()
    await rotate(world)
    world.kube.apply(client_cert_manifest("bad", revoked={"reason": "KeyCompromise"}))
    await world.settle()
    return world


async def rotate(world: World, how: str = "now") -> None:
    world.kube.objects[CA, CLIENTS]["metadata"]["annotations"][ROTATE_ANNOTATION] = how
    await world.settle()


def published(world: World) -> dict[str, str]:
    return dict(world.kube.config_maps[PUBLISHED].data)


def facts(world: World, name: str = "g1.crl") -> CrlFacts:
    (crl,) = load_crls(published(world)[name])
    return inspect_crl(crl)


def serial(world: World, name: str) -> str:
    chain = load_chain(world.kube.secrets[ObjectRef("edge", name)].data["tls.crt"])
    return inspect_certificate(chain[0]).serial_number


async def test_what_is_published_can_be_read_by_everybody_and_holds_no_key() -> None:
    world = await settled()
    assert set(published(world)) == {"ca.crt", "ca.crl", "g1.crl"}
    assert "PRIVATE" not in str(published(world))
    assert world.status(CA, "clients")["crl"]["number"] == facts(world).number == 1


async def test_a_revocation_is_on_the_list_and_the_status_counts_it() -> None:
    world = await settled()
    bad = serial(world, "bad")
    world.kube.apply(client_cert_manifest("bad", revoked={"reason": "KeyCompromise"}))
    await world.settle()
    assert facts(world).serials == {(bad, "KeyCompromise")}
    assert facts(world).number == 2
    assert world.status(CA, "clients")["revoked"] == 1
    assert load_crls(published(world)["ca.crl"]) == load_crls(published(world)["g1.crl"])


async def test_a_list_is_signed_anew_half_through_and_the_next_look_is_then() -> None:
    world = await settled()
    outcome = await world.reconcile(CA, "clients")
    assert outcome is not None
    assert outcome.after == timedelta(days=1)
    world.clock.advance(timedelta(hours=83))
    outcome = await world.reconcile(CA, "clients")
    assert outcome is not None
    assert outcome.after == timedelta(hours=1)
    assert facts(world).number == 1
    world.clock.advance(timedelta(hours=1))
    await world.settle()
    assert facts(world).number == 2
    assert facts(world).next_update == world.clock.now() + timedelta(hours=168)


async def test_numbers_go_on_when_the_config_map_is_lost_and_when_the_status_is() -> None:
    world = await settled()
    await rotate(world)
    world.clock.advance(timedelta(days=4))
    await world.settle()
    highest = max(facts(world, "g1.crl").number, facts(world, "g2.crl").number)
    assert world.status(CA, "clients")["crl"]["number"] == highest
    del world.kube.config_maps[PUBLISHED]
    await world.settle()
    assert {facts(world, "g1.crl").number, facts(world, "g2.crl").number} == {highest + 1}
    del world.kube.objects[CA, CLIENTS]["status"]
    world.clock.advance(timedelta(days=4))
    await world.settle()
    assert {facts(world, "g1.crl").number, facts(world, "g2.crl").number} == {highest + 2}


@pytest.mark.parametrize("text", ["", "by hand", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
async def test_a_list_that_somebody_edited_is_signed_anew_with_a_higher_number(text: str) -> None:
    world = await settled()
    found = world.kube.config_maps[PUBLISHED]
    world.kube.config_maps[PUBLISHED] = replace(found, data={**found.data, "g1.crl": text, "note": "mine"})
    await world.settle()
    assert facts(world).number == 2
    assert published(world)["note"] == "mine"


async def test_a_crash_after_the_list_was_written_costs_no_second_list() -> None:
    world = await settled()
    world.clock.advance(timedelta(hours=84))
    world.faults.plan(0, Fault.CRASH)
    with pytest.raises(Crash):
        await world.pass_over_all()
    assert facts(world).number == 2
    world.restart()
    await world.settle()
    assert facts(world).number == 2
    assert world.status(CA, "clients")["crl"]["number"] == 2


async def test_a_list_that_would_not_fit_is_not_signed_and_the_rest_goes_on() -> None:
    world = await settled()
    (authority,) = [one for one in [await world.kube.get_authority(CLIENTS)] if one is not None]
    before = published(world)
    revoked = entry(uid="many").revoke(world.clock.now(), "KeyCompromise")
    for number in range(1, 15):
        many = (replace(revoked, serial=f"{number * 1000 + one:x}") for one in range(500))
        shard = new_shard(authority, number, many)
        world.kube.config_maps[shard.ref] = replace(shard, uid=f"uid-{number}", resource_version="1")
    world.restart()
    await world.settle()
    condition = world.condition(CA, "clients", "Ready")
    assert condition is not None
    assert condition["reason"] == "ListTooLarge"
    assert "7000 certificates" in condition["message"]
    assert "kubectl mtls rotate ca --evict" in condition["message"]
    assert published(world) == before
    await rotate(world, "evict-1")
    await world.settle(4)
    assert world.status(CA, "clients")["active"]["generation"] == 2
    assert sum(map(len, published(world).values())) < MOST_BYTES
    world.apply(client_cert_manifest("more"))
    await world.settle()
    assert ObjectRef("edge", "more") in world.kube.secrets


def verify(world: World, folder: Path, name: str, *options: str, roots: str = "ca.crt") -> str:
    """Return what OpenSSL says to a client certificate and the chain that it is sent with."""
    secret, texts = world.kube.secrets[ObjectRef("edge", name)].data, published(world)
    chain = folder / "chain.pem"
    chain.write_bytes(secret["tls.crt"])
    (folder / "ca.crt").write_text(texts["ca.crt"])
    (folder / "old.crt").write_text(texts["ca.crt"].partition("-----END CERTIFICATE-----\n")[0] + _END)
    (folder / "ca.crl").write_text(texts["ca.crl"])
    moment = str(int(world.clock.now().timestamp()))
    command = [
        "openssl",
        "verify",
        "-attime",
        moment,
        "-CAfile",
        str(folder / roots),
        "-untrusted",
        str(chain),
    ]
    command += ["-CRLfile", str(folder / "ca.crl"), *options, str(chain)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return "OK" if found.returncode == 0 else found.stderr


_END = "-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("check", ["-crl_check", "-crl_check_all"])
@pytest.mark.parametrize(
    "roots", ["ca.crt", "old.crt"], ids=["who knows both roots", "who knows the old one"]
)
async def test_openssl_refuses_what_is_revoked_in_the_middle_of_a_rotation(
    tmp_path: Path, check: str, roots: str
) -> None:
    world = await rotating()
    assert len(load_crls(published(world)["ca.crl"])) == 2
    assert verify(world, tmp_path, "good", check, roots=roots) == "OK"
    assert "certificate revoked" in verify(world, tmp_path, "bad", check, roots=roots)
    assert verify(world, tmp_path, "bad", roots=roots) == "OK"


async def test_openssl_takes_the_lists_when_the_old_root_has_had_its_last_one(tmp_path: Path) -> None:
    world = await rotating()
    for step in (timedelta(hours=11), timedelta(days=91)):
        world.clock.advance(step)
        await world.settle(5)
    assert "g1.key" not in world.kube.secrets[ObjectRef("edge", "clients-ca-key")].data
    world.clock.advance(timedelta(days=20))
    await world.settle()
    assert verify(world, tmp_path, "good", "-crl_check_all") == "OK"
    assert verify(world, tmp_path, "good", "-crl_check_all", roots="old.crt") == "OK"


async def test_pkilint_finds_nothing_in_any_list(tmp_path: Path) -> None:
    world = await rotating()
    world.clock.advance(timedelta(hours=11))
    await world.settle(5)
    world.clock.advance(timedelta(days=91))
    await world.settle(5)
    for name, text in published(world).items():
        if name.startswith("g"):
            path = tmp_path / name
            path.write_text(text)
            with redirect_stdout(StringIO()) as output, warnings.catch_warnings():
                # pkilint leaves the files that it opened to the garbage collector.
                warnings.simplefilter("ignore", ResourceWarning)
                found = lint_crl.main(["lint", "-s", "WARNING", "-t", "CRL", "-p", "PKIX", str(path)])
            assert found == 0, output.getvalue()
