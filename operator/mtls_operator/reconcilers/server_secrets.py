"""Remove the Secrets of server certificates that a listener's manifest does not ask for any more.

Called by the MutualTLSListener reconciler when the certificates in them are no longer shown. They would
go with the listener anyway; until then each is a private key that nobody needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.conditions import PROGRAMMED
from mtls_operator.core.ownership import owned_labels
from mtls_operator.core.server_cert import surplus_secrets

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.ports import Kube


class ServerSecrets:
    """Removes what is left over."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def prune(self, resource: MutualTLSListener) -> None:
        """Delete the listener's own Secrets without a slot; looks for them after each change of the spec.

        Raises:
            KubeError: the API server refused or could not be asked; the next pass tries again.
        """
        programmed = resource.status.condition(PROGRAMMED)
        if programmed is not None and programmed.observed_generation == resource.metadata.generation:
            return
        found = await self._kube.list_secrets(resource.metadata.namespace, owned_labels(resource))
        for secret in surplus_secrets(resource, found):
            await self._kube.delete_secret(secret)
