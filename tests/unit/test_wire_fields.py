"""Every field of a route and a domain reaches the cloud when the listener is made, and in place later.

What the cloud fills in by itself is no difference: a pass over what is as wanted writes nothing.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from builders import Manifest, domain_manifest, listener_manifest, route_manifest
from unit.fakes.wire_listener import Shown, ShownWorld, shown_world

OTHER = domain_manifest("b.acme.example", route_manifest(healthCheck={"path": "/b"}))
SNI = pytest.mark.parametrize("sni", [False, True], ids=["SNI off", "SNI on"])

ROUTES: dict[str, tuple[Manifest, Shown]] = {
    "least connections": ({"scheduler": "LEAST_CONN"}, {"Scheduler": "LEAST_CONN"}),
    "by address": ({"scheduler": "IP_HASH"}, {"Scheduler": "IP_HASH"}),
    "HTTPS to the backends": (
        {"backendProtocol": "HTTPS"},
        {"ForwardType": "HTTPS", "HealthCheck.CheckType": "HTTPS"},
    ),
    "gRPC to the backends": (
        {"backendProtocol": "GRPC"},
        {"ForwardType": "GRPC", "HealthCheck.CheckType": "GRPC"},
    ),
    "a short session": ({"sessionPersistence": "30s"}, {"SessionExpireTime": 30}),
    "a long session": ({"sessionPersistence": "24h"}, {"SessionExpireTime": 86400}),
    "no probes": ({"healthCheck": {"enabled": False}}, {"HealthCheck.HealthSwitch": 0}),
    "a probe's domain": (
        {"healthCheck": {"domain": "probe.acme.example"}},
        {"HealthCheck.HttpCheckDomain": "probe.acme.example"},
    ),
    "a probe's path": ({"healthCheck": {"path": "/healthz"}}, {"HealthCheck.HttpCheckPath": "/healthz"}),
    "a probe's method": ({"healthCheck": {"method": "GET"}}, {"HealthCheck.HttpCheckMethod": "GET"}),
    "a probe's times": (
        {"healthCheck": {"interval": "300s", "timeout": "60s"}},
        {"HealthCheck.IntervalTime": 300, "HealthCheck.TimeOut": 60},
    ),
    "a probe's thresholds": (
        {"healthCheck": {"healthyThreshold": 10, "unhealthyThreshold": 2}},
        {"HealthCheck.HealthNum": 10, "HealthCheck.UnHealthNum": 2},
    ),
    "a probe's codes": ({"healthCheck": {"codes": ["1xx", "4xx", "5xx"]}}, {"HealthCheck.HttpCode": 25}),
    "everything at once": (
        {
            "sessionPersistence": "60s",
            "backendProtocol": "HTTPS",
            "healthCheck": {
                "domain": "probe.acme.example",
                "path": "/up",
                "method": "GET",
                "interval": "7s",
                "timeout": "3s",
                "healthyThreshold": 4,
                "unhealthyThreshold": 5,
                "codes": ["2xx"],
            },
        },
        {
            "ForwardType": "HTTPS",
            "SessionExpireTime": 60,
            "HealthCheck.HttpCheckPath": "/up",
            "HealthCheck.HttpCode": 2,
        },
    ),
}
PLAIN: Shown = {
    "Scheduler": "WRR",
    "ForwardType": "HTTP",
    "SessionExpireTime": 0,
    "HealthCheck.HealthSwitch": 1,
    "HealthCheck.CheckType": "HTTP",
    "HealthCheck.HttpCheckDomain": "api.acme.example",
    "HealthCheck.HttpCheckPath": "/",
    "HealthCheck.HttpCheckMethod": "HEAD",
    "HealthCheck.IntervalTime": 5,
    "HealthCheck.TimeOut": 2,
    "HealthCheck.HealthNum": 3,
    "HealthCheck.UnHealthNum": 3,
    "HealthCheck.HttpCode": 6,
}


@pytest.fixture
async def world() -> AsyncIterator[ShownWorld]:
    async with shown_world() as made:
        yield made


def manifest(*domains: Manifest, sni: bool = False, **spec: Any) -> Manifest:
    return listener_manifest("api", *domains, sni=sni, **spec)


def with_route(fields: Manifest, *, sni: bool) -> Manifest:
    return manifest(domain_manifest("api.acme.example", route_manifest(**fields)), OTHER, sni=sni)


def member(rule: Shown, path: str) -> Any:
    value: Any = rule
    for part in path.split("."):
        value = value[part]
    return value


async def shows(world: ShownWorld, wanted: Shown, rule: str = "api.acme.example/") -> str:
    """Check what the cloud shows of a rule, and that nothing is left to do; return the rule's id."""
    found = (await world.rules())[rule]
    assert {path: member(found, path) for path in wanted} == wanted
    await world.require_quiet()
    return str(found["LocationId"])


CASES = [(name, False) for name in ROUTES] + [("everything at once", True)]


@pytest.mark.parametrize(
    ("case", "sni"), CASES, ids=[f"{name}{', SNI on' if sni else ''}" for name, sni in CASES]
)
async def test_a_routes_field_at_creation_and_in_place(world: ShownWorld, case: str, sni: bool) -> None:  # noqa: FBT001
    fields, shown = ROUTES[case]
    world.apply(with_route(fields, sni=sni))
    await world.settle(2)
    made = await shows(world, shown)
    world.actions()
    world.apply(with_route({}, sni=sni))
    await world.pass_over_all()
    assert await shows(world, PLAIN) == made
    assert world.actions() == ["ModifyRule"]


DOMAINS: dict[str, tuple[list[Manifest], str, Shown]] = {
    "HTTP/2 off": ([domain_manifest(http2=False), OTHER], "api.acme.example/", {"Http2": False}),
    "another default": (
        [domain_manifest(), {**OTHER, "default": True}],
        "b.acme.example/",
        {"DefaultServer": True},
    ),
}


@SNI
@pytest.mark.parametrize(("domains", "rule", "shown"), DOMAINS.values(), ids=DOMAINS.keys())
async def test_a_domains_field_at_creation_and_in_place(
    world: ShownWorld,
    domains: list[Manifest],
    rule: str,
    shown: Shown,
    sni: bool,  # noqa: FBT001
) -> None:
    world.apply(manifest(*domains, sni=sni))
    await world.settle(2)
    made = await shows(world, shown, rule)
    world.actions()
    world.apply(manifest(domain_manifest(), OTHER, sni=sni))
    await world.pass_over_all()
    assert await shows(world, {key: not value for key, value in shown.items()}, rule) == made
    assert world.actions() == ["ModifyDomainAttributes"]


@SNI
async def test_grpc_and_http2_come_and_go_together(world: ShownWorld, sni: bool) -> None:  # noqa: FBT001
    grpc = domain_manifest("api.acme.example", route_manifest(backendProtocol="GRPC"))
    plain = domain_manifest(http2=False)
    world.apply(manifest(plain, sni=sni))
    await world.settle(2)
    await shows(world, {"Http2": False, "ForwardType": "HTTP"})
    world.actions()
    world.apply(manifest(grpc, sni=sni))
    await world.settle(2)
    await shows(world, {"Http2": True, "ForwardType": "GRPC"})
    assert world.actions() == ["ModifyDomainAttributes", "ModifyRule"]
    world.apply(manifest(plain, sni=sni))
    await world.settle(2)
    await shows(world, {"Http2": False, "ForwardType": "HTTP"})
    assert world.actions() == ["ModifyRule", "ModifyDomainAttributes"]


PATHS = ("/", "=/exact", "^~ /static/", "~* /a+[.]png$", "/v1")


@SNI
async def test_several_routes_of_the_default_domain_are_made_in_one_call(
    world: ShownWorld,
    sni: bool,  # noqa: FBT001
) -> None:
    routes = [route_manifest(path, 30000 + number) for number, path in enumerate(PATHS)]
    world.apply(manifest(domain_manifest("api.acme.example", *routes, default=True), OTHER, sni=sni))
    await world.settle(2)
    assert world.actions().count("CreateRule") == 1
    await world.require_quiet()
    found = await world.rules()
    assert set(found) == {f"api.acme.example{path}" for path in PATHS} | {"b.acme.example/"}
    assert {rule["DefaultServer"] for name, rule in found.items() if name[0] == "a"} == {True}
    for number, path in enumerate(PATHS):
        ports = {key.partition(":")[2] for key in await world.targets(f"api.acme.example{path}")}
        assert ports == {str(30000 + number)}


async def test_several_backends_with_weights_that_change_in_place(world: ShownWorld) -> None:
    def weighing(first: int, second: int) -> Manifest:
        backends = [{"nodePort": 30080, "weight": first}, {"nodePort": 30081, "weight": second}]
        return manifest(domain_manifest("api.acme.example", route_manifest(backends=backends)))

    world.apply(weighing(10, 0))
    await world.settle(2)
    nodes = ("ins-00000001", "ins-00000002")
    assert await world.targets() == {f"{n}:{port}": w for n in nodes for port, w in ((30080, 10), (30081, 0))}
    await world.require_quiet()
    world.actions()
    world.apply(weighing(100, 1))
    await world.settle(2)
    assert await world.targets() == {
        f"{n}:{port}": w for n in nodes for port, w in ((30080, 100), (30081, 1))
    }
    await world.require_quiet()
    assert world.actions() == ["BatchModifyTargetWeight"]


async def test_the_same_node_port_twice_is_refused_before_the_first_write(world: ShownWorld) -> None:
    backends = [{"nodePort": 30080}, {"nodePort": 30080, "weight": 1}]
    world.apply(manifest(domain_manifest("api.acme.example", route_manifest(backends=backends))))
    await world.settle(2)
    status, reason, message = world.ready()
    assert (status, reason) == ("False", "InvalidSpec")
    assert "two backends of route api.acme.example/ are node port 30080" in message
    assert await world.listeners() == []
