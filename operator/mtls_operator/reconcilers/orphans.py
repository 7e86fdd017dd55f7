"""Collect uploads that no object will take out: what a crash or a deletion by force has left behind.

Only what no listener wants and no authority has left on purpose, what no load balancer in any region
served uses, and what has been seen so for a while: somebody may be about to bind it. The clocks are in
memory, so after a restart an orphan stays a little longer. Called after each resync's list of the cluster.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.core.inventory import is_orphan
from mtls_operator.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from mtls_operator.core.cloud import CertId, CloudCertificate
    from mtls_operator.ports import CertificateStore, Clock, View
    from mtls_operator.reconcilers.inventory import Inventory

log = logging.getLogger(__name__)


class OrphanCollector:
    """Looks for orphaned uploads and deletes them after a grace."""

    def __init__(
        self, view: View, store: CertificateStore, inventory: Inventory, clock: Clock, *, grace: timedelta
    ) -> None:
        """Take the ports, and for how long an upload has to be seen orphaned."""
        self._view = view
        self._store = store
        self._inventory = inventory
        self._clock = clock
        self._grace = grace
        self._since: dict[CertId, datetime] = {}

    async def sweep(self) -> None:
        """Look once. Never raises what the operator expects: the next resync looks again."""
        if not self._inventory.knows_all_claims():
            return
        try:
            found = [upload for upload in await self._orphans() if not await self._store.users(upload.id)]
            now = self._clock.now()
            self._since = {upload.id: self._since.get(upload.id, now) for upload in found}
            for upload in found:
                if now - self._since[upload.id] >= self._grace:
                    await self._collect(upload)
        except OperatorError as error:
            log.warning("certificates that nobody needs could not be looked for: %s", error)

    async def _orphans(self) -> list[CloudCertificate]:
        uploads, claimed = await self._store.inventory(), self._inventory.claimed()
        authorities = self._authorities(uploads)
        return [u for u in uploads if is_orphan(u, uploads, claimed=claimed, authorities=authorities)]

    def _authorities(self, uploads: Iterable[CloudCertificate]) -> frozenset[ObjectRef]:
        """Return the authorities that exist, and those whose roots are still published without them.

        The latter were deleted with `deletionPolicy: Retain`, which leaves key, roots and upload.
        """
        owners = {ObjectRef(upload.owner.namespace, upload.owner.name) for upload in uploads}
        retained = {ref for ref in owners if self._view.published(ref) is not None}
        return frozenset(self._view.refs_of(Kind.CERTIFICATE_AUTHORITY)) | retained

    async def _collect(self, upload: CloudCertificate) -> None:
        kept = await self._inventory.delete(upload.id)
        del self._since[upload.id]
        if kept is not None:
            log.warning("%s, and nothing in this cluster needs it", kept)
            return
        owner = upload.owner
        log.info(
            "deleted certificate %s, uploaded for %s/%s: nothing needs it",
            upload.id,
            owner.namespace,
            owner.name,
        )
