"""The command line of the local environment. Run by make and by people: `mtls-devcluster --help`."""

import os
import sys

import click

from mtls_devcluster.build import ensure_binaries
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.progress import ConsoleProgress
from mtls_devcluster.toolchain import link_kubectl


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


def main() -> None:
    """Run the command line; an expected failure is a sentence on stderr and status 1."""
    try:
        cli(prog_name="mtls-devcluster")
    except DevClusterError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
