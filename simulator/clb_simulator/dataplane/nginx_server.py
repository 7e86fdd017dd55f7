"""One listener as nginx's server blocks.

Pure. Called by `nginx_config`. Every domain is a server block of the listener's socket, and the default
domain's is the socket's default server, so a client with no or an unknown SNI meets that domain's
certificate and its verification: there is no block besides that could let it in.
"""

from dataclasses import dataclass

from clb_simulator.dataplane.model import Domain, Listener, TlsBinding
from clb_simulator.dataplane.nginx_files import TlsFiles
from clb_simulator.dataplane.nginx_location import Target, locations, upstream
from clb_simulator.dataplane.nginx_sni import NamedDomain, admission, marked_admission, sni_maps
from clb_simulator.dataplane.nginx_syntax import block, endpoint, quoted
from clb_simulator.dataplane.nginx_tls import check_binding, tls_directives
from clb_simulator.dataplane.switches import Switches
from clb_simulator.dataplane.tls_door import (
    ANY,
    Door,
    DoorDomain,
    Identity,
    check_patterns,
    mark_of,
    socket_name,
)

_EMPTY = Domain(names=(), default=True, http2=False, tls=None, routes=())


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the blocks of every listener need: dead backends, the files to add to, and the switches."""

    dead: frozenset[Target]
    files: TlsFiles
    switches: Switches


def listener_blocks(listener: Listener, number: int, around: Surroundings) -> list[str]:
    """Return the upstreams, maps and server blocks of a listener.

    Args:
        listener: the listener; without domains it still listens, and knows no page.
        number: tells this listener's variables from another's.
        around: what all listeners share.
    """
    domains = listener.domains or (_EMPTY,)
    routes = [route for domain in domains for route in domain.routes]
    lines = [line for route in routes for line in upstream(route, around.dead)]
    if listener.protocol == "HTTPS" and not terminated_outside(listener, around.switches):
        named = [NamedDomain(domain.names, _verify(listener, domain)) for domain in domains]
        default = _default_index(domains)
        lines += sni_maps(named, default, number, own_certificates=listener.sni, switches=around.switches)
    for index in range(len(domains)):
        lines += block("server", _server(listener, domains, index, number, around))
    return lines


def terminated_outside(listener: Listener, switches: Switches) -> bool:
    """Tell whether `TlsTerminator` makes this listener's handshakes, and not nginx."""
    return listener.protocol == "HTTPS" and switches.refusal == "tls-alert"


def door(listener: Listener, files: TlsFiles, switches: Switches) -> Door:
    """Return the door of a listener whose handshakes nginx does not make.

    Raises:
        DataPlaneError: if a binding or a name cannot be served.
    """
    domains = listener.domains or (_EMPTY,)
    default = _default_index(domains)
    check_patterns(domains)
    return Door(
        address=listener.address,
        port=listener.port,
        socket=socket_name(listener),
        domains=tuple(
            DoorDomain(
                one.names, _identity(_binding(listener, one), one.http2, files, switches), mark_of(one)
            )
            for one in domains
        ),
        default=default,
        unnamed_mark=mark_of(domains[default]) if listener.sni else ANY,
    )


def _identity(binding: TlsBinding | None, http2: bool, files: TlsFiles, switches: Switches) -> Identity:  # noqa: FBT001
    if binding is None:
        return Identity((), None, "on", http2, switches.tls13)
    check_binding(binding)
    pairs = tuple(files.add_pair(pair) for pair in binding.key_pairs)
    verified = binding.client_ca_pem if binding.verify != "off" else None
    authority = files.add_authority(verified) if verified else None
    return Identity(pairs, authority, binding.verify, http2, switches.tls13)


def _binding(listener: Listener, domain: Domain) -> TlsBinding | None:
    return domain.tls if listener.sni else listener.tls


def _verify(listener: Listener, domain: Domain) -> str:
    binding = _binding(listener, domain)
    return binding.verify if binding else "on"


def _default_index(domains: tuple[Domain, ...]) -> int:
    return next((index for index, domain in enumerate(domains) if domain.default), 0)


def _server(
    listener: Listener, domains: tuple[Domain, ...], index: int, number: int, around: Surroundings
) -> list[str]:
    domain = domains[index]
    mark = " default_server" if index == _default_index(domains) else ""
    lines = [f"server_name {' '.join(quoted(name) for name in domain.names)};"] if domain.names else []
    plain = f"listen {endpoint(listener.address, listener.port)}"
    if listener.protocol != "HTTPS":
        lines.append(f"{plain}{mark};")
    elif terminated_outside(listener, around.switches):
        # Which of both HTTPs is spoken was agreed on outside, by domain.
        lines += [f"listen unix:{socket_name(listener)} proxy_protocol{mark};", "http2 on;"]
        lines += marked_admission(mark_of(domain), around.switches)
    else:
        lines += [f"{plain} ssl{mark};", f"http2 {'on' if domain.http2 else 'off'};"]
        lines += _resumption(listener, domains)
        lines += tls_directives(_binding(listener, domain), around.files, around.switches)
        lines += admission(index, number, around.switches)
    return [*lines, *locations(domain.routes, around.switches)]


def _resumption(listener: Listener, domains: tuple[Domain, ...]) -> list[str]:
    # OpenSSL resumes a session in the default server's context, before it looks at the SNI. Where domains
    # differ in whom they admit, a session of one must not open another.
    if len({_binding(listener, domain) for domain in domains}) == 1:
        return []
    return ["ssl_session_tickets off;", "ssl_session_cache off;"]
