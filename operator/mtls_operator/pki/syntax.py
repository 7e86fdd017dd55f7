"""The syntax of the names that a certificate may carry.

Pure. Called by `pki.names` only: each `canonical_…` returns the one form in which a value is held,
or refuses it with a sentence that names the value.

Strict on purpose: what two programs could read as two different names (a trailing dot, a NUL, a
look-alike outside ASCII) is how one tenant becomes another.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mtls_operator.pki.error import PkiError

MAX_DNS_NAME: Final = 251  # of 253, so that `*.` always fits
MAX_EMAIL: Final = 254
MAX_LOCAL_PART: Final = 64
MAX_URI: Final = 2048
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(%[0-9A-Fa-f]{2}|[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-])+")


def check_text(field: str, value: str, limit: int) -> None:
    """Refuse an attribute value that is empty, longer than `limit` bytes of UTF-8, or not plain to see."""
    if not value or value != value.strip():
        raise PkiError(f"{field}: {value!r} is empty or begins or ends with white space")
    hidden = next((character for character in value if _is_hidden(character)), None)
    if hidden is not None:
        raise PkiError(f"{field}: {value!r} holds U+{ord(hidden):04X}, a control or invisible character")
    size = len(value.encode())
    if size > limit:
        raise PkiError(
            f"{field}: {value!r} takes {size} bytes in UTF-8; at most {limit} fit into a certificate"
        )


def _is_hidden(character: str) -> bool:
    """Control, format, surrogate, private and unassigned characters, and every space but the plain one."""
    return character != " " and unicodedata.category(character)[0] in "CZ"


def canonical_dns_name(value: str) -> str:
    """Return a DNS name in lower case; `*` may be the whole first label, before two or more others.

    Raises:
        PkiError: it is no host name in A-label (`xn--`) form.
    """
    wildcard = value.startswith("*.")
    host = canonical_host(value.removeprefix("*."))
    if not wildcard:
        return host
    if "." not in host:
        raise PkiError(f"DNS name {value!r} is not valid: a wildcard needs at least two labels after it")
    return f"*.{host}"


def canonical_host(value: str) -> str:
    """Return the name of one host in lower case.

    Raises:
        PkiError: it is no host name in A-label (`xn--`) form.
    """
    host = value.lower() if value.isascii() else value
    labels = host.split(".")
    if len(host) > MAX_DNS_NAME or not all(_is_label(label) for label in labels):
        raise PkiError(
            f"DNS name {value!r} is not valid: labels of letters, digits and hyphens, international ones "
            f"in their xn-- form, no dot at the end, {MAX_DNS_NAME} characters at most, `*` only at the front"
        )
    if labels[-1].isdigit():
        raise PkiError(f"DNS name {value!r} is not valid: it looks like an IP address; use ipAddresses")
    return host


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    return label[2:4] != "--" or _is_a_label(label)


def _is_a_label(label: str) -> bool:
    """Whether a label with hyphens in the third and fourth place is Punycode of something not ASCII."""
    if not label.startswith("xn--"):
        return False
    try:
        text = label[4:].encode("ascii").decode("punycode")
        return not text.isascii() and text.encode("punycode").decode("ascii") == label[4:]
    except UnicodeError:
        return False


def canonical_email(value: str) -> str:
    """Return an address with its domain in lower case.

    Raises:
        PkiError: it is not one `local@domain` of ASCII characters.
    """
    local, _, domain = value.rpartition("@")
    if (
        not _LOCAL_PART.fullmatch(local)
        or len(local) > MAX_LOCAL_PART
        or len(value) > MAX_EMAIL
        or "*" in domain
    ):
        raise PkiError(f"email address {value!r} is not valid: one address of the form name@host in ASCII")
    return f"{local}@{canonical_host(domain)}"


def canonical_uri(value: str) -> str:
    """Return an absolute URI as it is.

    Raises:
        PkiError: it is relative, not in ASCII (escape with %), too long, or has an authority without a host.
    """
    if len(value) > MAX_URI or not _URI.fullmatch(value):
        raise PkiError(
            f"URI {value!r} is not valid: absolute, in ASCII with the rest escaped as %XX, "
            f"{MAX_URI} characters at most"
        )
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise PkiError(f"URI {value!r} is not valid: its host or port cannot be read") from None
    if value.partition(":")[2].startswith("//") and not host:
        raise PkiError(f"URI {value!r} is not valid: RFC 5280 wants a host after the //")
    if host and not _is_address(host):
        canonical_host(host)
    return value


def canonical_ip(value: str) -> str:
    """Return an IPv4 or IPv6 address in its compressed form, without a zone.

    Raises:
        PkiError: it is no single address.
    """
    if not _is_address(value):
        raise PkiError(f"IP address {value!r} is not valid: one IPv4 or IPv6 address, no range and no zone")
    return str(ip_address(value))


def _is_address(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return "%" not in value
