"""ClientCerts as others see them, held with an index: who asks an authority, and from which namespace.

Without the index each of ten thousand passes would look at ten thousand requests.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mtls_operator.adapters.kube import paths, shapes
from mtls_operator.adapters.kube.held import Held
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.cluster import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mtls_operator.adapters.kube.shapes import Body


def _password_secrets(request: Request) -> Iterable[ObjectRef]:
    return (ObjectRef(request.ref.namespace, request.password_secret),) if request.password_secret else ()


class HeldRequests(Held[Request]):
    """Every ClientCert, by authority and namespace."""

    def __init__(self) -> None:
        super().__init__(paths.all_of_ours(Kind.CLIENT_CERT), shapes.read_request, _password_secrets)
        self._index: dict[ObjectRef, dict[str, dict[ObjectRef, Request]]] = defaultdict(dict)

    def put(self, body: Body) -> None:
        """Take an object up, unless a newer version of it is held."""
        ref = shapes.ref_of(body)
        self._unlist(self.get(ref))
        super().put(body)
        self._list(self.get(ref))

    def drop(self, body: Body) -> None:
        """Forget an object that was deleted."""
        self._unlist(self.get(shapes.ref_of(body)))
        super().drop(body)

    def replace(self, bodies: Collection[Body]) -> None:
        """Hold exactly these objects."""
        self._index.clear()
        super().replace(bodies)

    def to(self, authority: ObjectRef) -> list[Request]:
        """Return the requests to an authority."""
        return [request for found in self._index.get(authority, {}).values() for request in found.values()]

    def within(self, authority: ObjectRef, namespace: str) -> Collection[Request]:
        """Return the requests to an authority from one namespace, uncopied: they are counted in each pass."""
        return self._index.get(authority, {}).get(namespace, {}).values()

    def _list(self, request: Request | None) -> None:
        if request is not None:
            by_namespace = self._index[request.authority]
            by_namespace.setdefault(request.ref.namespace, {})[request.ref] = request

    def _unlist(self, request: Request | None) -> None:
        if request is not None:
            self._index.get(request.authority, {}).get(request.ref.namespace, {}).pop(request.ref, None)
