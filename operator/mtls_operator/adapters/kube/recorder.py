"""The Recorder port: Kubernetes events, one for each transition and not one for each retry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mtls_operator import errors
from mtls_operator.adapters.kube import paths
from mtls_operator.api.meta import API_VERSION

if TYPE_CHECKING:
    from mtls_operator.adapters.kube.api import Api
    from mtls_operator.api.model import Json
    from mtls_operator.api.resource import Resource
    from mtls_operator.ports import Clock

log = logging.getLogger(__name__)

CONTROLLER: Final = "clb-operator.dev/mtls"
_LONGEST_NOTE: Final = 1024


class EventRecorder:
    """Writes events; a lost event is logged and never fails a pass."""

    def __init__(self, api: Api, clock: Clock, instance: str) -> None:
        self._api = api
        self._clock = clock
        self._instance = instance

    async def normal(self, resource: Resource, reason: str, message: str) -> None:
        """Record that something expected happened."""
        await self._record(resource, "Normal", reason, message)

    async def warning(self, resource: Resource, reason: str, message: str) -> None:
        """Record that somebody should look."""
        await self._record(resource, "Warning", reason, message)

    async def _record(self, resource: Resource, type_: str, reason: str, message: str) -> None:
        try:
            path = paths.events(resource.metadata.namespace)
            await self._api.call("POST", path, body=self._event(resource, type_, reason, message))
        except errors.KubeError as error:
            log.warning("event %s for %s was not recorded: %s", reason, resource.key, error)

    def _event(self, resource: Resource, type_: str, reason: str, message: str) -> Json:
        metadata = resource.metadata
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata.name}-", "namespace": metadata.namespace},
            "eventTime": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": type_,
            "reason": reason,
            "note": message[:_LONGEST_NOTE],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": resource.kind.value,
                "namespace": metadata.namespace,
                "name": metadata.name,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
        }
