"""The header of the PROXY protocol, version 2, that precedes a decrypted connection to nginx.

Pure. Called by `TlsTerminator`. Source: the PROXY protocol's specification, sections 2.2 and 2.2.2.
"""

import ipaddress
import struct

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PROXY, _TCP4, _TCP6 = 0x21, 0x11, 0x21
_AUTHORITY = 0x02


def proxy_header(client: tuple[str, int], server: tuple[str, int], authority: str) -> bytes:
    """Return the header.

    Args:
        client: address and port that the connection comes from.
        server: address and port that it was made to.
        authority: what nginx reads as `$proxy_protocol_tlv_authority`.
    """
    addresses = [ipaddress.ip_address(address) for address, _ in (client, server)]
    family = _TCP4 if addresses[0].version == 4 else _TCP6  # noqa: PLR2004 - the version of IP
    value = authority.encode()
    body = b"".join(address.packed for address in addresses)
    body += struct.pack(">HH", client[1], server[1])
    body += struct.pack(">BH", _AUTHORITY, len(value)) + value
    return _SIGNATURE + struct.pack(">BBH", _PROXY, family, len(body)) + body
