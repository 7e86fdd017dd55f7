"""PEM text in the one form that the cloud's upload takes.

Pure. Called by `adapters.tencent` before an upload and before a comparison with what is uploaded.

The guide warns of the line break at the end of a copied certificate; equal certificates must also be
equal text, or the cloud's own duplicate detection misses them.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from mtls_operator.pki.error import PkiError

COLUMNS: Final = 64
_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>[A-Za-z0-9+/=\s]*)-----END (?P=label)-----"
)
_SEQUENCE_TAG: Final = 0x30


def normalise_pem(text: str) -> str:
    """Return the PEM blocks of a text, in order, as 64 columns with LF and none at the end, no blank line.

    Explanatory text around the blocks, such as `openssl x509 -text` writes, is dropped. Headers inside
    a block (an encrypted key of the old form) are not PEM certificates or keys that the cloud takes.

    Raises:
        PkiError: there is no block, or one that is cut off, mixed up or not base64 of DER.
    """
    blocks = [_render(match["label"], match["body"]) for match in _BLOCK.finditer(text)]
    if not blocks:
        raise PkiError(
            "the text holds no PEM block; it must begin with a line such as -----BEGIN CERTIFICATE-----"
        )
    if "-----" in _BLOCK.sub("", text):
        raise PkiError("the text holds a PEM block that is cut off or damaged; copy it again as a whole")
    return "\n".join(blocks)


def _render(label: str, body: str) -> str:
    encoded = base64.b64encode(_decode(label, body)).decode("ascii")
    lines = [encoded[start : start + COLUMNS] for start in range(0, len(encoded), COLUMNS)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


def _decode(label: str, body: str) -> bytes:
    """Decode a block's base64; the error quotes nothing of it, since it may be a private key."""
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise PkiError(f"a {label} block is not valid base64; copy it again as a whole") from None
    if not der or der[0] != _SEQUENCE_TAG:
        raise PkiError(f"a {label} block does not hold a DER structure; copy it again as a whole")
    return der
