"""A server certificate that is in the cloud already is checked, bound by its id, and never touched."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from builders import Manifest, domain_manifest, listener_manifest, route_manifest
from foreign_pki import authority, server
from simulator.pki import issue_authority
from unit.fakes.wire_listener import LISTENER, ShownWorld, shown_world

from mtls_operator.api.meta import ObjectRef

SNI = pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
ROOT = authority()
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
A, B = domain_manifest("a.acme.example"), domain_manifest("b.acme.example")
REGEX = domain_manifest("~^.*[.]shop$", route_manifest(healthCheck={"enabled": False}))


@pytest.fixture
async def world() -> AsyncIterator[ShownWorld]:
    async with shown_world() as made:
        yield made


def named(certificate: str) -> Manifest:
    return {"serverCertificate": {"cloudCertificateId": certificate}}


def manifest(certificate: str, *domains: Manifest, sni: bool = False) -> Manifest:
    tls = {"caRef": {"name": "clients"}, **named(certificate)}
    return listener_manifest("api", *(domains or (A,)), sni=sni, tls=tls, drainPeriod="0s")


async def bought(world: ShownWorld, *names: str, lasts: timedelta = YEAR) -> str:
    """Have somebody upload a server certificate for these names; return its id."""
    pair = server(*names, by=ROOT, begin=world.clock.now() - HOUR, lasts=lasts)
    return await uploaded(
        world,
        CertificatePublicKey=pair.chain_pem.decode().strip(),
        CertificatePrivateKey=pair.key_pem.decode().strip(),
    )


async def uploaded(world: ShownWorld, **fields: str) -> str:
    reply = await world.api.write("ssl", "", "UploadCertificate", fields)
    return str(reply["CertificateId"])


async def bound(world: ShownWorld) -> dict[str, str]:
    """Return the id of the certificate that each domain shows."""
    return {domain: shown["CertId"] for domain, shown in (await world.bound()).items()}


async def refused(world: ShownWorld, wanted: Manifest) -> tuple[str, str]:
    """Apply a manifest that cannot be done; return the reason and the sentence."""
    world.apply(wanted)
    await world.settle(2)
    status, reason, message = world.ready()
    assert status == "False"
    return reason, message


@SNI
async def test_it_is_bound_by_its_id_replaced_in_place_and_left_when_the_listener_goes(
    world: ShownWorld,
    sni: bool,  # noqa: FBT001
) -> None:
    first, second = [await bought(world, "a.acme.example") for _ in range(2)]
    done = await world.settle_to(manifest(first, sni=sni))
    # The authority's certificate is the only upload.
    assert done.count("UploadCertificate") == 1
    assert await bound(world) == {"a.acme.example": first}
    assert world.status(LISTENER, "api")["notAfter"] is not None
    change = "ModifyDomainAttributes" if sni else "ModifyListener"
    assert await world.settle_to(manifest(second, sni=sni)) == [change]
    assert await bound(world) == {"a.acme.example": second}
    world.kube.delete(LISTENER, ObjectRef("edge", "api"))
    await world.settle(2)
    assert await world.listeners() == []
    assert "DeleteCertificate" not in world.actions()
    left = [one for one in world.state("certificates") if one["certificate_type"] == "SVR"]
    assert {one["certificate_id"] for one in left if not one["deleted"]} == {first, second}


async def test_each_domain_may_show_one_from_another_source(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example", "x.shop")
    pair = server("c.acme.example", by=ROOT, begin=world.clock.now() - HOUR)
    world.kube.put_secret(pair.secret())
    domains = [
        A,
        {**B, "tls": {"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}}}},
        domain_manifest("c.acme.example", tls={"serverCertificate": {"secretRef": {"name": "purchased"}}}),
        REGEX,
    ]
    await world.settle_to(manifest(one, *domains, sni=True))
    shown = await bound(world)
    assert (shown["a.acme.example"], shown["~^.*[.]shop$"]) == (one, one)
    assert len(set(shown.values())) == 3


async def test_the_way_from_an_issued_one_and_back_leaves_no_upload_behind(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example")
    issued = listener_manifest("api", A)
    await world.settle_to(issued)
    done = await world.settle_to(manifest(one))
    assert done == ["ModifyListener", "DeleteCertificate"]
    done = await world.settle_to(issued)
    assert done == ["UploadCertificate", "ModifyListener"]


async def test_a_regular_expression_is_served_with_sni_off_too(world: ShownWorld) -> None:
    one = await bought(world, "x.shop")
    await world.settle_to(manifest(one, REGEX))
    assert await bound(world) == {"~^.*[.]shop$": one}


async def test_one_that_does_not_exist_is_named(world: ShownWorld) -> None:
    reason, message = await refused(world, manifest("LtIaSxlb"))
    assert reason == "CertificateNotFound"
    assert "the cloud has no certificate LtIaSxlb" in message


async def test_an_authoritys_and_an_upload_of_the_operator_are_refused(world: ShownWorld) -> None:
    ca = await uploaded(world, CertificatePublicKey=issue_authority("Theirs").pem, CertificateType="CA")
    assert (await refused(world, manifest(ca)))[0] == "CertificateNotUsable"
    await world.settle_to(listener_manifest("api", A))
    own = (await bound(world))["a.acme.example"]
    reason, message = await refused(world, manifest(own))
    assert reason == "CertificateNotUsable"
    assert "uploaded by the operator" in message
    assert await bound(world) == {"a.acme.example": own}


async def test_every_domain_must_be_covered_and_what_is_bound_stays(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example")
    await world.settle_to(manifest(one))
    reason, message = await refused(world, manifest(one, A, B))
    assert reason == "CertificateNotUsable"
    assert "is not good for b.acme.example; its names are a.acme.example" in message
    assert await bound(world) == {"a.acme.example": one}


async def test_when_it_expires_the_condition_says_so_and_what_is_bound_stays(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example", lasts=3 * HOUR)
    await world.settle_to(manifest(one))
    world.clock.advance(2 * HOUR)
    await world.settle(2)
    status, reason, message = world.ready()
    assert (status, reason) == ("False", "CertificateNotUsable")
    assert f"certificate {one} cannot serve the listener: it expired at" in message
    assert await bound(world) == {"a.acme.example": one}


async def test_when_it_is_deleted_the_condition_says_so_and_nothing_is_written(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example")
    await world.settle_to(manifest(one))
    world.simulator.admin("PATCH", "/switches", bound_certificate_deletion="allowed")
    await world.api.write("ssl", "", "DeleteCertificate", {"CertificateId": one})
    world.actions()
    await world.settle(2)
    assert world.ready()[:2] == ("False", "CertificateNotFound")
    assert world.actions() == []
    assert await bound(world) == {"a.acme.example": one}


async def test_no_call_of_a_pass_asks_for_a_private_key(world: ShownWorld) -> None:
    one = await bought(world, "a.acme.example")
    await world.settle_to(manifest(one))
    asked = {call["action"] for call in world.calls()}
    assert "DescribeCertificate" in asked
    assert "DescribeCertificateDetail" not in asked
