"""A ledger over an API server that takes its time, with what tests ask about it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from builders import NOW, authority
from unit.fakes.cluster import FakeClock, FakeKube
from unit.fakes.faults import Faults
from unit.ledgers import entry

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ledger import Entry
from mtls_operator.reconcilers.ledger import Ledger

CLIENTS = ObjectRef("edge", "clients")
AUTHORITY = authority()


class SlowKube(FakeKube):
    """An API server that takes its time for what the ledger writes, and remembers how much that was."""

    def __init__(self, faults: Faults, clock: FakeClock) -> None:
        super().__init__(faults, clock)
        self.opened = asyncio.Event()
        self.opened.set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.sent: list[int] = []

    async def create_config_map(self, config_map: ConfigMap) -> ConfigMap:
        await asyncio.sleep(0)
        await self.opened.wait()
        self.sent.append(len(config_map.data))
        made = await super().create_config_map(config_map)
        await self.answers.wait()
        return made

    async def merge_config_map(self, config_map: ConfigMap, data: Mapping[str, str | None]) -> ConfigMap:
        await asyncio.sleep(0)
        await self.opened.wait()
        self.sent.append(len(data))
        written = await super().merge_config_map(config_map, data)
        await self.answers.wait()
        return written


class Desk:
    """A ledger and what is under it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.clock = FakeClock(NOW)
        self.kube = SlowKube(self.faults, self.clock)
        self.ledger = Ledger(self.kube, self.clock)
        self._serials = count(1)

    def entry(self, **fields: Any) -> Entry:
        return entry(f"{next(self._serials):x}", **fields)

    async def commit(self, number: int = 1, **fields: Any) -> list[Entry]:
        """Have as many entries as that recorded at the same moment."""
        wanted = [self.entry(**fields) for _ in range(number)]
        await asyncio.gather(*(self.ledger.commit(AUTHORITY, one) for one in wanted))
        return wanted

    def stored(self) -> dict[str, list[str]]:
        """Return the serials in each shard."""
        return {
            ref.name: list(found.data)
            for ref, found in self.kube.config_maps.items()
            if "-ledger-" in ref.name
        }

    def serials(self) -> set[str]:
        return {serial for serials in self.stored().values() for serial in serials}

    async def known(self) -> set[str]:
        return set(await self.ledger.entries(CLIENTS))


def damage(kube: FakeKube, shard: str, serial: str) -> ConfigMap:
    """Cut an entry short, as a person with an editor may; return the shard as it was."""
    ref = ObjectRef("edge", shard)
    found = kube.config_maps[ref]
    cut = {**found.data, serial: found.data[serial][:20]}
    kube.config_maps[ref] = replace(found, data=cut, resource_version=f"{found.resource_version}-edited")
    return found
