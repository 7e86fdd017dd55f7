"""EndpointSlices, held with an index: on which nodes a Service has endpoints.

Without the index every pass would look at every slice of the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.adapters.kube import paths, shapes
from mtls_operator.adapters.kube.held import Held
from mtls_operator.core.cluster import EndpointSlice

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.adapters.kube.shapes import Body
    from mtls_operator.api.meta import ObjectRef


class HeldEndpointSlices(Held[EndpointSlice]):
    """Every EndpointSlice, by Service."""

    def __init__(self) -> None:
        super().__init__(paths.all_endpoint_slices(), shapes.read_endpoint_slice)
        self._index: dict[ObjectRef, dict[ObjectRef, EndpointSlice]] = {}

    def put(self, body: Body) -> None:
        """Take an object up, unless a newer version of it is held."""
        ref = shapes.ref_of(body)
        self._unlist(ref)
        super().put(body)
        found = self.get(ref)
        if found is not None:
            self._index.setdefault(found.service, {})[ref] = found

    def drop(self, body: Body) -> None:
        """Forget an object that was deleted."""
        self._unlist(shapes.ref_of(body))
        super().drop(body)

    def replace(self, bodies: Collection[Body]) -> None:
        """Hold exactly these objects."""
        self._index.clear()
        super().replace(bodies)

    def nodes_of(self, service: ObjectRef) -> frozenset[str]:
        """Return the names of the nodes with a ready endpoint of a Service."""
        slices = self._index.get(service, {}).values()
        return frozenset[str]().union(*(part.nodes for part in slices))

    def _unlist(self, ref: ObjectRef) -> None:
        held = self.get(ref)
        if held is None:
            return
        slices = self._index.get(held.service, {})
        slices.pop(ref, None)
        if not slices:
            self._index.pop(held.service, None)
