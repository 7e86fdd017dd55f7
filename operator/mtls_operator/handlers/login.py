"""How kopf finds the cluster: as the operator's own client does, so that both see the same one.

kopf's own login in a pod asks the name server for `kubernetes.default.svc`; the address that
Kubernetes gives every pod needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import kopf

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_pod(environment: Mapping[str, str], account: Path = ACCOUNT) -> kopf.ConnectionInfo | None:
    """Return the pod's ServiceAccount, None outside a pod.

    The token is read anew at each login: Kubernetes renews it.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    token = account / "token"
    if not host or not port or not token.exists():
        return None
    address = f"[{host}]" if ":" in host else host
    return kopf.ConnectionInfo(
        server=f"https://{address}:{port}", ca_path=str(account / "ca.crt"), token=token.read_text().strip()
    )
