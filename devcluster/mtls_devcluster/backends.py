"""A real server of the guide's step 6: one `rs-N` that says who it is.

Listens on loopback until it gets SIGTERM. Run as a process, one per Node object, with the address
of that Node and the ports that the API server allotted:

    python -m mtls_devcluster.backends --name rs-1 --listen 127.0.0.11:30080 --listen-tls 127.0.0.11:30443

| request | answer |
|---|---|
| any path | 200, the name and a line end; 503 while unhealthy |
| /headers | 200, JSON: `server`, `path` and the request's `headers` |
| /status/<code> | that status and the name, as an application that refuses |
| /healthz | 200 `ok`; 503 while unhealthy |
| POST /-/unhealthy, POST /-/healthy | switch the health; 200 |

Every answer carries `X-Real-Server: <name>`.
"""

import asyncio
import datetime as dt
import signal
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click
from aiohttp import web

from mtls_devcluster.credentials import Authority
from mtls_devcluster.ports import parse_address

_HEALTHY: Final = web.AppKey("healthy", asyncio.Event)


def make_application(name: str) -> web.Application:
    """Return the real server's behaviour, healthy at first."""
    application = web.Application()
    healthy = asyncio.Event()
    healthy.set()
    application[_HEALTHY] = healthy

    async def say_name(_: web.Request) -> web.Response:
        return web.Response(text=f"{name}\n")

    async def echo_headers(request: web.Request) -> web.Response:
        # A header that came twice is shown as one, joined as RFC 9110 section 5.3 has it.
        headers = {key: ", ".join(request.headers.getall(key)) for key in request.headers}
        return web.json_response({"server": name, "path": request.path_qs, "headers": headers})

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["code"]), text=f"{name}\n")

    async def answer_probe(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def become_healthy(_: web.Request) -> web.Response:
        healthy.set()
        return web.Response(text=f"{name} is healthy\n")

    async def become_unhealthy(_: web.Request) -> web.Response:
        healthy.clear()
        return web.Response(text=f"{name} is unhealthy\n")

    async def sign(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Real-Server"] = name

    application.middlewares.append(_refuse_while_unhealthy)
    application.on_response_prepare.append(sign)
    application.router.add_post("/-/healthy", become_healthy)
    application.router.add_post("/-/unhealthy", become_unhealthy)
    application.router.add_route("*", "/headers", echo_headers)
    application.router.add_route("*", "/status/{code:[2-5][0-9][0-9]}", refuse)
    application.router.add_route("*", "/healthz", answer_probe)
    application.router.add_route("*", "/{path:.*}", say_name)
    return application


async def serve(name: str, plain: list[tuple[str, int]], tls: list[tuple[str, int]]) -> None:
    """Serve until the task is cancelled.

    Raises:
        OSError: An address is not free.
    """
    runner = web.AppRunner(make_application(name), access_log=None)
    await runner.setup()
    try:
        for address, port in plain:
            await web.TCPSite(runner, address, port).start()
        context = server_context([address for address, _ in tls]) if tls else None
        for address, port in tls:
            await web.TCPSite(runner, address, port, ssl_context=context).start()
        print(f"{name} is listening", flush=True)  # noqa: T201 - the log's first line
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def server_context(addresses: list[str]) -> ssl.SSLContext:
    """Return a TLS context with a certificate made now, as a real server's own would be.

    A load balancer does not check it; the key exists on disk only while OpenSSL reads it.
    """
    authority = Authority("clb-mtls development backends CA", dt.datetime.now(dt.UTC))  # noqa: TID251 - a program's start is where time comes from
    with tempfile.TemporaryDirectory() as folder:
        pair = authority.issue_server(Path(folder) / "backend", addresses)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
    return context


@web.middleware
async def _refuse_while_unhealthy(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Fail every path, since the path of a health check is the user's choice."""
    if request.app[_HEALTHY].is_set() or request.path.startswith("/-/"):
        return await handler(request)
    return web.Response(status=503, text="unhealthy\n")


async def _serve_until_signal(name: str, plain: list[tuple[str, int]], tls: list[tuple[str, int]]) -> None:
    serving = asyncio.create_task(serve(name, plain, tls))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


@click.command()
@click.option("--name", required=True, help="What it calls itself, such as rs-1.")
@click.option("--listen", multiple=True, metavar="ADDRESS:PORT", help="Serve HTTP here. Repeatable.")
@click.option("--listen-tls", multiple=True, metavar="ADDRESS:PORT", help="Serve HTTPS here. Repeatable.")
def main(name: str, listen: tuple[str, ...], listen_tls: tuple[str, ...]) -> None:
    """Run one real server until SIGTERM."""
    if not listen and not listen_tls:
        raise click.UsageError("Give at least one --listen or --listen-tls.")
    plain, tls = [parse_address(text) for text in listen], [parse_address(text) for text in listen_tls]
    try:
        asyncio.run(_serve_until_signal(name, plain, tls))
    except OSError as error:
        raise click.ClickException(f"{name} cannot listen: {error}") from error


if __name__ == "__main__":
    main()
