"""A scenario file says what exists and what goes wrong from the start.

Source: a property of the simulator.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN, Cloud, refused
from simulator.still_clock import StillClock

from clb_simulator.auth import SecretKey
from clb_simulator.cli import main
from clb_simulator.scenario import ScenarioError, read_scenario
from clb_simulator.server import Config, Server

SCENARIO = """
settings: {task_seconds: 0, throttled: false}
switches: {busy_wording: state}
quotas:
  - {region: ap-guangzhou, quota_id: TOTAL_LISTENER_QUOTA, limit: 1}
load_balancers:
  - {load_balancer_id: lb-scenario, vip: 127.77.5.5, tags: {team: payments}}
instances:
  - {instance_id: ins-scenario, private_ip: 127.0.0.11}
faults:
  - {kind: internal-error, action: DescribeQuota}
  - {kind: lost-reply, rate: 0.03, seed: 7, only: write, service: ssl}
"""


async def start(path: Path, state_file: Path | None = None) -> Cloud:
    key = SecretKey(SECRET_ID, SECRET_KEY, UIN)
    config = Config(keys={SECRET_ID: key}, scenario=read_scenario(path), state_file=state_file)
    clock = StillClock()
    server = Server(config, clock)
    await server.start()
    return Cloud(server, clock)


async def test_everything_is_there_from_the_first_call_on(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    cloud = await start(path)
    try:
        with refused("InternalError"):
            await cloud.clb("DescribeQuota")
        await cloud.listener("lb-scenario", Protocol="HTTP", port=80)
        with refused("LimitExceeded"):
            await cloud.listener("lb-scenario", Protocol="HTTP", port=81)
        assert (await cloud.admin("GET", "/switches"))["busy_wording"] == "state"
        assert len((await cloud.admin("GET", "/faults"))["faults"]) == 2
        assert (await cloud.admin("GET", "/state"))["instances"][0]["instance_id"] == "ins-scenario"
    finally:
        await cloud.close()


async def test_restart_with_a_state_file_keeps_what_the_scenario_made(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO)
    for listeners in (0, 1):
        cloud = await start(path, tmp_path / "state")
        try:
            found = await cloud.clb("DescribeListeners", LoadBalancerId="lb-scenario")
            assert found.TotalCount == listeners
            if not listeners:
                await cloud.listener("lb-scenario", Protocol="HTTP", port=80)
        finally:
            await cloud.close()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("faults: [{kind: earthquake}]", "faults.0"),
        ("faults: [{kind: delay}]", "seconds"),
        ("colour: red", "colour"),
        ("- a list", "the whole"),
        ("switches: {nonsense: 1}", "there is no switch nonsense"),
        ("quotas: [{region: r, quota_id: NONSENSE, limit: 1}]", "there is no quota NONSENSE"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_wrong_scenario_is_refused_with_the_spot(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["colour: red", "switches: {busy_wording: rude}", "load_balancers: [{vip: x}]"]
)
def test_command_line_says_what_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    options = ["serve", "--data-plane", "none", "--scenario", str(path)]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 1
    assert "Error: " in result.output
