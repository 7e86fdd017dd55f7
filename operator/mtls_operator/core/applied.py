"""Digests of what a listener should be, part by part: what tells drift from a change of ours.

Pure. A digest changes when the manifest does, when a node joins, when a certificate is renewed. While it
is the one that the listener was last seen to agree with, a difference is somebody else's doing. Called by
`core.drift`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from mtls_operator.api.listener_status import Applied

if TYPE_CHECKING:
    from mtls_operator.api.model import Json
    from mtls_operator.core.desired import DesiredListener

_CHARACTERS: Final = 16


class Section(Enum):
    """A part of a listener that changes for reasons of its own."""

    CERTIFICATES = auto()
    """Which certificates are shown, and whom they admit."""
    RULES = auto()
    """The domains and routes."""
    TARGETS = auto()
    """The backends."""
    OWN_AFFAIRS = auto()
    """What the operator does for itself, such as clearing up: never drift."""


def digests(desired: DesiredListener) -> Applied:
    """Return the digest of each part of a listener.

    The listener's name is in none of them: it never changes, so another one is always drift.
    """
    bindings = {"": desired.tls, **{domain.name: domain.tls for domain in desired.domains}}
    routes = {f"{domain.name}{route.path}": route for domain, route in desired.routes()}
    return Applied(
        certificates=_digest(bindings),
        rules=_digest(
            {
                "domains": {d.name: replace(d, tls=None, routes=()) for d in desired.domains},
                "routes": {
                    name: replace(route, targets=(), left_out=0, shortage=None)
                    for name, route in routes.items()
                },
            }
        ),
        targets=_digest({name: frozenset(route.targets) for name, route in routes.items()}),
    )


def unchanged(desired: Applied, applied: Applied | None) -> frozenset[Section]:
    """Return the parts that should be as they were when the listener was last seen to agree with them."""
    if applied is None:
        return frozenset()
    pairs = {
        Section.CERTIFICATES: desired.certificates == applied.certificates,
        Section.RULES: desired.rules == applied.rules,
        Section.TARGETS: desired.targets == applied.targets,
    }
    return frozenset(section for section, same in pairs.items() if same)


def agreed(desired: Applied, applied: Applied | None, open_sections: frozenset[Section]) -> Applied:
    """Return what to remember: a part with something left to do stays as it was.

    Args:
        desired: the digests of what should be.
        applied: what was remembered before.
        open_sections: the parts that something is left to do in.
    """
    before = applied or Applied()
    return Applied(
        certificates=before.certificates if Section.CERTIFICATES in open_sections else desired.certificates,
        rules=before.rules if Section.RULES in open_sections else desired.rules,
        targets=before.targets if Section.TARGETS in open_sections else desired.targets,
    )


def _digest(value: object) -> str:
    text = json.dumps(_plain(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_CHARACTERS]


def _plain(value: object) -> Json:
    """Return a value as JSON: the same for equal values, however their sets are ordered."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((_plain(item) for item in value), key=json.dumps)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no digest")
