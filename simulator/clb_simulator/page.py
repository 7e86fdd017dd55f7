"""The read-only page on the admin port.

I/O: reads one file of this package. The page asks /overview and /calls again and again; it has no assets of
its own and asks nobody else.
"""

from importlib.resources import files
from typing import Final

from aiohttp import web

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def show_page(_request: web.Request) -> web.Response:
    """Answer GET / with the page."""
    text = files("clb_simulator").joinpath("page.html").read_text()
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="text/html", headers=headers)
