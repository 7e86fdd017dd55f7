"""From watch events to keys: every handler updates the view and wakes what depends on the object.

Nothing is decided here. An event about a status that we wrote ourselves wakes nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.adapters.kube import shapes
from mtls_operator.api.meta import OWNER_KIND_LABEL, Key, Kind, ObjectRef
from mtls_operator.core.approval import approving_authority
from mtls_operator.core.backends import services_of
from mtls_operator.core.lanes import Lane
from mtls_operator.core.nodes import concerns
from mtls_operator.core.ownership import OWNER_ANNOTATION
from mtls_operator.core.server_cert import authorities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mtls_operator.adapters.kube.echoes import Echoes
    from mtls_operator.adapters.kube.held import Held
    from mtls_operator.adapters.kube.view import ClusterView
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.reconcilers.queue import KeyedQueue

DELETED: Final = "DELETED"
WINDOW_SECONDS: Final = 2.0
"""Changes of nodes and endpoints within this time lead to one pass for each listener."""


class Watches:
    """Feeds the view and the queue."""

    def __init__(self, view: ClusterView, queue: KeyedQueue[Key], echoes: Echoes) -> None:
        self._view = view
        self._queue = queue
        self._echoes = echoes
        self._seen: dict[Key, object] = {}
        self.are_running = False
        """Whether kopf's watches deliver: every cluster has a namespace, so its event always comes."""

    async def authority(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the authority, and what it signs or admits when what others use of it changed."""
        await self._own(Kind.CERTIFICATE_AUTHORITY, event, body)
        if _take(self._view.held_offers, event, body):
            await self._dependants_of(shapes.ref_of(body))

    async def client_cert(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the client certificate."""
        _take(self._view.held_requests, event, body)
        await self._own(Kind.CLIENT_CERT, event, body)

    async def listener(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the listener, and the authorities that it needs in the cloud or needs no longer."""
        before = self._view.held_listeners.get(shapes.ref_of(body))
        _take(self._view.held_listeners, event, body)
        after = self._view.held_listeners.get(shapes.ref_of(body))
        await self._own(Kind.MUTUAL_TLS_LISTENER, event, body)
        for ref in _needs(before) ^ _needs(after):
            await self._wake(Kind.CERTIFICATE_AUTHORITY, ref)

    async def _own(self, kind: Kind, event: str | None, body: Mapping[str, object]) -> None:
        ref = shapes.ref_of(body)
        key = Key(kind, ref.namespace, ref.name)
        interest = None if event == DELETED else shapes.interest_of(body)
        if interest is not None and self._seen.get(key) == interest:
            return
        if interest is None:
            self._seen.pop(key, None)
        else:
            self._seen[key] = interest
        await self._queue.add(key, lane=_lane_of(event, body))

    async def secret(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the owner of a Secret that we made, and whoever refers to it; nothing of it is kept."""
        await self._owner_of(event, body)
        for key in self._view.users_of_secret(shapes.ref_of(body)):
            await self._queue.add(key)

    async def config_map(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the owner of a ConfigMap that we made; approvals wake those who may have waited for them."""
        _take(self._view.held_published, event, body)
        await self._owner_of(event, body)
        authority = approving_authority(shapes.ref_of(body))
        if authority is not None:
            for request in self._view.requests_to(authority):
                await self._wake(Kind.CLIENT_CERT, request.ref)

    async def _owner_of(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the owner of what we made, unless the event shows what its own pass has just written."""
        uid, version = shapes.uid_of(body), str(shapes.version_of(body))
        if event == DELETED:
            self._echoes.forget(uid)
        elif self._echoes.is_one(uid, version):
            return
        ref, owner = shapes.ref_of(body), shapes.owner_of(body)
        name = owner.name if owner is not None else shapes.annotations_of(body).get(OWNER_ANNOTATION, "")
        kind = shapes.labels_of(body).get(OWNER_KIND_LABEL, "")
        if name and kind in set(Kind):
            # A list, at the start above all, tells of every one of them and of nothing that has changed.
            lane = Lane.RESYNC if event is None else Lane.CONSEQUENCE
            await self._queue.add(Key(Kind(kind), ref.namespace, name), lane=lane)

    async def node(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the listeners that a node serves, or may serve now or no more."""
        held, ref = self._view.held_nodes, shapes.ref_of(body)
        before = held.get(ref)
        if not _take(held, event, body):
            return
        after = held.get(ref)
        for listener in self._view.listeners():
            if concerns(listener.spec.node_selector, before, after):
                await self._wake(Kind.MUTUAL_TLS_LISTENER, listener.ref, WINDOW_SECONDS)

    async def service(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the listeners that use the Service."""
        if _take(self._view.held_services, event, body):
            for listener in self._users_of_service(shapes.ref_of(body)):
                await self._wake(Kind.MUTUAL_TLS_LISTENER, listener.ref)

    async def endpoint_slice(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake the listeners that use a Service with policy Local, when other nodes have endpoints of it."""
        held, ref = self._view.held_endpoints, shapes.ref_of(body)
        before = held.get(ref)
        if not _take(held, event, body):
            return
        for known in {part.service for part in (before, held.get(ref)) if part is not None}:
            service = self._view.held_services.get(known)
            if service is not None and service.local_nodes is not None:
                for listener in self._users_of_service(known):
                    await self._wake(Kind.MUTUAL_TLS_LISTENER, listener.ref, WINDOW_SECONDS)

    def _users_of_service(self, service: ObjectRef) -> list[MutualTLSListener]:
        return [
            listener
            for listener in self._view.listeners()
            if listener.metadata.namespace == service.namespace and service.name in services_of(listener)
        ]

    async def namespace(self, event: str | None, body: Mapping[str, object]) -> None:
        """Wake what lives in a namespace whose labels changed: access may come or go with them."""
        self.are_running = True
        if not _take(self._view.held_namespaces, event, body):
            return
        name = shapes.ref_of(body).name
        for listener in self._view.listeners():
            if listener.metadata.namespace == name:
                await self._wake(Kind.MUTUAL_TLS_LISTENER, listener.ref)
        for request in self._view.held_requests.refs():
            if request.namespace == name:
                await self._wake(Kind.CLIENT_CERT, request)

    async def _dependants_of(self, authority: ObjectRef) -> None:
        for listener in self._view.listeners():
            if authority in authorities(listener):
                await self._wake(Kind.MUTUAL_TLS_LISTENER, listener.ref)
        for request in self._view.requests_to(authority):
            await self._wake(Kind.CLIENT_CERT, request.ref)

    async def _wake(self, kind: Kind, ref: ObjectRef, delay: float = 0.0) -> None:
        await self._queue.add(Key(kind, ref.namespace, ref.name), delay)


def _take(held: Held[object], event: str | None, body: Mapping[str, object]) -> bool:
    """Update what is held; tell whether it changed."""
    ref = shapes.ref_of(body)
    before = held.get(ref)
    update: Callable[[Mapping[str, object]], None] = held.drop if event == DELETED else held.put
    update(body)
    return held.get(ref) != before


def _lane_of(event: str | None, body: Mapping[str, object]) -> Lane:
    """Return how urgent an event about an object itself is; a list tells of what nobody has touched, too."""
    listed = event is None
    return Lane.RESYNC if listed and shapes.is_settled(body) else Lane.CHANGE


def _needs(listener: MutualTLSListener | None) -> frozenset[ObjectRef]:
    return authorities(listener) if listener is not None else frozenset()
