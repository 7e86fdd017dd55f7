"""kopf's settings: its stored state ours, its watches finite, its events few.

kopf writes nothing for us: only `on.event`, startup, cleanup and probe handlers are registered.
"""

from __future__ import annotations

import logging
from typing import Final, cast

import kopf

from mtls_operator.api.meta import GROUP, WATCH_LABEL

_FOLLOWED: Final = f"{WATCH_LABEL}=true"


class NothingToCompare(kopf.DiffBaseStorage):
    """Keeps no last state, since nothing here is handled by what changed.

    kopf would else copy every object at every event, Secrets with their keys included, to compare it.
    """

    def build(
        self,
        *,
        body: kopf.Body,  # noqa: ARG002 - kopf's signature
        extra_fields: object = None,  # noqa: ARG002
    ) -> kopf.BodyEssence:
        """Return that there is nothing to compare."""
        return cast("kopf.BodyEssence", {})

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002
        """Return that nothing was ever kept."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keep nothing."""


def configure(settings: kopf.OperatorSettings) -> None:
    """Set what differs from kopf's defaults."""
    # kopf strips any finalizer that equals this setting, so it must not be the one that we use.
    settings.persistence.finalizer = f"{GROUP}/unused-by-kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.watching.server_timeout = 300
    # Later than the server's, so that the server closes the watch in good order.
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 30
    settings.watching.chunk_size = 500
    # Selected by the API server: the content of other Secrets never reaches the operator.
    settings.watching.label_selectors["", "v1", "secrets"] = _FOLLOWED
    settings.watching.label_selectors["", "v1", "configmaps"] = _FOLLOWED
    settings.networking.request_timeout = 30
    settings.posting.enabled = False
    settings.posting.level = logging.WARNING
    settings.scanning.disabled = True
    # Exclusivity comes from running one replica, not from kopf's peering.
    settings.peering.standalone = True
    # queueing.worker_limit stays unset: limited workers can dead-lock kopf at start (nolar/kopf#1243).
