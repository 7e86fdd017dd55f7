"""A stand-in for `Api` that answers lists from objects given to it, page by page."""

from collections.abc import Mapping
from typing import Any

from mtls_operator.adapters.kube.api import JSON, Api
from mtls_operator.api.model import Json

Body = dict[str, Any]


class ListedApi(Api):
    """Takes the place of the wire; a label selector of the form `name=value` is honoured."""

    def __init__(self, objects: Mapping[str, list[Body]], *, page: int = 2) -> None:
        self._objects = objects
        self._page = page

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Mapping[str, object]:
        assert (method, body, content_type, accept) == ("GET", None, JSON, JSON)
        asked = query or {}
        found = [one for one in self._objects.get(path, []) if _matches(one, asked.get("labelSelector"))]
        start = int(asked.get("continue", "0"))
        more = str(start + self._page) if start + self._page < len(found) else ""
        return {"items": found[start : start + self._page], "metadata": {"continue": more}}


def _matches(body: Body, selector: str | None) -> bool:
    if selector is None:
        return True
    name, _, value = selector.partition("=")
    return bool(body["metadata"].get("labels", {}).get(name) == value)
