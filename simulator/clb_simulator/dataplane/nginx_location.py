"""Routes as nginx's locations and upstreams.

Pure. Called by `nginx_server`. CLB's URL forms and their order are nginx's own: `=`, `^~`, regular
expressions in the order of the rules, then the longest prefix.
"""

import re

from clb_simulator.dataplane.model import Backend, DataPlaneError, Route
from clb_simulator.dataplane.nginx_syntax import block, endpoint, identifier, quoted
from clb_simulator.dataplane.switches import Switches

Target = tuple[str, str, int]
"""One backend of one route: location id, address, port."""

DEFAULT_COOKIE = "clb_session"  # The name that CLB uses is not documented.

_URL_FORM = re.compile(r"(?P<modifier>=|\^~|~\*|~|)\s*(?P<path>.*)\Z", re.DOTALL)
_PASS = {
    "HTTP": "proxy_pass http://{};",
    "HTTPS": "proxy_pass https://{};",
    "GRPC": "grpc_pass grpc://{};",
    "GRPCS": "grpc_pass grpcs://{};",
}


def locations(routes: tuple[Route, ...], switches: Switches) -> list[str]:
    """Return the location blocks of one domain; what no route matches is not found."""
    lines: list[str] = []
    catches_all = False
    for route in routes:
        modifier, path = _url_form(route.url)
        catches_all = catches_all or (path == "/" and modifier in ("", "^~"))
        lines += block(f"location {modifier} {quoted(path)}", [_action(route, switches)])
    if not catches_all:
        lines += block("location /", ["return 404;"])
    return lines


def upstream(route: Route, dead: frozenset[Target]) -> list[str]:
    """Return the upstream block of a route, or nothing when it has no backend to send anything to."""
    backends = serving(route)
    if not backends:
        return []
    down = {backend for backend in backends if dead and _target(route, backend) in dead}
    if len(down) == len(backends):
        down = set()  # When all are dead, CLB sends to all of them.
    lines = [_server(backend, down=bool(down) and backend in down) for backend in backends]
    return block(f"upstream {_name(route)}", [*_balancing(route), *lines, *_persistence(route)])


def serving(route: Route) -> list[Backend]:
    """Return the backends that may get requests: weight 0 gets none."""
    return [backend for backend in route.backends if backend.weight > 0]


def _target(route: Route, backend: Backend) -> Target:
    return route.location_id, backend.address, backend.port


def _url_form(url: str) -> tuple[str, str]:
    form = _URL_FORM.match(url)
    return (form["modifier"], form["path"]) if form else ("", url)


def _action(route: Route, switches: Switches) -> str:
    if not serving(route):
        return f"return {switches.no_backend_status};"
    action = _PASS.get(route.forward_type)
    if action is None:
        raise DataPlaneError(f"{route.location_id} forwards {route.forward_type}, which is not simulated.")
    return action.format(_name(route))


def _name(route: Route) -> str:
    return f"route_{identifier(route.location_id)}"


def _server(backend: Backend, *, down: bool) -> str:
    state = " down" if down else ""
    return f"server {endpoint(backend.address, backend.port)} weight={backend.weight}{state};"


def _balancing(route: Route) -> list[str]:
    if route.scheduler == "LEAST_CONN":
        return ["least_conn;"]
    if route.scheduler == "IP_HASH":
        # ip_hash looks at three octets, so that all of 127.0.0.0/24 would share one backend.
        return ["hash $remote_addr consistent;"]
    return []


def _persistence(route: Route) -> list[str]:
    if not route.session_seconds:
        return []
    name = quoted(route.cookie_name or DEFAULT_COOKIE)
    return [f"sticky cookie {name} expires={route.session_seconds}s path=/;"]
