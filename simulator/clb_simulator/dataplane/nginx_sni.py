"""Host and SNI tied together: the maps and conditions that decide who is admitted to a domain.

Pure. Called by `nginx_server`. A request has two names, and both are matched by nginx's own rules for
server names: the Host chooses the server block, and a map over the SNI tells whose certificate and CA
the connection was made with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from clb_simulator.dataplane.nginx_syntax import block, quoted
from clb_simulator.dataplane.switches import Switches
from clb_simulator.dataplane.tls_door import ANY

_RESERVED = frozenset({"default", "hostnames", "include", "volatile"})


@dataclass(frozen=True, slots=True)
class NamedDomain:
    """The names of one domain and whether it verifies clients: on, optional or off."""

    names: tuple[str, ...]
    verify: str


def sni_maps(
    domains: Sequence[NamedDomain], default: int, number: int, *, own_certificates: bool, switches: Switches
) -> list[str]:
    """Return the variables of listener `number` that `admission` reads.

    Args:
        domains: the domains, in the order of their indices.
        default: the index of the default domain.
        number: the listener's number.
        own_certificates: whether the domains have certificates of their own (SNI on).
        switches: what is not known about CLB.
    """
    fallback = f"d{default}"
    # With one certificate for all, a client without SNI was admitted to every domain.
    unnamed = fallback if own_certificates else ANY
    names = [f"{_key(name)} d{index};" for index, domain in enumerate(domains) for name in domain.names]
    lines = ["hostnames;", f"default {fallback};", f'"" {unnamed};', *names]
    maps = block(f"map $ssl_server_name $sni_{number}", lines)
    if switches.foreign_host == "route":
        maps += _refusals([domain.verify for domain in domains], default, number)
    return maps


def admission(index: int, number: int, switches: Switches) -> list[str]:
    """Return the conditions at the top of the server block of one domain."""
    if switches.foreign_host == "421":
        return block(f'if ($sni_{number} !~ "^({ANY}|d{index})$")', ["return 421;"])
    # 495 and 496 are nginx's names for its two pages of status 400.
    missing = block(f"if ($refused_{number} = 496)", ["return 496;"])
    return [*missing, *block(f"if ($refused_{number} = 495)", ["return 495;"])]


def marked_admission(mark: str, switches: Switches) -> list[str]:
    """Return the same conditions for connections that come decrypted, with the mark of the domain they met.

    Who was not to be admitted did not get here, so under `route` there is nothing left to refuse.
    """
    if switches.foreign_host == "route":
        return []
    return block(f'if ($proxy_protocol_tlv_authority !~ "^({ANY}|{mark})$")', ["return 421;"])


def _key(name: str) -> str:
    return f"\\{name}" if name in _RESERVED else quoted(name)


def _refusals(modes: Sequence[str], default: int, number: int) -> list[str]:
    by_sni = [f"{ANY} {modes[default]};", *(f"d{index} {mode};" for index, mode in enumerate(modes))]
    # What is not listed here is refused, FAILED in all its forms among it.
    by_result = [
        "default 495;",
        '"on:NONE" 496;',
        '"on:SUCCESS" 0;',
        '"optional:NONE" 0;',
        '"optional:SUCCESS" 0;',
        '"~^off:" 0;',
    ]
    return [
        *block(f"map $sni_{number} $verify_{number}", by_sni),
        *block(f'map "$verify_{number}:$ssl_client_verify" $refused_{number}', by_result),
    ]
