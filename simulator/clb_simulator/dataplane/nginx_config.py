"""One load balancer's listeners as the text of nginx.conf and the files it refers to.

Pure. Called by `NginxDataPlane`, and by `NginxPublisher`, which compares, writes and reloads.
"""

from dataclasses import dataclass, field

from clb_simulator.dataplane.model import Listener
from clb_simulator.dataplane.nginx_files import TlsFiles
from clb_simulator.dataplane.nginx_location import Target
from clb_simulator.dataplane.nginx_server import Surroundings, door, listener_blocks, terminated_outside
from clb_simulator.dataplane.nginx_syntax import block
from clb_simulator.dataplane.switches import Switches
from clb_simulator.dataplane.tls_door import Door

CONTROL_SOCKET = "control.sock"

# One worker, so that round robin and least connections are exact without shared memory zones, which cost
# most of a reload when there are thousands of routes.
_PROCESS = (
    "worker_processes 1;",
    "worker_shutdown_timeout 60s;",
    "pid nginx.pid;",
    "error_log error.log crit;",
)
# Each costs memory before it is used, in every load balancer's worker; a request takes two.
_CONNECTIONS = 4096
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

_HTTP = (
    "access_log off;",
    "server_tokens off;",
    "server_names_hash_bucket_size 256;",
    "server_names_hash_max_size 16384;",
    "map_hash_bucket_size 256;",
    "map_hash_max_size 16384;",
    "variables_hash_max_size 16384;",
    "variables_hash_bucket_size 128;",
    # The documented defaults of CLB's custom configuration.
    "client_max_body_size 60m;",
    "keepalive_timeout 75s;",
    "proxy_connect_timeout 4s;",
    "proxy_read_timeout 60s;",
    # A worker that a reload retires still answers one more request on a connection in use.
    "keepalive_min_timeout 5s;",
    "proxy_http_version 1.1;",
    "proxy_buffering on;",
    "proxy_set_header Host $http_host;",
    "proxy_set_header Connection $backend_connection;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_set_header X-Client-Proto $client_proto;",
    # The client of a connection that comes decrypted.
    "set_real_ip_from unix:;",
    "real_ip_header proxy_protocol;",
    "proxy_ssl_verify off;",
    "proxy_ssl_server_name on;",
    "proxy_ssl_name $host;",
    "grpc_set_header Host $http_host;",
    "grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "grpc_set_header X-Client-Proto $client_proto;",
    "grpc_ssl_verify off;",
    "grpc_ssl_server_name on;",
    "grpc_ssl_name $host;",
)


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one load balancer is to serve.

    Attributes:
        body: directives of nginx's http block.
        files: certificates and keys, by name below the folder.
        doors: the listeners whose handshakes nginx does not make.
    """

    body: str
    files: dict[str, str] = field(repr=False)
    doors: tuple[Door, ...] = ()


NOTHING = Rendering("", {})
"""What is served where there are no listeners."""


def render(listeners: tuple[Listener, ...], dead: frozenset[Target], switches: Switches) -> Rendering:
    """Return the configuration of the listeners of one load balancer.

    Raises:
        DataPlaneError: if a value cannot be written.
    """
    files = TlsFiles()
    around = Surroundings(dead, files, switches)
    protocols = "TLSv1.2 TLSv1.3" if switches.tls13 else "TLSv1.2"
    lines = [f"ssl_protocols {protocols};"]
    for number, listener in enumerate(listeners):
        lines += listener_blocks(listener, number, around)
    outside = [listener for listener in listeners if terminated_outside(listener, switches)]
    doors = tuple(door(listener, files, switches) for listener in outside)
    return Rendering("\n".join(lines), files.contents, doors)


def configuration(body: str, generation: int, run_as: str | None) -> str:
    """Return the whole nginx.conf.

    Args:
        body: the listeners.
        generation: what the control socket answers, by which a reload is known to be live.
        run_as: the user of the workers; None unless nginx is started by root, who would drop to nobody.
    """
    temporary = [f"{name}_temp_path temp/{name};" for name in _TEMPORARY]
    connection = block("map $http_upgrade $backend_connection", ["default upgrade;", '"" close;'])
    proto = block("map $proxy_protocol_addr $client_proto", ["default https;", '"" $scheme;'])
    head = [
        *([f"user {run_as};"] if run_as else []),
        *_PROCESS,
        *block("events", [f"worker_connections {_CONNECTIONS};"]),
        "http {",
        *_HTTP,
        *temporary,
        *connection,
        *proto,
    ]
    # The body is not indented: it may have hundreds of thousands of lines.
    return "\n".join([*head, body, *_control_server(generation), "}", ""])


def _control_server(generation: int) -> list[str]:
    # Its idle connections end when a worker is retired, and a worker closes its listening sockets before
    # its idle connections: that is how the end of the old generation is seen.
    return block(
        "server",
        [
            f"listen unix:{CONTROL_SOCKET};",
            "keepalive_timeout 30d;",
            "keepalive_min_timeout 0;",
            *block("location /", [f'return 200 "{generation}";']),
        ],
    )
