"""The words and blocks of nginx's configuration language.

Pure. Used by the modules that write parts of the configuration; everything that comes from a request to
the API passes through `quoted` or `identifier`, so that no value can become a directive.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from clb_simulator.dataplane.model import DataPlaneError

# Half a surrogate pair is what JSON can say and UTF-8 cannot.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+\Z")


def quoted(value: str) -> str:
    """Return the value as one word, whatever is in it.

    Raises:
        DataPlaneError: if it holds control characters or half a surrogate pair, which no URL or name has.
    """
    if _UNWRITABLE.search(value):
        raise DataPlaneError(f"{value!r} has control characters; send it without them.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def identifier(value: str) -> str:
    """Return an id that is safe as part of a name of nginx.

    Raises:
        DataPlaneError: if it has other characters than letters, digits, - and _.
    """
    if not _IDENTIFIER.match(value):
        raise DataPlaneError(f"{value!r} is no id: only letters, digits, - and _ are.")
    return value


def block(head: str, lines: Iterable[str]) -> list[str]:
    """Return the lines of a block, those inside it indented."""
    return [f"{head} {{", *(f"    {line}" for line in lines), "}"]


@lru_cache(maxsize=65536)
def endpoint(address: str, port: int) -> str:
    """Return address:port, an IPv6 address in brackets.

    Raises:
        DataPlaneError: if the address is not made of the characters of one.
    """
    if not re.fullmatch(r"[0-9A-Fa-f.:]+", address):
        raise DataPlaneError(f"{address!r} is no IP address.")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
