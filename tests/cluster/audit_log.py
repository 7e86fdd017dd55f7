"""Who asked the API server for what: its audit log, from a mark on.

Reads a file. Used by the cluster tests to count the operator's writes and to see its passes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType

OPERATOR: Final = "system:serviceaccount:clb-mtls-system:clb-mtls-operator"
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})

Mark = NewType("Mark", int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that the API server answered."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str

    @property
    def is_write(self) -> bool:
        return self.verb in _WRITES

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {resource} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log; a request is in it before its answer is sent."""

    path: Path

    def mark(self) -> Mark:
        """Return this moment, for `since`."""
        return Mark(self.path.stat().st_size)

    def by_operator(self, since: Mark, until: Mark | None = None) -> Iterator[Request]:
        """Yield the operator's requests since a mark and before another, oldest first."""
        with self.path.open("rb") as file:
            file.seek(since)
            for line in file.read(-1 if until is None else until - since).splitlines():
                request = _parse(line)
                if request is not None and request.user == OPERATOR:
                    yield request

    def writes(self, since: Mark, namespace: str | None = None) -> list[str]:
        """Return the operator's writes since a mark, in one namespace or all."""
        return [
            str(request)
            for request in self.by_operator(since)
            if request.is_write and namespace in (None, request.namespace)
        ]


def _parse(line: bytes) -> Request | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # the last line may be half written
    target = event.get("objectRef", {})
    return Request(
        user=event["user"]["username"],
        verb=event["verb"],
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
    )
