"""`kubectl mtls verify`: the guide's step 8 from where you are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from kubectl_mtls.errors import Refusal
from kubectl_mtls.parameters import NAMED_OBJECT
from kubectl_mtls.render import table
from kubectl_mtls.session import Session, with_cluster
from kubectl_mtls.verification import HEADINGS, conclusion, door_of, keyring_of, rows_of
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.probing.rounds import Trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.trials import Door
    from mtls_operator.probing.rounds import Keyring


@click.command()
@click.argument("listener", type=NAMED_OBJECT, metavar="NAMESPACE/NAME")
@click.option(
    "--secret",
    "secrets",
    type=NAMED_OBJECT,
    multiple=True,
    help="The Secret of a ClientCert to try with; one for each authority. [default: one of the namespace]",
)
@click.option(
    "--address", metavar="HOST[:PORT]", help="Where the load balancer is reached. [default: its address]"
)
@with_cluster
def verify(
    session: Session, *, listener: NamedObject, secrets: tuple[NamedObject, ...], address: str | None
) -> None:
    """Try the doors of a listener from this machine.

    Each domain is asked with a good certificate and without: none, one of another CA with the same
    name, an unknown name and no name in the handshake, and by way of the listener's other domains.
    What the operator judges for the condition Verified is judged here in the same way. An expired
    certificate is tried by the operator alone: only the authority can make one.

    The exit status is 0 when every door is closed to all but good certificates, 1 when one is open,
    and 3 when something could not be found out.

    \b
    Examples:
      kubectl mtls verify platform/api -n team-a
      kubectl mtls verify platform/shared --secret team-a/payments --secret team-a/reports
      kubectl mtls verify platform/api -n team-a --address 203.0.113.7:443
    """
    found = session.cluster.listener(session.locate(listener))
    door = door_of(found, address)
    keyrings = dict(_keyrings(session, door, [session.locate(one) for one in secrets]))
    if not keyrings:
        raise Refusal(
            f"namespace {session.namespace} has no ClientCert of "
            f"{', '.join(str(authority) for authority in door.authorities)}. "
            "Name the Secret of one by --secret, or its namespace by -n."
        )
    reports = asyncio.run(Trials(session.prober).try_door(door, keyrings))
    click.echo(table(HEADINGS, list(rows_of(reports))))
    status, meaning = conclusion(reports)
    click.echo(f"{meaning} An expired certificate was not tried: only the operator can make one.")
    raise click.exceptions.Exit(status)


def _keyrings(session: Session, door: Door, secrets: list[ObjectRef]) -> Iterator[tuple[ObjectRef, Keyring]]:
    """Yield what can be shown, for each authority that a Secret is found for."""
    now = session.clock.now()
    if secrets:
        for ref in secrets:
            secret = session.cluster.secret(ref)
            yield _authority_of(session, secret, door), keyring_of(secret, now)
        return
    certs = sorted(session.cluster.client_certs_in(session.namespace), key=lambda cert: cert.ref)
    for authority in door.authorities:
        cert = next((c for c in certs if c.ca() == authority and c.status.serial_number), None)
        if cert is not None:
            at = ObjectRef(cert.ref.namespace, cert.secret_name())
            yield authority, keyring_of(session.cluster.secret(at), now)


def _authority_of(session: Session, secret: Secret, door: Door) -> ObjectRef:
    """Return whose client a Secret makes: its ClientCert's authority, else the only one that there is."""
    owner = secret.owner
    if owner is not None and owner.kind == Kind.CLIENT_CERT:
        return session.cluster.client_cert(ObjectRef(secret.ref.namespace, owner.name)).ca()
    if len(door.authorities) == 1:
        return door.authorities[0]
    raise Refusal(
        f"Secret {secret.ref} belongs to no ClientCert, and the listener admits the clients of several "
        "authorities. Name the Secret that a ClientCert has made."
    )
