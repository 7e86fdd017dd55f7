"""One listener as nginx's server blocks.

Pure. Called by `nginx_config`. Every domain is a server block of the listener's socket, and the default
domain's is the socket's default server, so a client with no or an unknown SNI meets that domain's
certificate and its verification: there is no block besides that could let it in.
"""

from dataclasses import dataclass

from clb_simulator.dataplane.model import Domain, Listener, TlsBinding
from clb_simulator.dataplane.nginx_files import TlsFiles
from clb_simulator.dataplane.nginx_location import Target, locations, upstream
from clb_simulator.dataplane.nginx_sni import NamedDomain, admission, sni_maps
from clb_simulator.dataplane.nginx_syntax import block, endpoint, quoted
from clb_simulator.dataplane.nginx_tls import tls_directives
from clb_simulator.dataplane.switches import Switches

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
    if listener.protocol == "HTTPS":
        named = [NamedDomain(domain.names, _verify(listener, domain)) for domain in domains]
        default = _default_index(domains)
        lines += sni_maps(named, default, number, own_certificates=listener.sni, switches=around.switches)
    for index in range(len(domains)):
        lines += block("server", _server(listener, domains, index, number, around))
    return lines


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
    lines = [_listen(listener, default=index == _default_index(domains))]
    if domain.names:
        lines.append(f"server_name {' '.join(quoted(name) for name in domain.names)};")
    if listener.protocol == "HTTPS":
        lines += [f"http2 {'on' if domain.http2 else 'off'};", *_resumption(listener, domains)]
        lines += tls_directives(_binding(listener, domain), around.files, around.switches)
        lines += admission(index, number, around.switches)
    return [*lines, *locations(domain.routes, around.switches)]


def _listen(listener: Listener, *, default: bool) -> str:
    tls = " ssl" if listener.protocol == "HTTPS" else ""
    mark = " default_server" if default else ""
    return f"listen {endpoint(listener.address, listener.port)}{tls}{mark};"


def _resumption(listener: Listener, domains: tuple[Domain, ...]) -> list[str]:
    # OpenSSL resumes a session in the default server's context, before it looks at the SNI. Where domains
    # differ in whom they admit, a session of one must not open another.
    if len({_binding(listener, domain) for domain in domains}) == 1:
        return []
    return ["ssl_session_tickets off;", "ssl_session_cache off;"]
