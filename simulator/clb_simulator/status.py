"""Print what exists as tables: `clb-simulator status`.

I/O: asks the admin port, prints with rich. Used by the command line.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

_Seen: TypeAlias = Mapping[str, Any]
_STYLES: Final = {"Alive": "green", "Dead": "bold red", "Unknown": "yellow", "Close": "dim"}
_TIMEOUT_SECONDS: Final = 5.0


class StatusError(Exception):
    """The state cannot be shown; the text says why and what to do."""


def fetch_overview(admin_url: str) -> _Seen:
    """Ask a simulator what exists.

    Raises:
        StatusError: if none answers at the address.
    """
    try:
        reply = httpx.get(f"{admin_url.rstrip('/')}/overview", timeout=_TIMEOUT_SECONDS, trust_env=False)
        reply.raise_for_status()
        seen: _Seen = reply.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise StatusError(
            f"No clb-simulator answers at {admin_url} ({error}). Its first line says where the admin port is."
        ) from error
    return seen


def print_overview(console: Console, seen: _Seen) -> None:
    """Print two tables, or say that there is nothing."""
    if not seen["load_balancers"]:
        console.print("No load balancers. POST /load-balancers on the admin port makes one.")
    else:
        console.print(_forwarding(seen["load_balancers"]))
    if seen["certificates"]:
        console.print(_certificates(seen["certificates"]))
    for task in seen["running_tasks"]:
        console.print(Text(f"Running: {task['action']} {task['task_id']}"))


def _forwarding(load_balancers: Sequence[_Seen]) -> Table:
    table = Table(title="Load balancers", title_justify="left")
    for heading in ("load balancer", "listener", "TLS", "rule", "target", "weight", "health"):
        table.add_column(heading, overflow="fold")
    for one in load_balancers:
        first = Text(f"{one['id']}\n{one['vip']}\n{one['region']}{' (busy)' if one['busy'] else ''}")
        for row in _listener_rows(one["listeners"]):
            table.add_row(first, *row)
            first = Text()
        if not one["listeners"]:
            table.add_row(first)
        table.add_section()
    return table


def _listener_rows(listeners: Sequence[_Seen]) -> Iterator[tuple[Text, ...]]:
    for one in listeners:
        cell = Text(f"{one['protocol']}:{one['port']}\n{one['id']}")
        # A layer-4 listener has targets of its own, and no rules.
        rules = one["rules"] or [{"id": "", "domain": "", "url": "", "targets": one["targets"], "tls": None}]
        for rule in rules:
            tls = Text(_describe_tls(rule["tls"] or one["tls"]))
            yield from _target_rows(cell, tls, rule)
            cell = Text()


def _target_rows(cell: Text, tls: Text, rule: _Seen) -> Iterator[tuple[Text, ...]]:
    named = Text(f"{rule['domain']}{rule['url']}\n{rule['id']}".rstrip())
    if not rule["targets"]:
        yield (cell, tls, named, Text("none", style="yellow"))
    for one in rule["targets"]:
        health = Text(one["health"], style=_STYLES.get(one["health"], ""))
        yield (cell, tls, named, Text(f"{one['id']}:{one['port']}"), Text(str(one["weight"])), health)
        cell = tls = named = Text()


def _describe_tls(tls: _Seen | None) -> str:
    if tls is None:
        return ""
    lines = [", ".join(tls["certificates"])]
    if tls["mode"] == "MUTUAL":
        lines = [f"MUTUAL {tls['verify_client']}", *lines, f"CA {tls['ca']}"]
    return "\n".join(lines)


def _certificates(certificates: Sequence[_Seen]) -> Table:
    table = Table(title="Certificates", title_justify="left")
    for heading in ("id", "type", "common name", "alias", "until", "used by"):
        table.add_column(heading, overflow="fold")
    for one in certificates:
        until = Text(one["not_after"][:10], style="bold red" if one["expired"] else "")
        used = Text("\n".join(one["used_by"]))
        table.add_row(*(Text(one[name]) for name in ("id", "type", "common_name", "alias")), until, used)
    return table
