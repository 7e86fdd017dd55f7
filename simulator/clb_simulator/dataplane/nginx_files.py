"""The certificate and key files that a configuration refers to.

Pure: it collects names and contents; `nginx_directory` writes them. A file's name is the digest of its
content, so that the files of two generations stand side by side until the newer is live.
"""

import hashlib
from dataclasses import dataclass, field

from clb_simulator.dataplane.model import KeyPair

FOLDER = "tls"


@dataclass(slots=True)
class TlsFiles:
    """Files to write before nginx reads the configuration; contents are not in the repr."""

    contents: dict[str, str] = field(default_factory=dict, repr=False)

    def add_pair(self, pair: KeyPair) -> tuple[str, str]:
        """Return the paths of the chain and of the key, relative to the configuration's folder."""
        name = _digest(pair.chain_pem + pair.key_pem)
        return self._add(f"{name}.crt", pair.chain_pem), self._add(f"{name}.key", pair.key_pem)

    def add_authority(self, ca_pem: str) -> str:
        """Return the path of a bundle of client CA certificates."""
        return self._add(f"{_digest(ca_pem)}.ca", ca_pem)

    def _add(self, name: str, content: str) -> str:
        self.contents[name] = content
        return f"{FOLDER}/{name}"


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:24]
