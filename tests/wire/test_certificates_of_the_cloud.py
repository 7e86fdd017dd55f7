"""A server certificate that is in the cloud already is checked, bound by its id, and never touched."""

from datetime import timedelta

import pytest
from builders import Manifest, domain_manifest, listener_manifest, route_manifest
from foreign_pki import authority, server
from simulator.pki import issue_authority
from wire.world import Shown, WireWorld

from mtls_operator.api.meta import Kind, ObjectRef

SNI = pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])
ROOT = authority()
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
A, B = domain_manifest("a.acme.example"), domain_manifest("b.acme.example")
REGEX = domain_manifest("~^.*[.]shop$", route_manifest(healthCheck={"enabled": False}))


def named(certificate: str) -> Manifest:
    return {"serverCertificate": {"cloudCertificateId": certificate}}


def manifest(certificate: str, *domains: Manifest, sni: bool = False) -> Manifest:
    tls = {"caRef": {"name": "clients"}, **named(certificate)}
    return listener_manifest("api", *(domains or (A,)), sni=sni, tls=tls)


async def bought(world: WireWorld, *names: str, lasts: timedelta = YEAR) -> str:
    """Have somebody upload a server certificate for these names; return its id."""
    pair = server(*names, by=ROOT, begin=world.clock.now() - HOUR, lasts=lasts)
    reply = await world.console.ssl(
        "UploadCertificate",
        CertificatePublicKey=pair.chain_pem.decode().strip(),
        CertificatePrivateKey=pair.key_pem.decode().strip(),
        Alias="bought",
    )
    return str(reply.CertificateId)


async def bound(world: WireWorld) -> dict[str, str]:
    """Return the id of the certificate that each domain shows."""
    listener = await world.listener()
    rules: list[Shown] = listener["Rules"]
    return {r["Domain"]: (r if listener["SniSwitch"] else listener)["Certificate"]["CertId"] for r in rules}


async def converge(world: WireWorld, wanted: Manifest) -> list[str]:
    await world.actions()
    world.apply(wanted)
    await world.settle(2)
    done = await world.actions()
    await world.require_quiet()
    return done


async def refused(world: WireWorld, wanted: Manifest) -> tuple[str, str]:
    """Apply a manifest that cannot be done; return the reason and the sentence."""
    world.apply(wanted)
    await world.settle(2)
    status, reason, message = world.ready()
    assert status == "False"
    return reason, message


@SNI
async def test_it_is_bound_by_its_id_replaced_in_place_and_left_when_the_listener_goes(
    world: WireWorld,
    sni: bool,  # noqa: FBT001
) -> None:
    first, second = [await bought(world, "a.acme.example") for _ in range(2)]
    done = await converge(world, manifest(first, sni=sni))
    # The authority's certificate is the only upload.
    assert done.count("UploadCertificate") == 1
    assert await bound(world) == {"a.acme.example": first}
    assert world.status_of_listener()["notAfter"] is not None
    change = "ModifyDomainAttributes" if sni else "ModifyListener"
    assert await converge(world, manifest(second, sni=sni)) == [change]
    assert await bound(world) == {"a.acme.example": second}
    world.kube.delete(Kind.MUTUAL_TLS_LISTENER, ObjectRef("edge", "api"))
    await world.settle(2)
    assert "DeleteCertificate" not in await world.actions()
    left = await world.console.ssl("DescribeCertificates", CertificateType="SVR")
    assert {one.CertificateId for one in left.Certificates} == {first, second}


async def test_each_domain_may_show_one_from_another_source(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example", "x.shop")
    pair = server("c.acme.example", by=ROOT, begin=world.clock.now() - HOUR)
    world.kube.put_secret(pair.secret())
    domains = [
        A,
        {**B, "tls": {"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}}}},
        domain_manifest("c.acme.example", tls={"serverCertificate": {"secretRef": {"name": "purchased"}}}),
        REGEX,
    ]
    await converge(world, manifest(one, *domains, sni=True))
    shown = await bound(world)
    assert (shown["a.acme.example"], shown["~^.*[.]shop$"]) == (one, one)
    assert len(set(shown.values())) == 3


async def test_the_way_from_an_issued_one_and_back_leaves_no_upload_behind(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example")
    issued = listener_manifest("api", A)
    await converge(world, issued)
    done = await converge(world, manifest(one))
    assert done == ["ModifyListener", "DeleteCertificate"]
    done = await converge(world, issued)
    assert done == ["UploadCertificate", "ModifyListener"]


async def test_a_regular_expression_is_served_with_sni_off_too(world: WireWorld) -> None:
    one = await bought(world, "x.shop")
    await converge(world, manifest(one, REGEX))
    assert await bound(world) == {"~^.*[.]shop$": one}


async def test_one_that_does_not_exist_is_named(world: WireWorld) -> None:
    reason, message = await refused(world, manifest("LtIaSxlb"))
    assert reason == "CertificateNotFound"
    assert "the cloud has no certificate LtIaSxlb" in message


async def test_an_authoritys_and_an_upload_of_the_operator_are_refused(world: WireWorld) -> None:
    ca = await world.console.upload_ca(issue_authority("Somebody's Root"))
    assert (await refused(world, manifest(ca)))[0] == "CertificateNotUsable"
    await converge(world, listener_manifest("api", A))
    own = (await bound(world))["a.acme.example"]
    reason, message = await refused(world, manifest(own))
    assert reason == "CertificateNotUsable"
    assert "uploaded by the operator" in message
    assert await bound(world) == {"a.acme.example": own}


async def test_every_domain_must_be_covered_and_what_is_bound_stays(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example")
    await converge(world, manifest(one))
    reason, message = await refused(world, manifest(one, A, B))
    assert reason == "CertificateNotUsable"
    assert "is not good for b.acme.example; its names are a.acme.example" in message
    assert await bound(world) == {"a.acme.example": one}


async def test_when_it_expires_the_condition_says_so_and_what_is_bound_stays(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example", lasts=3 * HOUR)
    await converge(world, manifest(one))
    world.clock.advance(2 * HOUR)
    await world.settle(2)
    status, reason, message = world.ready()
    assert (status, reason) == ("False", "CertificateNotUsable")
    assert f"certificate {one} cannot serve the listener: it expired at" in message
    assert await bound(world) == {"a.acme.example": one}


async def test_when_it_is_deleted_the_condition_says_so_and_nothing_is_written(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example")
    await converge(world, manifest(one))
    await world.console.admin("PATCH", "/switches", bound_certificate_deletion="allowed")
    await world.console.ssl("DeleteCertificate", CertificateId=one)
    await world.actions()
    await world.settle(2)
    assert world.ready()[:2] == ("False", "CertificateNotFound")
    assert await world.actions() == []
    assert await bound(world) == {"a.acme.example": one}


async def test_no_call_of_a_pass_asks_for_a_private_key(world: WireWorld) -> None:
    one = await bought(world, "a.acme.example")
    await converge(world, manifest(one))
    calls = await world.console.admin("GET", "/calls")
    asked = {call["action"] for call in calls["calls"]}
    assert "DescribeCertificate" in asked
    assert "DescribeCertificateDetail" not in asked
