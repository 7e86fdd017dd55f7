"""The command line: `clb-simulator serve`.

I/O: the terminal, signals, and `server`.
"""

import asyncio
import gc
import logging
import re
import secrets
import signal
from pathlib import Path
from typing import Final, Literal

import click
from pydantic import TypeAdapter, ValidationError

from clb_simulator.auth import SecretKey
from clb_simulator.dataplane.model import DataPlaneError
from clb_simulator.dataplane.switches import Switches as DataPlaneSwitches
from clb_simulator.provisioning import ProvisioningError
from clb_simulator.scenario import Scenario, ScenarioError, read_scenario
from clb_simulator.server import Address, Config, Server
from clb_simulator.state import StateFileError
from clb_simulator.switches import Switches
from clb_simulator.working_directory import WorkingDirectoryError

DEFAULT_UIN: Final = "100000000001"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")
_REFUSALS: Final = (
    StateFileError,
    WorkingDirectoryError,
    DataPlaneError,
    ScenarioError,
    ProvisioningError,
    OSError,
)


class AddressType(click.ParamType[Address]):
    """HOST:PORT on loopback."""

    name = "HOST:PORT"

    def convert(
        self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Read an address; anything but 127.0.0.0/8 is refused, since the admin port has no password."""
        if isinstance(value, Address):
            return value
        host, separator, port = value.rpartition(":")
        if not separator or not port.isdigit() or not host.startswith("127."):
            self.fail(f"{value!r} is not a loopback address and a port, such as 127.0.0.1:9000", param, ctx)
        return Address(host=host, port=int(port))


class Duration(click.ParamType[float]):
    """A time such as 0.5s or 20ms."""

    name = "DURATION"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration in seconds."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a duration such as 0.5s or 20ms", param, ctx)
        number = float(match[1])
        return number / 1000 if match[2] == "ms" else number


@click.group()
@click.version_option(package_name="clb-mtls-operator")
def main() -> None:
    """Simulate Tencent Cloud's CLB and SSL services."""


@main.command()
@click.option("--listen", "api", type=AddressType(), default="127.0.0.1:0", help="Where the API listens.")
@click.option("--admin", type=AddressType(), default="127.0.0.1:0", help="Where the admin port listens.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep the state in this file.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the data plane keeps its files while it runs. [default: beside the state file]",
)
@click.option(
    "--tls",
    "tls_ca_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CA_FILE",
    help="Serve the API over TLS and write the CA of its certificate to this file.",
)
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What exists and goes wrong from the start, as YAML.",
)
@click.option("--secret-id", envvar="TENCENTCLOUD_SECRET_ID", help="Accepted key id; random when absent.")
@click.option("--secret-key", envvar="TENCENTCLOUD_SECRET_KEY", help="Its secret; random when absent.")
@click.option("--uin", default=DEFAULT_UIN, show_default=True, help="The account that the key belongs to.")
@click.option("--data-plane", type=click.Choice(["nginx", "none"]), default="nginx", show_default=True)
@click.option(
    "--task-time", type=Duration(), default="0.5s", show_default=True, help="How long a change takes."
)
@click.option(
    "--switch", "assignments", multiple=True, metavar="NAME=VALUE", help="Set a switch; repeatable."
)
@click.option(
    "--throttle/--no-throttle", default=True, show_default=True, help="Enforce the documented rates."
)
def serve(
    *,
    api: Address,
    admin: Address,
    state: Path | None,
    directory: Path | None,
    tls_ca_file: Path | None,
    scenario_file: Path | None,
    secret_id: str | None,
    secret_key: str | None,
    uin: str,
    data_plane: Literal["nginx", "none"],
    task_time: float,
    throttle: bool,
    assignments: tuple[str, ...],
) -> None:
    """Run until interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if bool(secret_id) != bool(secret_key):
        raise click.UsageError("--secret-id and --secret-key belong together; one of them is missing.")
    key = SecretKey(
        secret_id=secret_id or f"AKID{secrets.token_hex(16)}",
        secret_key=secret_key or secrets.token_hex(16),
        uin=uin,
    )
    if not secret_id:
        click.echo(f"TENCENTCLOUD_SECRET_ID={key.secret_id}\nTENCENTCLOUD_SECRET_KEY={key.secret_key}")
    switches, data_plane_switches = _read_switches(assignments)
    config = Config(
        scenario=_read_scenario(scenario_file),
        switches=switches,
        data_plane_switches=data_plane_switches,
        keys={key.secret_id: key},
        api=api,
        admin=admin,
        state_file=state,
        directory=directory,
        tls_ca_file=tls_ca_file,
        data_plane=data_plane,
        task_seconds=task_time,
        throttled=throttle,
    )
    try:
        asyncio.run(_serve(Server(config)))
    except _REFUSALS as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option(
    "--admin",
    "admin_url",
    required=True,
    metavar="URL",
    help="The admin port, such as http://127.0.0.1:9001.",
)
def status(*, admin_url: str) -> None:
    """Show load balancers, listeners, rules, targets with their health, and certificates."""
    # `serve` does without these, and starts the sooner.
    from rich.console import Console  # noqa: PLC0415

    from clb_simulator.status import StatusError, fetch_overview, print_overview  # noqa: PLC0415

    try:
        seen = fetch_overview(admin_url)
    except StatusError as error:
        raise click.ClickException(str(error)) from error
    print_overview(Console(), seen)


def _read_scenario(path: Path | None) -> Scenario | None:
    try:
        return read_scenario(path) if path else None
    except ScenarioError as error:
        raise click.ClickException(str(error)) from error


def _read_switches(assignments: tuple[str, ...]) -> tuple[Switches, DataPlaneSwitches]:
    values = dict(assignment.partition("=")[::2] for assignment in assignments)
    own = {name: value for name, value in values.items() if name in Switches.__dataclass_fields__}
    others = {name: value for name, value in values.items() if name not in own}
    unknown = others.keys() - DataPlaneSwitches.__dataclass_fields__.keys()
    if unknown:
        raise click.UsageError(
            f"There is no switch {', '.join(sorted(unknown))}; see simulator-divergences.md."
        )
    try:
        # Texts of the command line become numbers and booleans here.
        return (
            TypeAdapter(Switches).validate_python(own),
            TypeAdapter(DataPlaneSwitches).validate_python(others),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise click.UsageError(f"--switch {first['loc'][0]}: {first['msg']}") from error


async def _serve(server: Server) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await server.start()
        # What was loaded stays, and in a large state looking through it again and again takes half the time.
        gc.freeze()
        click.echo(f"clb-simulator is ready: API {server.api.url}, admin {server.admin.url}")
        await stopped.wait()
    finally:
        await server.stop()
