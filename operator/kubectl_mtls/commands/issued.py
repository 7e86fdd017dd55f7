"""`kubectl mtls issued`: what an authority has signed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from kubectl_mtls.issued import Filter, Listing, State, list_entries, state_of
from kubectl_mtls.parameters import DURATION, NAMED_OBJECT, ValueType
from kubectl_mtls.render import counted, listed, minute, table
from kubectl_mtls.session import Session, with_cluster
from mtls_operator.api.model import render_time
from mtls_operator.core.ledger import render_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.ledger import Entry

_SHORT: Final = 12
"""The digits of a serial number that a table shows; --serial takes them."""
_HEADINGS: Final = (
    *("SERIAL", "KIND", "OBJECT", "COMMON NAME", "ISSUED", "NOT AFTER", "GENERATION", "STATE", "WHY"),
)
_WIDE_HEADINGS: Final = (*_HEADINGS, "SECRET", "UID", "NOT BEFORE", "REVOKED AT")


@click.command()
@click.option("--ca", type=NAMED_OBJECT, required=True, help="The CertificateAuthority.")
@click.option("--requester-namespace", metavar="NAME", help="Only what was asked for in this namespace.")
@click.option("--name", metavar="NAME", help="Only what was asked for by an object of this name.")
@click.option("--serial", metavar="HEX", help="Only serial numbers that begin so.")
@click.option("--state", type=ValueType(State), help="Only certificates in this state.")
@click.option(
    "--generation",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only what this generation of the root signed.",
)
@click.option("--since", type=DURATION, help="Only what was issued within this time, such as 24h.")
@click.option("--all", "ended", is_flag=True, help="Also certificates that have ended.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json"]),
    default="table",
    show_default=True,
    help="The form.",
)
@with_cluster
def issued(
    session: Session,
    *,
    ca: NamedObject,
    requester_namespace: str | None,
    name: str | None,
    serial: str | None,
    state: State | None,
    generation: int | None,
    since: timedelta | None,
    ended: bool,
    output: str,
) -> None:
    """List what a CertificateAuthority has signed, newest first.

    The list comes from the authority's ledger. A certificate is in it before it is handed out, and
    stays after the ClientCert that asked for it is gone. Who may read the ConfigMaps of the
    authority's namespace may read the list.

    \b
    Examples:
      kubectl mtls issued --ca clients -n platform
      kubectl mtls issued --ca platform/clients --requester-namespace team-a --state revoked
      kubectl mtls issued --ca platform/clients --since 24h -o json
    """
    authority, now = session.locate(ca), session.clock.now()
    wanted = Filter(
        namespace=requester_namespace,
        name=name,
        serial=serial,
        state=state,
        generation=generation,
        since=since,
        ended=ended,
    )
    listing = list_entries(session.cluster.ledger(authority), wanted, now)
    if not listing.total:
        session.cluster.authority(authority)
    if output == "json":
        click.echo(_as_json(authority, listing, now))
    elif listing.entries:
        click.echo(_as_table(listing.entries, now, wide=output == "wide"))
    # Beside JSON the count would be in the way of the program that reads it.
    click.echo(_count(authority, listing), err=output == "json")
    if listing.damaged:
        click.echo(_warning(authority, listing.damaged), err=True)


def _as_table(entries: Sequence[Entry], now: datetime, *, wide: bool) -> str:
    rows = [_row(entry, now, wide=wide) for entry in entries]
    return table(_WIDE_HEADINGS if wide else _HEADINGS, rows)


def _row(entry: Entry, now: datetime, *, wide: bool) -> list[str]:
    show = render_time if wide else minute
    state = str(state_of(entry, now))
    row = [
        entry.serial if wide else entry.serial[:_SHORT],
        str(entry.kind),
        f"{entry.namespace}/{entry.name}",
        entry.common_name,
        show(entry.issued_at),
        show(entry.not_after),
        str(entry.generation),
        f"{state} ({entry.revoked.reason})" if entry.revoked else state,
        entry.why,
    ]
    if not wide:
        return row
    revoked_at = render_time(entry.revoked.at) if entry.revoked else "-"
    return [*row, entry.secret, entry.uid, render_time(entry.not_before), revoked_at]


def _as_json(authority: ObjectRef, listing: Listing, now: datetime) -> str:
    entries = [
        {"serial": entry.serial, "state": str(state_of(entry, now)), **json.loads(render_entry(entry))}
        for entry in listing.entries
    ]
    # Escaped as ASCII: a name may hold what would move a terminal's cursor.
    return json.dumps(
        {"certificateAuthority": asdict(authority), "total": listing.total, "entries": entries}, indent=2
    )


def _count(authority: ObjectRef, listing: Listing) -> str:
    shown, total = len(listing.entries), counted(listing.total, "certificate")
    text = f"{shown} of {total} in the ledger of CertificateAuthority {authority}."
    if not listing.ended:
        return text
    more = (
        "1 more has ended: --all shows it"
        if listing.ended == 1
        else (f"{listing.ended} more have ended: --all shows them")
    )
    return f"{text} {more}, too."


def _warning(authority: ObjectRef, damaged: Sequence[str]) -> str:
    return (
        f"Warning: {counted(len(damaged), 'entry', 'entries')} of the ledger cannot be read: "
        f"{listed(damaged)}. The operator issues nothing until they are restored; they are in the ConfigMaps "
        f"{authority.name}-ledger-… of namespace {authority.namespace}."
    )
