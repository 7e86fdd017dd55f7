"""While everything changes, nobody without a good certificate is ever let in.

The real reconcilers and cloud adapters over the wire, a simulated cloud whose nginx really serves, and
clients that ask all the time: without a certificate and with a stranger's, for each domain, with its own
name in the handshake and with the other's. The seed of a run is in its failure; MTLS_CHANGES_SEED takes it.
"""

import asyncio
import os
import random
import re
import secrets
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

import foreign_pki
import pytest
from eventually import eventually
from property.door_prober import Identity, Prober, Question, anonymous, ask, is_past_the_door
from property.live_changes import CLIENTS, DOMAINS, Changes
from property.live_world import PORTS, Cloud, LiveWorld, running_cloud

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.reasons import Reason

CHANGES: Final = 100
"""In each of two clouds."""
SEED: Final = int(os.environ.get("MTLS_CHANGES_SEED", secrets.randbits(32)))
CLOUDS: Final = {
    "421 and status 400": ("foreign_host=421", "refusal=http400"),
    "route and TLS alert": ("foreign_host=route", "refusal=tls-alert"),
}
SAME: Final = [Question(port, name, name) for port in PORTS.values() for name in DOMAINS]
CROSSED: Final = [Question(q.port, q.sni, DOMAINS[1 - DOMAINS.index(q.sni)]) for q in SAME]
_CRASHES: Final = 0.1
"""The share of passes that end in the middle."""
_CRASH_SECONDS: Final = 0.3
_MOSTLY: Final = 0.2
"""Of the good: each door admits the clients of one of two authorities, so half would be always. It is less
while domains and whole listeners are gone."""
_SELDOM: Final = 0.1
"""Seconds between two requests of the good."""
_MOST_SETTLING_PASSES: Final = 12


class SecretIdentity:
    """A client with the certificate that a Secret holds at the moment."""

    def __init__(self, world: LiveWorld, name: str, folder: Path) -> None:
        self._world = world
        self._ref = ObjectRef("edge", name)
        self._file = folder / f"{name}.pem"
        self._written = b""
        self._context = anonymous()

    def context(self) -> ssl.SSLContext:
        secret = self._world.kube.secrets.get(self._ref)
        content = secret.data["tls.key"] + secret.data["tls.crt"] if secret is not None else b""
        if content and content != self._written:
            self._context = with_certificate(self._file, content)
            self._written = content
        return self._context


def with_certificate(file: Path, content: bytes) -> ssl.SSLContext:
    file.write_bytes(content)
    context = anonymous()
    context.load_cert_chain(file)
    return context


def stranger(folder: Path, world: LiveWorld) -> ssl.SSLContext:
    """Return a client whose authority has the name of ours, and nothing else of it."""
    begin = world.clock.now() - timedelta(days=1)
    issuer = foreign_pki.authority("Root clients", begin=begin)
    leaf = foreign_pki.server("stranger.edge", by=issuer, usages=None, begin=begin)
    return with_certificate(folder / "stranger.pem", leaf.key_pem + leaf.chain_pem)


@pytest.fixture(params=CLOUDS.values(), ids=list(CLOUDS))
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with running_cloud(tmp_path, request.param) as cloud:
        yield cloud


class Scene:
    """The world, those who change it, and those who ask at its doors."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.world = LiveWorld(cloud)
        self.chance = random.Random(SEED)  # noqa: S311 - to be repeatable
        self.changes = Changes(self.world, cloud, self.chance)
        self.good = [
            Identity(name=name, context=SecretIdentity(self.world, name, folder).context)
            for name in CLIENTS.values()
        ]
        nobody, strange = anonymous(), stranger(folder, self.world)
        self.bad = [
            Identity(name="nobody", context=lambda: nobody),
            Identity(name="a stranger", context=lambda: strange),
        ]

    def story(self) -> str:
        """Return what happened and how to see it again."""
        return f"MTLS_CHANGES_SEED={SEED}: " + "; ".join(self.changes.made)

    async def pass_or_crash(self) -> None:
        """Make a pass over everything; sometimes the process dies in the middle of it."""
        task = asyncio.create_task(self.world.pass_over_all())
        if self.chance.random() > _CRASHES:
            await task
            return
        await asyncio.wait({task}, timeout=self.chance.random() * _CRASH_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.changes.made.append("crash")
        await self.world.restart_all()

    async def settle(self) -> None:
        """Let the faults end, put back what was deleted, and pass until every door serves whom it should."""
        self.cloud.clear_faults()
        self.world.have_every_node()
        for _ in range(_MOST_SETTLING_PASSES):
            await self.world.pass_over_all()
            if self.changes.put_back():
                continue
            self._clear_ports()
            if await asyncio.to_thread(self.serves_the_good):
                return
        said = [self.world.condition(kind, ref.name, "Ready") for kind, ref in self.world.kube.objects]
        raise AssertionError(f"a client with a good certificate is not served: {said}; {self.story()}")

    def _clear_ports(self) -> None:
        """Do what only a person can: a listener renamed before the operator noted its id is nobody's."""
        for name in PORTS:
            ready = self.world.condition(Kind.MUTUAL_TLS_LISTENER, name, "Ready") or {}
            if ready.get("reason") == Reason.PORT_TAKEN:
                (nobodys,) = re.findall(r"lbl-\w+", ready["message"])
                self.cloud.deed("delete-listener", target=nobodys)

    def serves_the_good(self) -> bool:
        """Tell whether somebody is served at every domain of the manifests."""
        return all(
            any(self.is_served(Question(port, domain, domain), identity) for identity in self.good)
            for name, port in PORTS.items()
            for domain in self.changes.domains(name)
        )

    def is_served(self, question: Question, identity: Identity) -> bool:
        return is_past_the_door(ask(self.cloud.address, question, identity.context()))


# A process that dies in the middle of a call closes nothing.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nobody_without_a_good_certificate_gets_in_while_everything_changes(
    cloud: Cloud, tmp_path: Path
) -> None:
    scene = Scene(cloud, tmp_path)
    scene.changes.begin()
    await scene.settle()
    half = [[q for q in (*SAME, *CROSSED) if q.port == port] for port in PORTS.values()]
    with ExitStack() as stack:
        probers = [stack.enter_context(Prober(cloud.address, questions, scene.bad)) for questions in half]
        good = stack.enter_context(Prober(cloud.address, SAME, scene.good, interval=_SELDOM))
        while len(scene.changes.made) < CHANGES:
            for _ in range(scene.chance.randint(3, 6)):
                scene.changes.make()
            await scene.pass_or_crash()
            scene.changes.put_back()
            assert [one for prober in probers for one in prober.served()] == [], scene.story()
        await scene.settle()
        asked, served = good.count, len(good.served())
        assert [one for prober in probers for one in prober.served()] == [], scene.story()
        assert served > asked * _MOSTLY, f"{served} of {asked} were served; {scene.story()}"
        await _notice_an_open_door(scene, probers)
    await scene.world.close()


async def _notice_an_open_door(scene: Scene, probers: Sequence[Prober]) -> None:
    """The control: a door that is open is seen to be, and that it is shut again."""
    assert scene.cloud.deed("open-listener")
    await asyncio.to_thread(
        lambda: eventually(
            lambda: any(prober.served() for prober in probers), within=10, what="an open door is noticed"
        )
    )
    await scene.world.pass_over_all()
    marks = [prober.count + 1 for prober in probers]
    for prober in probers:
        await asyncio.to_thread(prober.wait_for, 40)
    assert [one for prober, mark in zip(probers, marks, strict=True) for one in prober.served(mark)] == []
