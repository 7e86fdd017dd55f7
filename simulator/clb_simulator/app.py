"""The HTTP front of the simulated API.

I/O: aiohttp. A request passes, in this order: route (product, version, action), common parameters,
signature, throttle, parameter schema, business rules. Routing is by the product in Host; with a Host that
names none, such as a loopback address, the credential scope of the signature names it.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from clb_simulator.action import Action, Kind
from clb_simulator.auth import Scope, SecretKey, SignedRequest, authenticate, parse_authorization
from clb_simulator.calls import CallLog
from clb_simulator.catalog import find_action
from clb_simulator.engine import Engine
from clb_simulator.envelope import failure, new_request_id, success
from clb_simulator.errors import ApiError, missing_parameter
from clb_simulator.faults import Occasion
from clb_simulator.foreign import ForeignActor
from clb_simulator.interference import BAD_GATEWAY_PAGE, ConnectionBreaks, GatewayAnswers, Interference
from clb_simulator.keyring import Keyring
from clb_simulator.params import Json
from clb_simulator.query import read_query
from clb_simulator.schema import PRODUCTS, check_request, fill_reply
from clb_simulator.throttle import Throttle

log: Final = logging.getLogger(__name__)
_METHODS: Final = ("GET", "POST")
_IS_TOO_LARGE: Final = web.RequestKey("is_too_large", bool)
MAX_BODY: Final = 10 * 1024 * 1024
_ROOT_DOMAIN: Final = "tencentcloudapi.com"
_CLB_THROTTLED: Final = "RequestLimitExceeded"


@dataclass(slots=True)
class _Progress:
    """What is known of a request so far, for the log of calls."""

    secret_id: str = ""
    service: str = ""
    action: str = ""
    region: str = ""
    is_write: bool = False
    body: Json = None


class Front:
    """Answers the API's requests.

    Attributes:
        throttled: whether the documented rates are enforced.
    """

    def __init__(
        self,
        engine: Engine,
        calls: CallLog,
        keys: Mapping[str, SecretKey],
        foreign: ForeignActor,
        *,
        throttled: bool,
    ) -> None:
        self.throttled = throttled
        self._engine = engine
        self._calls = calls
        self._keys = Keyring(keys, engine.store)
        self._foreign = foreign
        self._throttle = Throttle()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{tail:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request with HTTP 200 and an envelope, unless a fault was ordered."""
        interference = self._interference(request)
        try:
            # A client that gives up takes the body with it, unless it has been read.
            await _read(request)
            await interference.on_request()
            response = await self._deliver(request, interference)
            if interference.duplicate is not None:
                second = await self._deliver(request, interference)
                response = second if interference.duplicate.reply == "second" else response
            await interference.on_reply()
        except GatewayAnswers:
            return web.Response(
                status=web.HTTPBadGateway.status_code, text=BAD_GATEWAY_PAGE, content_type="text/html"
            )
        except ConnectionBreaks:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return response

    def _interference(self, request: web.Request) -> Interference:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            service = _service(headers, parse_authorization(headers))
            action = _route(service, headers)
        except ApiError:
            # It is refused further on, and a fault must not hide that.
            return Interference((), "", self._engine, self._foreign)
        occasion = Occasion(
            service=service, action=headers["x-tc-action"], is_write=action.kind is not Kind.READ
        )
        return Interference(self._engine.faults.on_wire(occasion), service, self._engine, self._foreign)

    async def _deliver(self, request: web.Request, interference: Interference) -> web.Response:
        request_id = new_request_id()
        progress = _Progress()
        error: ApiError | None = None
        payload = b""
        try:
            payload = await self._answer(request, request_id, progress, interference)
        except ApiError as refusal:
            error = refusal
        except Exception:
            log.exception("an action broke off", extra={"action": progress.action, "request_id": request_id})
            error = ApiError("InternalError", "An internal error has occurred. Retry your request.")
        if error is not None:
            payload = failure(error, request_id, request.headers.get("X-TC-Language"))
        size = (request.content_length or 0) + len(payload)
        self._record(progress, request_id, error, interference.names, size)
        # Set as a header: aiohttp would add a charset, and clients then miss errors.
        return web.Response(body=payload, headers={"Content-Type": "application/json"})

    async def _answer(
        self, request: web.Request, request_id: str, progress: _Progress, interference: Interference
    ) -> bytes:
        signed = await _signed_request(request)
        headers = signed.headers
        progress.action = headers.get("x-tc-action", "")
        progress.region = headers.get("x-tc-region", "")
        scope = parse_authorization(headers)
        progress.secret_id = scope.secret_id
        progress.service = service = _service(headers, scope)
        action = _route(service, headers)
        progress.is_write = action.kind is not Kind.READ
        if PRODUCTS[service].needs_region and not progress.region:
            raise missing_parameter("Region")
        now = self._engine.clock.now() + interference.skew()
        key = authenticate(signed, scope, service=service, keys=self._keys, now=now)
        self._admit(key, action, progress)
        progress.body = _parse_parameters(signed, service, progress.action)
        interference.before_action(progress.body)
        params = check_request(service, progress.action, progress.body)
        reply = await self._engine.perform(
            action, progress.action, params, region=progress.region, uin=key.uin, request_id=request_id
        )
        interference.after_action()
        return success(fill_reply(service, progress.action, reply), request_id)

    def _admit(self, key: SecretKey, action: Action, progress: _Progress) -> None:
        if not self.throttled:
            return
        is_ssl = progress.service == "ssl"
        code = self._engine.switches.ssl_throttle_code if is_ssl else _CLB_THROTTLED
        bucket = (key.uin, progress.region, progress.service, progress.action)
        self._throttle.admit(bucket, rate=action.rate, code=code, now=self._engine.clock.now())

    def _record(
        self,
        progress: _Progress,
        request_id: str,
        error: ApiError | None,
        faults: tuple[str, ...],
        size: int,
    ) -> None:
        self._calls.add(
            at=self._engine.clock.now(),
            secret_id=progress.secret_id,
            service=progress.service,
            action=progress.action,
            region=progress.region,
            request_id=request_id,
            write=progress.is_write,
            params=progress.body,
            code=error.code if error else None,
            message=error.message if error else None,
            faults=faults,
            size=size,
        )


async def _read(request: web.Request) -> None:
    try:
        await request.read()
    except web.HTTPRequestEntityTooLarge:
        # What was read is gone, so a second attempt would find an empty body.
        request[_IS_TOO_LARGE] = True


async def _signed_request(request: web.Request) -> SignedRequest:
    if request.method not in _METHODS:
        raise ApiError("UnsupportedProtocol", f"The API takes GET and POST, not {request.method}.")
    if _IS_TOO_LARGE in request:
        raise ApiError("RequestSizeLimitExceeded", f"The request is larger than {MAX_BODY} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not all(value.isascii() for value in headers.values()):
        raise ApiError("InvalidParameter", "A header of the request is not ASCII.")
    return SignedRequest(
        method=request.method,
        query=request.rel_url.raw_query_string,
        headers=headers,
        body=await request.read(),
    )


def _service(headers: Mapping[str, str], scope: Scope) -> str:
    host = headers.get("host", "").lower()
    host = host.removeprefix("http://").removeprefix("https://").split(":")[0]
    service = host.split(".")[0] if host.endswith(_ROOT_DOMAIN) else scope.service
    if service not in PRODUCTS:
        raise ApiError("NoSuchProduct", f"The product {service} does not exist or is not simulated.")
    return service


def _route(service: str, headers: Mapping[str, str]) -> Action:
    for name, header in (("Action", "x-tc-action"), ("Version", "x-tc-version")):
        if not headers.get(header):
            raise missing_parameter(name)
    version = headers["x-tc-version"]
    if version != PRODUCTS[service].version:
        raise ApiError("NoSuchVersion", f"The version {version} of {service} does not exist.")
    return find_action(service, headers["x-tc-action"])


def _parse_parameters(signed: SignedRequest, service: str, action: str) -> Json:
    return read_query(service, action, signed.query) if signed.method == "GET" else _parse_body(signed.body)


def _parse_body(body: bytes) -> Json:
    try:
        parsed: Json = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError("InvalidParameter", "The request body is not JSON.") from error
    return parsed
