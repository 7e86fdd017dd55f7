"""Step 7 of the guide: a client's files, taken from its Secret.

Reads through kubectl, writes files that only the owner can read. Used by `demo`, `up` and the last act
of the demo, whose clients follow their Secrets.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtls_devcluster.cluster import Kubectl

_FILES: Final = {
    "client.crt": "tls.crt",
    "client.key": "tls.key",
    "ca.crt": "ca.crt",
    "client.p12": "client.p12",
}


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """A folder with client.crt, client.key, ca.crt and client.p12, as the guide names them."""

    folder: Path


def read_secret(kubectl: Kubectl, *, namespace: str, name: str) -> dict[str, bytes]:
    """Return what a Secret holds.

    Raises:
        KubectlError: There is no such Secret.
    """
    answer = kubectl("get", "secret", name, "--namespace", namespace, "-o", "json")
    return {member: base64.b64decode(value) for member, value in json.loads(answer)["data"].items()}


def export_client(kubectl: Kubectl, *, namespace: str, secret: str, folder: Path) -> ClientFiles:
    """Write the files of a ClientCert's Secret into a folder of their own.

    Raises:
        KubectlError: There is no such Secret.
    """
    data = read_secret(kubectl, namespace=namespace, name=secret)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, key in _FILES.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(data[key])
    return ClientFiles(folder)
