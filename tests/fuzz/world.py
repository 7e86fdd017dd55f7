"""A small cloud for requests to be about, and what in it has names."""

from collections import defaultdict

from clb_simulator.foreign_deeds import ForeignCall
from clb_simulator.params import Json
from clb_simulator.provisioning import NewInstance, NewLoadBalancer, create_instance, create_load_balancer
from clb_simulator.server import Server
from clb_simulator.store import Store

FIELDS = {
    "load_balancers": ("LoadBalancerId",),
    "listeners": ("ListenerId",),
    "rules": ("LocationId",),
    "instances": ("InstanceId", "TargetId"),
    "certificates": ("CertificateId", "CertId", "CertCaId", "OldCertificateId"),
    "tasks": ("TaskId",),
    "tags": ("Resource",),
}


async def build_world(server: Server, bodies: dict[str, str]) -> None:
    """Make load balancers, listeners of every kind, rules, targets and certificates."""
    lb = _provide(server)
    pair: dict[str, Json] = {"CertName": "s", "CertContent": bodies["chain"], "CertKey": bodies["key"]}
    mutual: dict[str, Json] = {
        "SSLMode": "MUTUAL",
        **pair,
        "CertCaName": "c",
        "CertCaContent": bodies["root"],
    }
    sni: dict[str, Json] = {"Protocol": "HTTPS", "SniSwitch": 1}
    guarded: dict[str, Json] = {"Protocol": "HTTPS", "Certificate": mutual}
    plain: dict[str, Json] = {"Protocol": "HTTP"}
    for port, fields in ((443, guarded), (444, sni), (80, plain)):
        params: dict[str, Json] = {"LoadBalancerId": lb, "Ports": [port], **fields}
        reply = await _call(server, "CreateListener", params)
        listener = reply["ListenerIds"]
        assert isinstance(listener, list)
        rule: dict[str, Json] = {"Domain": f"a{port}.example.com", "Url": "/"}
        if port == 444:
            rule["Certificate"] = {"SSLMode": "UNIDIRECTIONAL", **pair}
        rules: dict[str, Json] = {"LoadBalancerId": lb, "ListenerId": listener[0], "Rules": [rule]}
        await _call(server, "CreateRule", rules)
    await _call(server, "CreateListener", {"LoadBalancerId": lb, "Ports": [9000], "Protocol": "TCP"})


def _provide(server: Server) -> str:
    store, now = server.engine.store, server.engine.clock.now()
    with store.transaction():
        first = create_load_balancer(store, _balancer("one"), now)
        create_load_balancer(store, _balancer("two"), now)
        for number in (11, 12):
            wanted = NewInstance(private_ip=f"127.0.0.{number}", instance_id=f"ins-fuzz00{number}")
            create_instance(store, wanted)
    return first.load_balancer_id


async def _call(server: Server, action: str, params: dict[str, Json]) -> dict[str, Json]:
    reply = await server.foreign.call(ForeignCall(service="clb", action=action, params=params))
    while server.engine._runners:
        for runner in list(server.engine._runners):
            await runner
    return reply


def _balancer(name: str) -> NewLoadBalancer:
    return NewLoadBalancer(name=name, tags={"team": name})


def known_texts(store: Store) -> dict[str, list[str]]:
    """Return what requests can name, by the name of the field."""
    texts: dict[str, list[str]] = defaultdict(list)
    for table in store.tables():
        for name in FIELDS.get(table.name, ()):
            texts[name].extend(table.snapshot())
    for domain in store.domains.all():
        texts["Domain"].extend(domain.names)
    texts["LoadBalancerVip"] = [one.vip for one in store.load_balancers.all()]
    return texts
