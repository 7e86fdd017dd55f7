"""`kubectl mtls sync`: have the operator look at a listener in the cloud now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from kubectl_mtls.looking import look_now
from kubectl_mtls.parameters import DURATION, NAMED_OBJECT
from kubectl_mtls.render import harmless
from kubectl_mtls.session import Session, with_cluster

if TYPE_CHECKING:
    from kubectl_mtls.looking import Found
    from kubectl_mtls.parameters import NamedObject


@click.command()
@click.argument("listener", type=NAMED_OBJECT, metavar="[NAMESPACE/]NAME")
@click.option(
    "--timeout", type=DURATION, default=timedelta(minutes=2), help="How long to wait. [default: 2m]"
)
@with_cluster
def sync(session: Session, *, listener: NamedObject, timeout: timedelta) -> None:
    """Look now for what somebody changed in the cloud.

    Else a change of a listener is noticed at the resync. Says what was found, and ends with status 1
    unless the listener is as its manifest says: with driftPolicy Repair it is put right meanwhile, with
    Report it is not.

    \b
    Example:
      kubectl mtls sync platform/api
    """
    found = look_now(session, session.locate(listener), timeout)
    say_news(found)
    one = found.listener
    if found.is_ready:
        click.echo(f"{one.kind} {one.ref} is as its manifest says.")
        return
    click.echo(f"{one.kind} {one.ref} is not as its manifest says. {harmless(found.why())}")
    if one.status.plan:
        click.echo(f"Next: kubectl mtls plan {one.ref}")
    raise click.exceptions.Exit(1)


def say_news(found: Found) -> None:
    """Say what somebody changed."""
    for note in found.news:
        click.echo(f"Found: {harmless(note)}")
