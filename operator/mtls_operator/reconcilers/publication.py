"""What an authority publishes: the roots to trust, in a ConfigMap that everybody may read.

Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtls_operator.core.authority import CA_CRT
from mtls_operator.pki.inspect import chain_to_pem

if TYPE_CHECKING:
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.ports import Kube
    from mtls_operator.reconcilers.roots import Ground


class Publication:
    """Keeps the ConfigMap of each authority right."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def publish(self, authority: CertificateAuthority, ground: Ground) -> Ground:
        """Write the ConfigMap where it differs from what should be in it."""
        del authority
        data = {**ground.config_map.data, CA_CRT: chain_to_pem(ground.lineage.roots()).decode()}
        if data == ground.config_map.data:
            return ground
        written = await self._kube.update_config_map(replace(ground.config_map, data=data))
        return replace(ground, config_map=written)
