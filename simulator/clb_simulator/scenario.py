"""A scenario: what exists and what goes wrong from the start, written as YAML.

I/O: reads one file. Read by the command line and played by `server` before the ports open. The fields are
those of the admin port's requests; docs/simulator.md lists them.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml
from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from clb_simulator.app import Front
from clb_simulator.clb import quota
from clb_simulator.engine import Engine
from clb_simulator.fault_kinds import Fault, Seconds
from clb_simulator.model import Quota
from clb_simulator.provisioning import (
    NewInstance,
    NewLoadBalancer,
    create_instance,
    create_load_balancer,
)
from clb_simulator.switches import Switches

_STRICT: Final = ConfigDict(extra="forbid")


class ScenarioError(Exception):
    """A scenario cannot be played; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the simulator; None leaves one as it is."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    task_seconds: Seconds | None = None
    throttled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What exists and what goes wrong from the start."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    settings: Settings = field(default_factory=Settings)
    switches: dict[str, JsonValue] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    load_balancers: tuple[NewLoadBalancer, ...] = ()
    instances: tuple[NewInstance, ...] = ()
    faults: tuple[Fault, ...] = ()


_SCENARIO: Final = TypeAdapter(Scenario)


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: if it cannot be read or is not a scenario; names the spot.
    """
    try:
        written: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path} cannot be read as YAML: {error}") from error
    return parse_scenario({} if written is None else written, str(path))


def parse_scenario(written: object, name: str) -> Scenario:
    """Check a scenario that was read from somewhere.

    Raises:
        ScenarioError: naming the spot in `name`.
    """
    try:
        scenario = _SCENARIO.validate_python(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        spot = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ScenarioError(f"{name}, {spot}: {first['msg']}") from error
    unknown = scenario.switches.keys() - Switches.__dataclass_fields__.keys()
    if unknown:
        raise ScenarioError(f"{name}: there is no switch {', '.join(sorted(unknown))}.")
    wrong = {one.quota_id for one in scenario.quotas} - quota.DEFAULTS.keys()
    if wrong:
        raise ScenarioError(f"{name}: there is no quota {', '.join(sorted(wrong))}.")
    return scenario


def play(scenario: Scenario, engine: Engine, front: Front) -> None:
    """Bring about what a scenario says. What a state file already holds is left as it is.

    Raises:
        ScenarioError: if a switch has a wrong value.
        ProvisioningError: if something cannot be made as asked.
    """
    try:
        merged = {**asdict(engine.switches), **scenario.switches}
        engine.switches = TypeAdapter(Switches).validate_python(merged)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ScenarioError(f"The switch {first['loc'][0]}: {first['msg']}") from error
    if scenario.settings.task_seconds is not None:
        engine.task_seconds = scenario.settings.task_seconds
    if scenario.settings.throttled is not None:
        front.throttled = scenario.settings.throttled
    for one in scenario.faults:
        engine.faults.add(one)
    _provide(scenario, engine)


def _provide(scenario: Scenario, engine: Engine) -> None:
    now = engine.clock.now()
    with engine.store.transaction():
        store = engine.store
        for one in scenario.quotas:
            store.quotas.put(quota.quota_key(one.region, one.quota_id), one)
        for wanted in scenario.load_balancers:
            if store.load_balancers.get(wanted.load_balancer_id or "") is None:
                create_load_balancer(store, wanted, now)
        for machine in scenario.instances:
            if store.instances.get(machine.instance_id or "") is None:
                create_instance(store, machine)
