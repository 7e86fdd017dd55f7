"""PEM text: its blocks, and the one form that the cloud's upload takes.

Pure. Called by `adapters.tencent` before an upload and before a comparison with what is uploaded, and
by the readers of `pki` that look at a block's kind.

The guide warns of the line break at the end of a copied certificate; equal certificates must also be
equal text, or the cloud's own duplicate detection misses them.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from mtls_operator.pki.error import PkiError

COLUMNS: Final = 64
_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>[A-Za-z0-9+/=\s]*)-----END (?P=label)-----"
)
_SEQUENCE_TAG: Final = 0x30


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a PEM text.

    Attributes:
        label: what it says to hold, such as CERTIFICATE.
        der: what it holds; of a private key, too.
    """

    label: str
    der: bytes = field(repr=False)


def read_blocks(text: str) -> tuple[Block, ...]:
    """Read the blocks of a PEM text in their order; explanatory text around them is passed over.

    Raises:
        PkiError: there is no block, or one that is cut off, mixed up or not base64 of DER.
    """
    blocks = tuple(
        Block(match["label"], _decode(match["label"], match["body"])) for match in _BLOCK.finditer(text)
    )
    if not blocks:
        raise PkiError(
            "the text holds no PEM block; it must begin with a line such as -----BEGIN CERTIFICATE-----"
        )
    if "-----" in _BLOCK.sub("", text):
        raise PkiError("the text holds a PEM block that is cut off or damaged; copy it again as a whole")
    return blocks


def normalise_pem(text: str) -> str:
    """Return the PEM blocks of a text, in order, as 64 columns with LF and none at the end, no blank line.

    Explanatory text around the blocks, such as `openssl x509 -text` writes, is dropped. Headers inside
    a block (an encrypted key of the old form) are not PEM certificates or keys that the cloud takes.

    Raises:
        PkiError: there is no block, or one that is cut off, mixed up or not base64 of DER.
    """
    return "\n".join(_render(block) for block in read_blocks(text))


def _render(block: Block) -> str:
    encoded = base64.b64encode(block.der).decode("ascii")
    lines = [encoded[start : start + COLUMNS] for start in range(0, len(encoded), COLUMNS)]
    return "\n".join([f"-----BEGIN {block.label}-----", *lines, f"-----END {block.label}-----"])


def _decode(label: str, body: str) -> bytes:
    """Decode a block's base64; the error quotes nothing of it, since it may be a private key."""
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise PkiError(f"a {label} block is not valid base64; copy it again as a whole") from None
    if not der or der[0] != _SEQUENCE_TAG:
        raise PkiError(f"a {label} block does not hold a DER structure; copy it again as a whole")
    return der
