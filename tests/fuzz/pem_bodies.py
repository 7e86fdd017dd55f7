"""Certificate texts that are wrong in every way that was thought of.

Pure. Used by the fuzzer, which sends them wherever a PEM belongs, and by a test of its own.
"""

import base64

from cryptography.hazmat.primitives.serialization import Encoding
from simulator.pki import issue_authority, issue_leaf

MEGABYTE = 1024 * 1024


def pem_bodies() -> dict[str, str]:
    """Return the texts by what is the matter with them; `key` and `leaf` are good and belong together."""
    root, other = issue_authority("Fuzz Root"), issue_authority("Other Root")
    leaf, stranger = issue_leaf(root, "a.example.com"), issue_leaf(other, "b.example.com")
    der = leaf.certificate.public_bytes(Encoding.DER)
    middle = len(leaf.pem) // 2
    return {
        "leaf": leaf.pem,
        "key": leaf.key_pem,
        "root": root.pem,
        "chain": f"{leaf.pem}\n{root.pem}",
        "several unrelated": f"{leaf.pem}\n{stranger.pem}\n{other.pem}",
        "wrong order": f"{root.pem}\n{leaf.pem}",
        "wrong key": stranger.key_pem,
        "key first": f"{leaf.key_pem}\n{leaf.pem}",
        "twice": f"{leaf.pem}\n{leaf.pem}",
        "truncated": leaf.pem[:middle],
        "truncated at the end": leaf.pem[:-10],
        "without line breaks": leaf.pem.replace("\n", ""),
        "with carriage returns": leaf.pem.replace("\n", "\r\n"),
        "surrounded by newlines": f"\n\n{leaf.pem}\n\n",
        "one letter changed": leaf.pem[:middle] + "A" + leaf.pem[middle + 1 :],
        "with text before it": f"subject=/CN=a\n{leaf.pem}",
        "DER as base64": base64.b64encode(der).decode(),
        "DER as text": der.decode("latin-1"),
        "empty block": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "not base64": "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----",
        "empty": "",
        "truncated key": leaf.key_pem[: len(leaf.key_pem) // 2],
        "encrypted key's head": leaf.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        "1 MB of text": "x" * MEGABYTE,
        "1 MB of certificates": "\n".join([leaf.pem] * (MEGABYTE // len(leaf.pem) + 1)),
        "1 MB in one block": f"-----BEGIN CERTIFICATE-----\n{'A' * MEGABYTE}\n-----END CERTIFICATE-----",
        "NUL": "\x00" * 100,
    }
