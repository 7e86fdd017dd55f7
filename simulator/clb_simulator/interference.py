"""What the ordered faults do to one call, on its way in and on its way out.

I/O: waits. Made by the HTTP front for each call that a fault strikes; the methods are called in the order
in which they stand here, and most calls meet none of them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from clb_simulator.engine import Engine
from clb_simulator.errors import ApiError, limit_exceeded
from clb_simulator.fault_kinds import (
    BadGateway,
    BusyLoadBalancer,
    ClockSkew,
    Delay,
    DuplicateDelivery,
    ExpiredToken,
    ForeignChange,
    InternalFailure,
    LostReply,
    LostRequest,
    QuotaUsedUp,
    Throttled,
    WireFault,
)
from clb_simulator.foreign import ForeignActor
from clb_simulator.params import Json

BAD_GATEWAY_PAGE: Final = (
    "<html>\n<head><title>502 Bad Gateway</title></head>\n"
    "<body>\n<center><h1>502 Bad Gateway</h1></center>\n</body>\n</html>\n"
)


class ConnectionBreaks(Exception):
    """The client's connection must end without a reply."""


class GatewayAnswers(Exception):
    """The client must get the gateway's page in place of the reply."""


class Interference:
    """The faults that strike one call."""

    def __init__(
        self, faults: tuple[WireFault, ...], service: str, engine: Engine, foreign: ForeignActor
    ) -> None:
        self._faults = faults
        self._service = service
        self._engine = engine
        self._foreign = foreign

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of the faults, for the log of calls."""
        return tuple(one.kind for one in self._faults)

    @property
    def duplicate(self) -> DuplicateDelivery | None:
        """The order to deliver the request twice, if there is one."""
        return next((one for one in self._faults if isinstance(one, DuplicateDelivery)), None)

    async def on_request(self) -> None:
        """Let the request through, or not.

        Raises:
            ConnectionBreaks: the request never arrives.
            GatewayAnswers: the gateway never passes it on.
        """
        for one in self._faults:
            match one:
                case LostRequest():
                    raise ConnectionBreaks
                case BadGateway(carried_out=False):
                    raise GatewayAnswers
                case Delay(of="request"):
                    await self._engine.clock.sleep(one.seconds)
                case ForeignChange(moment="before"):
                    await self._foreign.do(one.deed, target=one.target, seed=one.seed)
                case _:
                    pass

    def skew(self) -> timedelta:
        """Return how far the server's clock is ahead."""
        ahead = sum(one.seconds for one in self._faults if isinstance(one, ClockSkew))
        return timedelta(seconds=ahead)

    def before_action(self, body: Json) -> None:
        """Refuse an authenticated call as the faults say.

        Raises:
            ApiError: with the code of the fault.
        """
        for one in self._faults:
            match one:
                case ExpiredToken():
                    raise ApiError(
                        "AuthFailure.TokenFailure", "The session token is missing, wrong or expired."
                    )
                case Throttled():
                    raise self._throttled(one)
                case BusyLoadBalancer():
                    self._hold(one, body)
                case QuotaUsedUp():
                    raise limit_exceeded(one.quota_id, 0)
                case InternalFailure(carried_out=False):
                    raise _internal_error()
                case _:
                    pass

    def after_action(self) -> None:
        """Refuse a call that was carried out.

        Raises:
            ApiError: InternalError.
        """
        if any(isinstance(one, InternalFailure) for one in self._faults):
            raise _internal_error()

    async def on_reply(self) -> None:
        """Let the reply through, or not.

        Raises:
            ConnectionBreaks: the reply never arrives.
            GatewayAnswers: the gateway keeps it.
        """
        for one in self._faults:
            match one:
                case ForeignChange(moment="after"):
                    await self._foreign.do(one.deed, target=one.target, seed=one.seed)
                case Delay(of="reply"):
                    await self._engine.clock.sleep(one.seconds)
                case LostReply():
                    raise ConnectionBreaks
                case BadGateway():
                    raise GatewayAnswers
                case _:
                    pass

    def _throttled(self, fault: Throttled) -> ApiError:
        is_ssl = self._service == "ssl"
        usual = self._engine.switches.ssl_throttle_code if is_ssl else "RequestLimitExceeded"
        return ApiError(
            fault.code or usual,
            "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` "
            "for a second. Please reduce the frequency of calls.",
        )

    def _hold(self, fault: BusyLoadBalancer, body: Json) -> None:
        named = body.get("LoadBalancerId") if isinstance(body, Mapping) else None
        if isinstance(named, str):
            self._engine.busy.hold(named, self._engine.clock.now() + timedelta(seconds=fault.seconds))


def _internal_error() -> ApiError:
    return ApiError("InternalError", "An internal error has occurred. Retry your request.")
