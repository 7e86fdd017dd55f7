"""`kubectl mtls revoke`: put a ClientCert's certificates on the revocation list, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kubectl_mtls.errors import Refusal
from kubectl_mtls.parameters import NAMED_OBJECT, ValueType
from kubectl_mtls.render import harmless, minute
from kubectl_mtls.session import Session, confirm, with_cluster
from mtls_operator.api.client_cert import RevocationReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.api.client_cert import ClientCert


@click.command()
@click.argument("client_cert", type=NAMED_OBJECT, metavar="NAMESPACE/NAME")
@click.option(
    "--reason",
    type=ValueType(RevocationReason),
    required=True,
    help="Why, in the words of RFC 5280.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_cluster
def revoke(session: Session, *, client_cert: NamedObject, reason: RevocationReason, yes: bool) -> None:
    """Revoke the certificates of a ClientCert, for good.

    It covers every unexpired certificate and cannot be taken back. The serial numbers go on the
    revocation list of the authority, and nothing is issued for the object any more. CLB reads no
    revocation list and accepts the certificates until they end; to shut them out before, evict them:
    kubectl mtls rotate ca NAMESPACE/NAME --evict.

    \b
    Example:
      kubectl mtls revoke team-a/payments --reason KeyCompromise
    """
    ref = session.locate(client_cert)
    found = session.cluster.client_cert(ref)
    if found.spec.revoked is not None:
        _say_again(found, found.spec.revoked.reason, reason)
        return
    for line in _consequences(found):
        click.echo(line)
    if not confirm(f"Revoke ClientCert {ref} for good, reason {reason}?", yes=yes):
        click.echo("Nothing was changed.")
        return
    session.cluster.revoke(found, reason)
    click.echo(
        f"Revoked ClientCert {ref}, reason {reason}. "
        f"Next: kubectl mtls issued --ca {found.ca()} --requester-namespace {ref.namespace} --name {ref.name}"
    )


def _say_again(found: ClientCert, known: RevocationReason, reason: RevocationReason) -> None:
    if known is not reason:
        raise Refusal(
            f"ClientCert {found.ref} was revoked before, with the reason {known}; the first one counts."
        )
    click.echo(f"ClientCert {found.ref} is revoked with this reason already; nothing was changed.")


def _consequences(found: ClientCert) -> Iterator[str]:
    status = found.status
    until = "until they end"
    if status.serial_number and status.not_after:
        until = f"until {minute(status.not_after)}"
        yield f"ClientCert {found.ref}: {harmless(found.common_name())}, serial {status.serial_number}."
    yield "Revoking cannot be taken back, and nothing is issued for this ClientCert any more."
    yield f"CLB reads no revocation list: it still accepts its certificates {until}."
    yield f"To shut them out before: kubectl mtls rotate ca {found.ca()} --evict"
