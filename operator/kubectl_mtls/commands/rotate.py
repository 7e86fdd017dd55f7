"""`kubectl mtls rotate ca`: replace an authority's root, and follow how it goes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import click

from kubectl_mtls.errors import Refusal
from kubectl_mtls.parameters import DURATION, NAMED_OBJECT
from kubectl_mtls.render import harmless
from kubectl_mtls.rotation import (
    Concerned,
    Progress,
    Wish,
    count_objects,
    forecast,
    require_possible,
    uses,
)
from kubectl_mtls.session import Session, confirm, with_cluster
from mtls_operator.api.meta import ROTATE_ANNOTATION
from mtls_operator.core.ledger import entries_of
from mtls_operator.errors import KubeForbidden, KubeUnavailable

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.meta import ObjectRef

_LOOK_SECONDS: Final = 2.0
_STALE_LOOKS: Final = 5
"""A refusal that was there before is about an earlier request, unless it is still there after these."""


@click.group()
def rotate() -> None:
    """Replace keys and certificates before their time."""


@rotate.command()
@click.argument("authority", type=NAMED_OBJECT, metavar="NAMESPACE/NAME")
@click.option(
    "--evict",
    is_flag=True,
    help="Shut old certificates out, revoked ones among them, without waiting until they have ended.",
)
@click.option(
    "--soak", type=DURATION, help="With --evict: how long clients have to take up new Secrets. [default: 0s]"
)
@click.option("--wait", "waits", is_flag=True, help="Follow the rotation until it is over.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before an eviction.")
@with_cluster
def ca(
    session: Session,
    *,
    authority: NamedObject,
    evict: bool,
    soak: timedelta | None,
    waits: bool,
    yes: bool,
) -> None:
    """Replace the root of a CertificateAuthority.

    Says what will happen and whom it concerns, and asks the operator for it by the annotation
    mtls.clb-operator.dev/rotate. Without --evict no request fails, as long as clients send their whole
    chain and take up their new Secret within spec.rotation.minimumSoak.

    \b
    Examples:
      kubectl mtls rotate ca platform/clients --wait
      kubectl mtls rotate ca platform/clients --evict --soak 10m
    """
    if soak is not None and not evict:
        raise click.UsageError("--soak belongs to --evict; a usual rotation takes spec.rotation.minimumSoak.")
    ref, now, wish = session.locate(authority), session.clock.now(), Wish(evict=evict, soak=soak)
    found = session.cluster.authority(ref)
    require_possible(found, wish)
    _announce(session, found, wish, now)
    if evict and not confirm(f"Evict every old certificate of CertificateAuthority {ref}?", yes=yes):
        click.echo("Nothing was changed.")
        return
    value = wish.annotation(session.clock.now())
    session.cluster.annotate(found, ROTATE_ANNOTATION, value)
    click.echo(f"Asked for it: CertificateAuthority {ref} has the annotation {ROTATE_ANNOTATION}: {value}")
    if waits:
        _follow(session, ref, Progress.of(found))
    else:
        click.echo(f"Next: kubectl get certificateauthority {ref.name} -n {ref.namespace} --watch")


def _announce(session: Session, authority: CertificateAuthority, wish: Wish, now: datetime) -> None:
    for line in forecast(authority, wish, now):
        click.echo(line)
    for line in _concerned(session, authority.ref, now).sentences():
        click.echo(line)
    if authority.metadata.is_paused:
        click.echo(
            f"CertificateAuthority {authority.ref} is paused: the operator begins when it is not any more."
        )


def _concerned(session: Session, ref: ObjectRef, now: datetime) -> Concerned:
    live, revoked = count_objects(entries_of(session.cluster.ledger(ref)), now)
    try:
        listeners = [str(one.ref) for one in session.cluster.listeners() if uses(one, ref)]
    except KubeForbidden:
        return Concerned(listeners=None, client_certs=live, revoked=revoked)
    return Concerned(listeners=listeners, client_certs=live, revoked=revoked)


def _follow(session: Session, ref: ObjectRef, before: Progress) -> None:
    """Print each change until the next root signs and listeners trust it alone.

    Raises:
        Refusal: the operator cannot go on without a person.
    """
    click.echo("Following it until it is over; Ctrl-C stops the following, not the rotation.")
    said = ""
    for looks in itertools.count():
        progress = _look(session, ref)
        if progress is not None:
            if progress.line() != said:
                said = progress.line()
                click.echo(f"{session.clock.now():%H:%M:%S}Z  {harmless(said)}")
            if progress.refusal and (looks >= _STALE_LOOKS or progress.refusal != before.refusal):
                raise Refusal(f"the rotation of CertificateAuthority {ref} stands still: {progress.refusal}")
            if progress.is_over(before.goal()):
                break
        session.clock.sleep(_LOOK_SECONDS)
    click.echo("The rotation is over: the next root signs, and listeners admit it alone.")


def _look(session: Session, ref: ObjectRef) -> Progress | None:
    """Return how far it is; None while the API server does not answer, which a rotation outlives."""
    try:
        return Progress.of(session.cluster.authority(ref))
    except KubeUnavailable:
        return None
