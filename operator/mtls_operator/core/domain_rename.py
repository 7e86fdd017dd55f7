"""Which domains of the cloud's listener have another name in the manifest, and so can keep their rules.

    gone from the manifest      new in the manifest      result
    --------------------------  -----------------------  -----------------------------------------
    a.example  /, /v1           b.example  /, /v1        rename: rules and targets stay
    a.example  /                b.example  /api          create b.example, then delete a.example
    a.example  /, c.example  /  b.example  /             the same: which of them it was is a guess
    x.example  / (a stranger's) b.example  /             the same: it was never ours
    a.example  / (open)         b.example  /             the same, a.example at once

Pure; a part of `core.listener_plan`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core.actions import RenameDomain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtls_operator.core.cloud import Listener, Rule
    from mtls_operator.core.desired import DesiredDomain, DesiredListener, ObservedListener


def find_renames(desired: DesiredListener, observed: ObservedListener) -> dict[str, DesiredDomain]:
    """Return the domain that the manifest has instead of one in the cloud, by the latter's name.

    Only where nothing has to be guessed: the two are the only ones with their set of paths. A domain
    counts that was in the manifest before; an open one does not, since it is closed by deletion.
    """
    if observed.listener is None:
        return {}
    gone = _by_paths(_gone(desired, observed, observed.listener))
    known = {rule.domain for rule in observed.listener.rules}
    added: dict[frozenset[str], list[DesiredDomain]] = {}
    for domain in desired.domains:
        if domain.name not in known:
            added.setdefault(frozenset(route.path for route in domain.routes), []).append(domain)
    return {
        gone[paths][0]: domains[0]
        for paths, domains in added.items()
        if len(domains) == 1 and len(gone.get(paths, [])) == 1
    }


def _gone(
    desired: DesiredListener, observed: ObservedListener, listener: Listener
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the domains that were the manifest's and are so no more, with their paths."""
    wanted = {domain.name for domain in desired.domains}
    rules: dict[str, list[Rule]] = {}
    for rule in listener.rules:
        rules.setdefault(rule.domain, []).append(rule)
    for name, found in rules.items():
        if name in observed.former_domains and name not in wanted:
            is_open = desired.sni and any(rule.is_open for rule in found)
            if not is_open:
                yield name, frozenset(rule.path for rule in found)


def _by_paths(domains: Iterator[tuple[str, frozenset[str]]]) -> dict[frozenset[str], list[str]]:
    found: dict[frozenset[str], list[str]] = {}
    for name, paths in domains:
        found.setdefault(paths, []).append(name)
    return found


def rename_actions(listener: Listener, renames: Mapping[str, DesiredDomain]) -> Iterator[RenameDomain]:
    """Yield the changes: a new name never shows the earlier one's certificate, nor admits its clients."""
    for former, domain in renames.items():
        rule = next(rule for rule in listener.rules if rule.domain == former)
        yield RenameDomain(
            listener=listener.id,
            domain=former,
            name=domain.name,
            tls=domain.tls,
            http2=domain.http2 if domain.http2 != rule.http2 else None,
            make_default=domain.default and not rule.default,
        )


def renamed(listener: Listener, renames: Mapping[str, DesiredDomain]) -> Listener:
    """Return the listener with the new names, as which the rest of a plan sees it."""
    rules = (
        replace(rule, domain=renames[rule.domain].name) if rule.domain in renames else rule
        for rule in listener.rules
    )
    return replace(listener, rules=tuple(rules))
