"""Numbers about the listeners, for Prometheus to collect.

    GET /metrics

Implements the port `Gauges`. A series goes with its object, so there are as many as objects. Started
and stopped by `handlers.lifecycle`; the socket is opened by `main`, before anything else begins.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from mtls_operator.api.listener_status import VerificationResult

if TYPE_CHECKING:
    from socket import socket

    from mtls_operator.api.meta import ObjectRef

log = logging.getLogger(__name__)

_PATH: Final = "/metrics"
_IDLE_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 2.0


class Metrics:
    """Holds the numbers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._verification = Gauge(
            "mtls_listener_verification",
            "1 for what the trials of a listener's doors have shown last: Enforced, Open or Unknown.",
            ("namespace", "name", "result"),
            registry=self._registry,
        )

    def set_verification(self, listener: ObjectRef, result: VerificationResult) -> None:
        """Say what the trials of a listener's doors have shown last."""
        for one in VerificationResult:
            self._verification.labels(listener.namespace, listener.name, one.value).set(one is result)

    def forget_verification(self, listener: ObjectRef) -> None:
        """Say nothing any more of a listener that is gone, or is not tried."""
        for one in VerificationResult:
            with suppress(KeyError):
                self._verification.remove(listener.namespace, listener.name, one.value)

    def render(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        return generate_latest(self._registry)


class MetricsServer:
    """Answers GET /metrics."""

    def __init__(self, metrics: Metrics, listening: socket) -> None:
        """Take what to answer from, and a socket from `adapters.listening`, which `stop` closes."""
        self._metrics = metrics
        self._socket = listening
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Begin to answer."""
        server = web.Server(self._answer, access_log=None, keepalive_timeout=_IDLE_SECONDS)
        self._runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()
        log.info("metrics are served at %s port %d", *self._socket.getsockname()[:2])

    async def stop(self) -> None:
        """End, after the answers under way."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.rel_url.raw_path != _PATH:
            return web.Response(status=404, text=f"There is only {_PATH} here.\n")
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
