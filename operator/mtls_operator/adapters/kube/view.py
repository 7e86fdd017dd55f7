"""The View port: what is watched, held in memory.

The handlers feed it from watch events; `refresh` lists everything anew and replaces what is held,
before the first pass and at every resync, since a broken watch may have lost a deletion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mtls_operator.adapters.kube import paths, shapes
from mtls_operator.adapters.kube.endpoints import HeldEndpointSlices
from mtls_operator.adapters.kube.held import Held
from mtls_operator.adapters.kube.requests import HeldRequests
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import WATCH_LABEL, Key, Kind
from mtls_operator.core.published import Published, published_in, read_published
from mtls_operator.core.server_cert import referenced_secrets
from mtls_operator.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtls_operator.adapters.kube.api import Api
    from mtls_operator.adapters.kube.shapes import Body
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import Namespace, Node, Offer, Request, Service

_PAGE: Final = "500"
_FOLLOWED: Final = f"{WATCH_LABEL}=true"


class ClusterView:
    """Nodes, Services, Namespaces and our kinds, each reduced to what others need of it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.held_nodes = Held(paths.all_core("nodes"), shapes.read_node)
        self.held_services = Held(paths.all_core("services"), shapes.read_service)
        self.held_endpoints = HeldEndpointSlices()
        self.held_namespaces = Held(paths.all_core("namespaces"), shapes.read_namespace)
        self.held_listeners = Held(
            paths.all_of_ours(Kind.MUTUAL_TLS_LISTENER), _read_listener, referenced_secrets
        )
        self.held_requests = HeldRequests()
        self.held_offers = Held(
            paths.all_of_ours(Kind.CERTIFICATE_AUTHORITY), shapes.read_offer, _source_secrets
        )
        self.held_published = Held(paths.all_core("configmaps"), _read_published, selector=_FOLLOWED)

    def nodes(self) -> Collection[Node]:
        """Return every node."""
        return self.held_nodes.values()

    def services(self, namespace: str) -> Mapping[str, Service]:
        """Return the Services of a namespace by name."""
        found = (s for s in self.held_services.values() if s.ref.namespace == namespace)
        return {service.ref.name: self._with_endpoints(service) for service in found}

    def _with_endpoints(self, service: Service) -> Service:
        if service.local_nodes is None:
            return service
        return replace(service, local_nodes=self.held_endpoints.nodes_of(service.ref))

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace, None when it is not known."""
        return next((n for n in self.held_namespaces.values() if n.name == name), None)

    def listeners(self) -> Collection[MutualTLSListener]:
        """Return every MutualTLSListener whose manifest makes sense."""
        return self.held_listeners.values()

    def requests_to(self, authority: ObjectRef) -> Collection[Request]:
        """Return the ClientCerts of an authority."""
        return self.held_requests.to(authority)

    def requests_within(self, authority: ObjectRef, namespace: str) -> Collection[Request]:
        """Return the ClientCerts of an authority in one namespace."""
        return self.held_requests.within(authority, namespace)

    def users_of_secret(self, secret: ObjectRef) -> list[Key]:
        """Return the objects whose manifests refer to a Secret."""
        return [
            Key(kind, ref.namespace, ref.name)
            for kind, held in self._ours().items()
            for ref in held.referring_to(secret)
        ]

    def balancer_of(self, key: Key) -> str | None:
        """Return the load balancer that an object's passes change, None for one that changes none."""
        if key.kind is not Kind.MUTUAL_TLS_LISTENER:
            return None
        listener = self.held_listeners.get(key.ref)
        return listener.spec.load_balancer.id if listener is not None else None

    def published(self, authority: ObjectRef) -> Published | None:
        """Return what an authority publishes, None when it publishes nothing."""
        return self.held_published.get(published_in(authority))

    async def refresh(self) -> None:
        """List everything anew and replace what is held."""
        cluster = (self.held_nodes, self.held_services, self.held_endpoints, self.held_namespaces)
        for held in (*cluster, self.held_published, *self._ours().values()):
            held.replace(await self._list(held))

    def refs_of(self, kind: Kind) -> list[ObjectRef]:
        """Return where every object of a kind of ours is."""
        return self._ours()[kind].refs()

    def _ours(self) -> Mapping[Kind, Held[object]]:
        return {
            Kind.CERTIFICATE_AUTHORITY: self.held_offers,
            Kind.CLIENT_CERT: self.held_requests,
            Kind.MUTUAL_TLS_LISTENER: self.held_listeners,
        }

    async def _list(self, held: Held[object]) -> list[Body]:
        found: list[Body] = []
        selected = {"limit": _PAGE} | ({"labelSelector": held.selector} if held.selector else {})
        query = selected
        while True:
            page = await self._api.call("GET", held.path, query=query)
            items = page.get("items")
            found += [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
            metadata = page.get("metadata")
            token = metadata.get("continue") if isinstance(metadata, Mapping) else None
            if not token:
                return found
            query = selected | {"continue": str(token)}


def _source_secrets(offer: Offer) -> Iterable[ObjectRef]:
    return offer.source_secrets


def _read_published(body: Body) -> Published | None:
    return read_published(shapes.read_config_map(body))


def _read_listener(body: Body) -> MutualTLSListener | None:
    """A draft is nobody's listener: it is planned for itself, and nothing else depends on it."""
    try:
        listener = MutualTLSListener.parse(body)
    except SpecError:
        return None
    return None if listener.metadata.is_draft else listener
