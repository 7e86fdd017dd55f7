"""Random changes to a live world: by its people, by strangers, and by what goes wrong.

Drawn from a random number generator, so that a seed gives the same ones again. None of them opens a door.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from builders import FAST_KEY, authority_manifest, client_cert_manifest, listener_manifest
from property.live_world import NODE_PORT, NODES, PORTS, Cloud, LiveWorld, live_node

from mtls_operator.api.meta import Kind, ObjectRef

DOMAINS: Final = ("a.acme.example", "b.acme.example")
AUTHORITIES: Final = ("clients", "partners")
CLIENTS: Final = {"clients": "payments", "partners": "reports"}
"""A ClientCert of each authority."""
GROUP: Final = "mtls.clb-operator.dev"
DEEDS: Final = (
    "change-listener", "delete-listener", "change-rule", "delete-rule", "change-binding", "delete-binding",
    "change-certificate", "delete-certificate",
)  # fmt: skip
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "lost-request", "only": "write"},
    {"kind": "lost-reply", "only": "write"},
    {"kind": "lost-reply", "only": "read"},
    {"kind": "bad-gateway", "carried_out": True, "only": "write"},
    {"kind": "internal-error", "carried_out": True, "only": "write"},
    {"kind": "internal-error", "only": "write"},
    {"kind": "busy", "seconds": 0.2, "service": "clb", "only": "write"},
    {"kind": "failed-task"},
    {"kind": "slow-task", "seconds": 0.3},
    {"kind": "duplicate", "only": "write"},
    {"kind": "quota", "only": "write"},
    {"kind": "expired-token"},
)


class Changes:
    """Makes changes, and remembers what they were."""

    def __init__(self, world: LiveWorld, cloud: Cloud, chance: random.Random) -> None:
        self._world = world
        self._cloud = cloud
        self._chance = chance
        self._number = 0
        self.made: list[str] = []

    def begin(self) -> None:
        """Make the objects."""
        soak: dict[str, Any] = {"rotation": {"minimumSoak": "0s", "overlap": "0s"}}
        for authority, client in CLIENTS.items():
            self._world.apply(authority_manifest(authority, **soak))
            self._world.apply(client_cert_manifest(client, caRef={"name": authority}))
        for name in PORTS:
            self._world.apply(self._manifest(name))

    def make(self) -> None:
        """Make one change."""
        self._number += 1
        possible = self._possible()
        (change,) = self._chance.choices(list(possible), list(possible.values()))
        self.made.append(change())

    def _possible(self) -> Mapping[Callable[[], str], int]:
        """Return how each change is made, and its weight."""
        return {
            self._edit: 8,
            self._change_nodes: 4,
            self._renew: 3,
            self._rotate: 1,
            self._vandalise: 5,
            self._let_fail: 6,
            self._replace: 1,
        }

    def _manifest(self, name: str) -> dict[str, Any]:
        chance, sni = self._chance, name == "shops"
        names = chance.choice([*[DOMAINS] * 4, *[DOMAINS[::-1]] * 3, DOMAINS[:1]])
        default = chance.choice(names)
        domains = []
        for domain in names:
            own = {"tls": {"caRef": {"name": self._authority()}}} if sni else {}
            routes = [self._route(path) for path in chance.choice([("/",), ("/",), ("/", "/v1")])]
            domains.append({"domain": domain, "default": domain == default, "routes": routes, **own})
        return listener_manifest(
            name,
            *domains,
            sni=sni,
            port=PORTS[name],
            tls={
                "caRef": {"name": self._authority()},
                "serverCertificate": {"issue": {"privateKey": FAST_KEY}},
            },
            drainPeriod=chance.choice(["0s", "1s"]),
            nodeSelector=chance.choice([{}, {}, {"pool": "two"}]),
        )

    def _authority(self) -> str:
        return self._chance.choice(["clients", "clients", "partners"])

    def _route(self, path: str) -> dict[str, Any]:
        backends = [{"nodePort": NODE_PORT, "weight": self._chance.choice([10, 20])}]
        scheduler = self._chance.choice(["WRR", "LEAST_CONN"])
        check = {"enabled": self._chance.choice([False, False, True]), "path": "/healthz"}
        return {"path": path, "backends": backends, "scheduler": scheduler, "healthCheck": check}

    def _name(self) -> str:
        return self._chance.choice(sorted(PORTS))

    def _edit(self) -> str:
        name = self._name()
        self._world.apply(self._manifest(name))
        return f"edit {name}"

    def _change_nodes(self) -> str:
        chosen = sorted(self._chance.sample(range(1, NODES + 1), self._chance.randint(1, NODES)))
        pool = set(self._chance.sample(chosen, self._chance.randint(1, len(chosen))))
        self._world.view.held_nodes = [
            live_node(number, **({"pool": "two"} if number in pool else {})) for number in chosen
        ]
        return f"nodes {chosen}, pool {sorted(pool)}"

    def _renew(self) -> str:
        kind, name = self._chance.choice(
            [*((Kind.MUTUAL_TLS_LISTENER, name) for name in sorted(PORTS)), (Kind.CLIENT_CERT, "payments")]
        )
        self._annotate(kind, name, "renew")
        return f"renew {kind} {name}"

    def _rotate(self) -> str:
        name = self._chance.choice(AUTHORITIES)
        self._annotate(Kind.CERTIFICATE_AUTHORITY, name, "rotate")
        return f"rotate {name}"

    def _annotate(self, kind: Kind, name: str, annotation: str) -> None:
        body = self._world.kube.objects.get((kind, ObjectRef("edge", name)))
        if body is not None:
            body["metadata"]["annotations"][f"{GROUP}/{annotation}"] = f"change-{self._number}"

    def _vandalise(self) -> str:
        deed, seed = self._chance.choice(DEEDS), self._chance.getrandbits(16)
        done = self._cloud.deed(deed, seed=seed)
        return f"somebody: {deed} {seed}{'' if done else ' (in vain)'}"

    def _let_fail(self) -> str:
        fault = {**self._chance.choice(FAULTS), "skip": self._chance.randint(0, 3)}
        self._cloud.order("/faults", **fault)
        return f"fault {fault}"

    def _replace(self) -> str:
        """Delete an object; when it has gone, its manifest is applied again."""
        name = self._name()
        ref = ObjectRef("edge", name)
        if (Kind.MUTUAL_TLS_LISTENER, ref) in self._world.kube.objects:
            self._world.kube.delete(Kind.MUTUAL_TLS_LISTENER, ref)
        return f"delete {name}"

    def domains(self, name: str) -> list[str]:
        """Return the domains that a listener should have now."""
        body = self._world.kube.objects.get((Kind.MUTUAL_TLS_LISTENER, ObjectRef("edge", name)))
        return [domain["domain"] for domain in body["spec"]["domains"]] if body is not None else []

    def put_back(self) -> bool:
        """Apply what has been deleted and is gone; tell whether there was something."""
        gone = [
            name
            for name in PORTS
            if (Kind.MUTUAL_TLS_LISTENER, ObjectRef("edge", name)) not in self._world.kube.objects
        ]
        for name in gone:
            self._world.apply(self._manifest(name))
        return bool(gone)
