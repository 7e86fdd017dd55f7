"""Objects of one resource in memory, each in the newest version that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from mtls_operator.adapters.kube import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from mtls_operator.adapters.kube.shapes import Body
    from mtls_operator.api.meta import ObjectRef

T_co = TypeVar("T_co", covariant=True)


def _no_secrets(value: object) -> Iterable[ObjectRef]:
    del value
    return ()


class Held(Generic[T_co]):
    """Objects of one resource with the version that each was seen in, and the Secrets that they refer to."""

    def __init__(
        self,
        path: str,
        read: Callable[[Body], T_co | None],
        secrets: Callable[[T_co], Iterable[ObjectRef]] = _no_secrets,
        *,
        selector: str = "",
    ) -> None:
        """Take what to hold.

        Args:
            path: lists the resource.
            read: reduces an object; None for one that is not to be held.
            secrets: tells which Secrets an object refers to.
            selector: by which labels the resource is listed.
        """
        self.path = path
        self.selector = selector
        self._read = read
        self._secrets = secrets
        self._objects: dict[ObjectRef, tuple[int, T_co]] = {}
        self._referring: dict[ObjectRef, set[ObjectRef]] = {}

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
            self.drop(body)
            return
        self._forget_secrets(ref)
        self._objects[ref] = (version, value)
        for secret in self._secrets(value):
            self._referring.setdefault(secret, set()).add(ref)

    def drop(self, body: Body) -> None:
        """Forget an object that was deleted."""
        ref = shapes.ref_of(body)
        self._forget_secrets(ref)
        self._objects.pop(ref, None)

    def _forget_secrets(self, ref: ObjectRef) -> None:
        held = self._objects.get(ref)
        for secret in self._secrets(held[1]) if held is not None else ():
            self._referring[secret].discard(ref)
            if not self._referring[secret]:
                del self._referring[secret]

    def referring_to(self, secret: ObjectRef) -> list[ObjectRef]:
        """Return the objects that refer to a Secret; costs the same however many others there are."""
        return sorted(self._referring.get(secret, ()))

    def replace(self, bodies: Collection[Body]) -> None:
        """Hold exactly these objects."""
        self._objects, self._referring = {}, {}
        for body in bodies:
            self.put(body)
