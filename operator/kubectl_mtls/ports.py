"""What the commands need from outside, as protocols: the API server and the time.

`http` and `session` have the real ones, the tests theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from mtls_operator.api.model import Json

Body = Mapping[str, object]
"""An object as the API server sends it."""


class Api(Protocol):
    """The API server, call by call. Every method raises a KubeError that says what the refusal means."""

    def get(self, path: str) -> Body:
        """Return an object; raises KubeNotFound when there is none."""

    def list(self, path: str, label: str = "") -> Iterator[Body]:
        """Yield the objects of a list, which is read in pages; `label` is one that each must carry."""

    def create(self, path: str, body: Json) -> Body:
        """Create an object; raises KubeAlreadyExists when somebody was faster."""

    def merge(self, path: str, patch: Json) -> Body:
        """Change an object by a JSON merge patch; raises KubeConflict when its uid is another one."""

    def delete(self, path: str) -> None:
        """Delete an object; raises KubeNotFound when there is none."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
