"""Objects of one resource in memory, each in the newest version that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from mtls_operator.adapters.kube import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mtls_operator.adapters.kube.shapes import Body
    from mtls_operator.api.meta import ObjectRef

T_co = TypeVar("T_co", covariant=True)


class Held(Generic[T_co]):
    """Objects of one resource with the version that each was seen in."""

    def __init__(self, path: str, read: Callable[[Body], T_co | None]) -> None:
        self.path = path
        self._read = read
        self._objects: dict[ObjectRef, tuple[int, T_co]] = {}

    def values(self) -> list[T_co]:
        """Return the objects."""
        return [value for _, value in self._objects.values()]

    def refs(self) -> list[ObjectRef]:
        """Return where the objects are."""
        return list(self._objects)

    def get(self, ref: ObjectRef) -> T_co | None:
        """Return an object, None when it is not held."""
        held = self._objects.get(ref)
        return held[1] if held else None

    def put(self, body: Body) -> None:
        """Take an object up, unless a newer version of it is held."""
        ref, version = shapes.ref_of(body), shapes.version_of(body)
        held = self._objects.get(ref)
        if held is not None and held[0] > version:
            return
        value = self._read(body)
        if value is None:
            self._objects.pop(ref, None)
        else:
            self._objects[ref] = (version, value)

    def drop(self, body: Body) -> None:
        """Forget an object that was deleted."""
        self._objects.pop(shapes.ref_of(body), None)

    def replace(self, bodies: Collection[Body]) -> None:
        """Hold exactly these objects."""
        self._objects = {}
        for body in bodies:
            self.put(body)
