"""The command line of the local environment. Run by make and by people: `mtls-devcluster --help`."""

import datetime as dt
import os
import sys
from pathlib import Path

import click
from rich.console import Console

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.demo import run_demo
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.toolchain import link_kubectl
from mtls_devcluster.up import FOLDER, bring_up, take_down

_INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Build, start and stop the local environment."""


@cli.command()
def build() -> None:
    """Build the control plane where it is not there yet, and provide kubectl."""
    progress = ConsoleProgress()
    binaries = ensure_binaries(os.environ, progress)
    progress.say(f"etcd                     {binaries.etcd}")
    progress.say(f"kube-apiserver           {binaries.kube_apiserver}")
    progress.say(f"kube-controller-manager  {binaries.kube_controller_manager}")
    progress.say(f"kubectl                  {link_kubectl(os.environ)}")


@cli.command()
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the simulated cloud assumes where the real one is not documented; repeatable. "
    "docs/simulator-divergences.md lists them.",
)
def demo(switches: tuple[str, ...]) -> int:
    """Do the whole guide, prove it, replace a root under traffic, and stop everything."""
    console = Console(highlight=False)
    return run_demo(_now(), ConsoleProgress(console), console, switches)


_folder = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    help="Where everything is kept; .dev in the repository when not given.",
)


@cli.command()
@_folder
def up(folder: Path) -> None:
    """Start the same environment and leave it running."""
    bring_up(folder.resolve(), _now(), ConsoleProgress())


@cli.command()
@_folder
def down(folder: Path) -> None:
    """End what `up` started."""
    take_down(folder.resolve(), ConsoleProgress())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are compared with the real time


def main() -> None:
    """Run the command line; an expected failure is a sentence on stderr and status 1."""
    try:
        sys.exit(cli(prog_name="mtls-devcluster", standalone_mode=False))
    except DevClusterError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        # By now every supervisor has ended what it started.
        click.echo("Interrupted. What this command had started is ended.", err=True)
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
