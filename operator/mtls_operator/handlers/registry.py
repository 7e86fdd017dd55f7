"""What kopf calls: watch events, start, end and probes. The only decorators of the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kopf

from mtls_operator.api.meta import GROUP, VERSION, Kind
from mtls_operator.handlers.login import in_pod
from mtls_operator.handlers.settings import configure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mtls_operator.handlers.lifecycle import Lifecycle
    from mtls_operator.handlers.watches import Watches

    OnEvent = Callable[[str | None, Mapping[str, object]], Awaitable[None]]


def build_registry(
    watches: Watches, lifecycle: Lifecycle, environment: Mapping[str, str]
) -> kopf.OperatorRegistry:
    """Return a registry of its own, so that tests can build several."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
        return in_pod(environment) or kopf.login_with_kubeconfig(settings=settings)

    @kopf.on.startup(registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: object) -> None:
        configure(settings)
        await lifecycle.start()

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: object) -> None:
        await lifecycle.stop()

    # Failing for good means until the next request: kopf would otherwise hold this one, and all
    # that follow, for the 60 seconds until it tries again.
    @kopf.on.probe(registry=registry, id="workers", errors=kopf.ErrorsMode.PERMANENT)
    def probe(**_: object) -> str:
        if not watches.are_running:
            raise kopf.PermanentError("no watch has delivered anything yet")
        return lifecycle.probe()

    ours: dict[Kind, OnEvent] = {
        Kind.CERTIFICATE_AUTHORITY: watches.authority,
        Kind.CLIENT_CERT: watches.client_cert,
        Kind.MUTUAL_TLS_LISTENER: watches.listener,
    }
    for kind, handle in ours.items():
        _on_event(registry, GROUP, VERSION, kind.plural, handle)
    core: dict[str, OnEvent] = {
        "secrets": watches.secret,
        "configmaps": watches.config_map,
        "nodes": watches.node,
        "services": watches.service,
        "namespaces": watches.namespace,
    }
    for plural, handle in core.items():
        _on_event(registry, "", "v1", plural, handle)
    _on_event(registry, "discovery.k8s.io", "v1", "endpointslices", watches.endpoint_slice)
    return registry


def _on_event(
    registry: kopf.OperatorRegistry, group: str, version: str, plural: str, handle: OnEvent
) -> None:
    @kopf.on.event(group, version, plural, registry=registry, id=f"watch-{plural}")
    async def seen(type: str | None, body: kopf.Body, **_: object) -> None:  # noqa: A002 - kopf's name
        await handle(type, body)
