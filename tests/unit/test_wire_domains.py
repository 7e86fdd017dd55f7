"""Domains come, go, get other names and other roles, and at no moment is one open or badly dressed.

After every change the listener is looked at: one default domain, and each domain closed, with a
certificate that is good for it and the authority that it should admit.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from builders import (
    FAST_KEY,
    Manifest,
    authority_manifest,
    domain_manifest,
    listener_manifest,
    route_manifest,
    slots_with_secrets,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from unit.fakes.wire_listener import LISTENER, Shown, ShownWorld, shown_world

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.referenced_cert import covers

SNI = pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])


@pytest.fixture
async def world() -> AsyncIterator[ShownWorld]:
    async with shown_world() as made:
        yield made


def manifest(*domains: Manifest, sni: bool = True, **spec: Any) -> Manifest:
    return listener_manifest("api", *domains, sni=sni, **spec)


def pattern(name: str, **fields: Any) -> Manifest:
    """Return a domain that no probe can ask for."""
    return domain_manifest(name, route_manifest(healthCheck={"domain": "probe.acme.example"}), **fields)


async def names_of(world: ShownWorld) -> dict[str, list[str]]:
    """Return what each certificate of the account is good for, by its id."""
    reply = await world.api.read("ssl", "", "DescribeCertificates", {"Limit": 1000})
    listed: list[Shown] = reply["Certificates"]  # type: ignore[assignment]
    return {one["CertificateId"]: one["SubjectAltName"] for one in listed}


class Inspector:
    """Looks at the listener after every change."""

    def __init__(self, world: ShownWorld) -> None:
        self._world = world
        self._known: dict[str, list[str]] = {}
        self.seen: list[list[str]] = []

    async def __call__(self) -> None:
        listener, self._known = await self._world.listener(), await names_of(self._world)
        rules = listener["Rules"] or []
        self.seen.append(sorted({rule["Domain"] for rule in rules}))
        if rules:
            assert len({rule["Domain"] for rule in rules if rule["DefaultServer"]}) == 1, self.seen[-1]
        for where in rules if listener["SniSwitch"] else [listener]:
            binding = where["Certificate"]
            assert (binding["SSLMode"], binding["SSLVerifyClient"]) == ("MUTUAL", "ON")
            if listener["SniSwitch"]:
                names = self._known[binding["CertId"]]
                assert covers(names, where["Domain"]), (where["Domain"], names)


@pytest.fixture
def inspector(world: ShownWorld) -> Inspector:
    made = Inspector(world)
    world.looks.append(made)
    return made


async def converge(world: ShownWorld, wanted: Manifest) -> list[str]:
    """Apply a manifest and have it done; return the changes of the load balancer that it took."""
    return [action for action in await world.settle_to(wanted) if "Certificate" not in action]


A, B, C = (domain_manifest(f"{name}.acme.example") for name in "abc")


@SNI
async def test_a_renamed_domain_keeps_its_rules_and_targets(
    world: ShownWorld,
    inspector: Inspector,
    sni: bool,  # noqa: FBT001
) -> None:
    routes = (route_manifest("/", 30080), route_manifest("/v1", 30081))
    await converge(world, manifest(domain_manifest("a.acme.example", *routes), B, sni=sni))
    before = await world.rules()
    targets = await world.targets("a.acme.example/v1")
    done = await converge(world, manifest(domain_manifest("new.acme.example", *routes), B, sni=sni))
    rebind = [] if sni else ["ModifyListener"]
    assert done == [*rebind, "ModifyDomainAttributes", "ModifyRule", "ModifyRule"]
    after = await world.rules()
    for path in ("/", "/v1"):
        former, present = before[f"a.acme.example{path}"], after[f"new.acme.example{path}"]
        assert present["LocationId"] == former["LocationId"]
        assert present["DefaultServer"]
        assert present["HealthCheck"]["HttpCheckDomain"] == "new.acme.example"
    assert await world.targets("new.acme.example/v1") == targets != {}
    assert all(len(seen) == 2 for seen in inspector.seen[-3:])


async def test_after_a_restore_without_status_a_rename_is_a_new_domain_and_an_old_one(
    world: ShownWorld, inspector: Inspector
) -> None:
    await converge(world, manifest(A, B))
    world.kube.objects[LISTENER, ObjectRef("edge", "api")]["status"] = {}
    done = await converge(world, manifest(A, C))
    assert done == ["CreateRule", "BatchRegisterTargets", "DeleteRule"]
    assert inspector.seen[-1] == ["a.acme.example", "c.acme.example"]


async def test_a_strangers_domain_is_not_renamed_into_ours(world: ShownWorld) -> None:
    await converge(world, manifest(A))
    listener = await world.listener()
    one_way = {"SSLMode": "UNIDIRECTIONAL", "CertId": listener["Rules"][0]["Certificate"]["CertId"]}
    stranger = {"Domain": "x.acme.example", "Url": "/", "Certificate": one_way}
    await world.foreign("CreateRule", ListenerId=listener["ListenerId"], Rules=[stranger])
    location = (await world.rules())["x.acme.example/"]["LocationId"]
    done = await converge(world, manifest(A, B))
    assert done[0] == "DeleteRule"
    assert "ModifyDomainAttributes" not in done
    assert location not in {rule["LocationId"] for rule in (await world.rules()).values()}


@SNI
async def test_the_default_domain_moves_and_goes_and_there_is_always_one(
    world: ShownWorld,
    inspector: Inspector,
    sni: bool,  # noqa: FBT001
) -> None:
    await converge(world, manifest({**A, "default": True}, B, sni=sni))
    done = await converge(world, manifest(A, {**B, "default": True}, sni=sni))
    assert done == ["ModifyDomainAttributes"]
    # The default goes and nothing comes in its place: the first is the default then.
    rebind = [] if sni else ["ModifyListener"]
    assert await converge(world, manifest(A, sni=sni)) == [*rebind, "ModifyDomainAttributes", "DeleteRule"]
    # The default goes, and two come, one of which is the default.
    more = domain_manifest("d.acme.example", route_manifest("/"), route_manifest("/d"), default=True)
    done = await converge(world, manifest(C, more, sni=sni))
    assert {name for name, rule in (await world.rules()).items() if rule["DefaultServer"]} == {
        "d.acme.example/",
        "d.acme.example/d",
    }
    assert inspector.seen[-1] == ["c.acme.example", "d.acme.example"]


@SNI
async def test_wildcards_are_issued_and_probed_by_the_name_that_is_given(
    world: ShownWorld,
    sni: bool,  # noqa: FBT001
) -> None:
    await converge(world, manifest(pattern("*.acme.example"), A, sni=sni))
    rules = await world.rules()
    assert rules["*.acme.example/"]["HealthCheck"]["HttpCheckDomain"] == "probe.acme.example"
    certificate = (rules["*.acme.example/"] if sni else await world.listener())["Certificate"]["CertId"]
    assert (await names_of(world))[certificate][0] == "*.acme.example"


async def test_each_domain_admits_its_own_authority_and_changes_it_in_place(
    world: ShownWorld, inspector: Inspector
) -> None:
    world.apply(authority_manifest("partners"))
    partners = {"tls": {"caRef": {"name": "partners"}}}
    await converge(world, manifest({**A, **partners}, B))
    await world.settle(2)
    before = {name: rule["Certificate"]["CertCaId"] for name, rule in (await world.rules()).items()}
    assert before["a.acme.example/"] != before["b.acme.example/"]
    done = await converge(world, manifest(A, {**B, **partners}))
    after = {name: rule["Certificate"]["CertCaId"] for name, rule in (await world.rules()).items()}
    assert after == {
        "a.acme.example/": before["b.acme.example/"],
        "b.acme.example/": before["a.acme.example/"],
    }
    assert set(done) == {"ModifyDomainAttributes"}
    assert inspector.seen[-1] == ["a.acme.example", "b.acme.example"]


@SNI
async def test_a_pair_of_server_certificates_comes_and_goes(world: ShownWorld, sni: bool) -> None:  # noqa: FBT001
    def with_issue(**issue: Any) -> Manifest:
        certificate = {"issue": {"privateKey": FAST_KEY, **issue}}
        return manifest(A, sni=sni, tls={"caRef": {"name": "clients"}, "serverCertificate": certificate})

    async def bound() -> list[str]:
        listener = await world.listener()
        shown = (listener["Rules"][0] if sni else listener)["Certificate"]
        return [shown["CertId"], *(shown["ExtCertIds"] or [])]

    await converge(world, with_issue())
    (first,) = await bound()
    change = "ModifyDomainAttributes" if sni else "ModifyListener"
    assert await converge(world, with_issue(additional="RSA")) == [change]
    pair = await bound()
    assert (len(pair), first in pair) == (2, True)
    keys = [
        x509.load_pem_x509_certificate(world.kube.secrets[slot.secret].data["tls.crt"]).public_key()
        for slot in slots_with_secrets(next(iter(world.view.listeners())))
    ]
    assert [isinstance(key, rsa.RSAPublicKey) for key in keys] == [False, True]
    assert await converge(world, with_issue()) == [change]
    assert await bound() == [first]
