"""The command line: which commands there are, and what becomes of an error.

An error that is expected is one sentence and exit status 1; a command line that makes no sense is 2.
"""

from __future__ import annotations

import os

import click

from kubectl_mtls.cloud import look
from kubectl_mtls.commands.approve import approve, deny
from kubectl_mtls.commands.import_listener import import_listener
from kubectl_mtls.commands.issued import issued
from kubectl_mtls.commands.plan import plan
from kubectl_mtls.commands.revoke import revoke
from kubectl_mtls.commands.rotate import rotate
from kubectl_mtls.commands.sync import sync
from kubectl_mtls.commands.verify import verify
from kubectl_mtls.http import connect
from kubectl_mtls.render import harmless
from kubectl_mtls.session import Outside, SystemClock
from mtls_operator.errors import OperatorError
from mtls_operator.probing.prober import TlsProber


class Commands(click.Group):
    """The commands; what they raise on purpose is shown as a sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command of a command line."""
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            raise click.ClickException(harmless(str(error))) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="clb-mtls-operator", message="%(version)s")
def cli() -> None:
    """Work with the certificate authorities, client certificates and listeners of clb-mtls-operator.

    What is wanted stands in manifests; these commands are for what a person does now and then, and for
    what no manifest shows.

    \b
    Examples:
      kubectl mtls issued --ca clients -n platform
      kubectl mtls approve team-a/payments
      kubectl mtls rotate ca platform/clients --wait
      kubectl mtls plan -f listener.yaml
      kubectl mtls revoke team-a/payments --reason KeyCompromise
      kubectl mtls verify platform/api -n team-a
      kubectl mtls import lb-1a2b3c4d 443 --region ap-guangzhou -n platform
    """


for command in (approve, deny, import_listener, issued, plan, revoke, rotate, sync, verify):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    outside = Outside(
        connect=connect, look=lambda place: look(place, os.environ), clock=SystemClock(), prober=TlsProber()
    )
    cli(prog_name="kubectl mtls", obj=outside)
