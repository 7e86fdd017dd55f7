"""Read the admin port's requests, and answer bad ones with a sentence.

I/O: aiohttp. Used by `admin` and what stands beside it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from clb_simulator.errors import ApiError
from clb_simulator.params import Json, Object
from clb_simulator.provisioning import ProvisioningError

Wanted = TypeVar("Wanted")
Answer: TypeAlias = Callable[[web.Request], Awaitable[Object]]


class AdminError(Exception):
    """A request that the admin port refuses; the text says why."""


def as_json(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that sends what `answer` returns."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(await answer(request))

    return handle


@web.middleware
async def as_json_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn refusals into status 400 with `{"error": sentence}`."""
    try:
        return await handler(request)
    except (AdminError, ProvisioningError, ApiError) as error:
        return web.json_response({"error": str(error)}, status=web.HTTPBadRequest.status_code)


async def json_object(request: web.Request) -> Mapping[str, Json]:
    """Return the body, which may be empty.

    Raises:
        AdminError: if it is not a JSON object.
    """
    try:
        body: Json = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise AdminError("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise AdminError("The body is not a JSON object.")
    return body


async def read_body(request: web.Request, wanted: type[Wanted]) -> Wanted:
    """Return the body as a dataclass.

    Raises:
        AdminError: for an unknown field or a wrong value.
    """
    body = await json_object(request)
    known = set(getattr(wanted, "__dataclass_fields__", {}))
    unknown = body.keys() - known
    if unknown:
        raise AdminError(f"Unknown fields {sorted(unknown)}; known are {sorted(known)}.")
    return validated(body, TypeAdapter(wanted))


def validated(body: Mapping[str, Json], adapter: TypeAdapter[Wanted]) -> Wanted:
    """Return a JSON object as what the adapter reads.

    Raises:
        AdminError: with the spot and the reason of the first wrong value.
    """
    try:
        return adapter.validate_python(dict(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        spot = ".".join(str(part) for part in first["loc"]) or "body"
        raise AdminError(f"{spot}: {first['msg']}") from error


def number(body: Mapping[str, Json], name: str) -> float:
    """Return a number of the body.

    Raises:
        AdminError: if it is absent or none.
    """
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AdminError(f"{name} must be a number.")
    return float(value)
