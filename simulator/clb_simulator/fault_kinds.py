"""The faults that can be ordered: what goes wrong, and for which calls.

Pure values. They come through the admin port or from a scenario file; `faults` decides when one
strikes, `interference` and `engine` do what it says. One class per fault; the field `kind` names it in JSON
and YAML.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Deed = Literal[
    "change-listener",
    "open-listener",
    "delete-listener",
    "change-rule",
    "delete-rule",
    "change-binding",
    "delete-binding",
    "change-certificate",
    "delete-certificate",
    "bind-certificate-elsewhere",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which calls a fault strikes. Every condition must hold.

    Attributes:
        service: the product, such as `clb`; None is any.
        action: the action's name; `*` and `?` stand for any letters.
        only: `read` or `write`; None is both.
        skip: how many of the calls that match are let through first.
        count: how many calls it strikes at most; None is no limit, which is the default with `rate`.
        rate: the share of calls that it strikes, such as 0.03; None is every one.
        seed: decides which ones; the same seed strikes the same calls again.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    service: Literal["clb", "ssl", "sts", "tag", "vpc"] | None = None
    action: str = "*"
    only: Literal["read", "write"] | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    count: Annotated[int, Field(ge=1)] | None = None
    rate: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int = 0

    @property
    def limit(self) -> int | None:
        """How many calls it strikes at most: one, unless a count or a rate says otherwise."""
        if self.count is None and self.rate is None:
            return 1
        return self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRequest(Selection):
    """The connection breaks before the request arrives: nothing happens."""

    kind: Literal["lost-request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostReply(Selection):
    """The request is carried out and the connection breaks before the reply."""

    kind: Literal["lost-reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Selection):
    """A wait of `seconds`: of the reply, or of the request, which then takes effect late."""

    kind: Literal["delay"]
    seconds: Seconds
    of: Literal["reply", "request"] = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class BadGateway(Selection):
    """An HTML page with status 502 in place of the reply; `carried_out` says whether the request was."""

    kind: Literal["bad-gateway"]
    carried_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFailure(Selection):
    """The code InternalError; `carried_out` says whether the request was nevertheless."""

    kind: Literal["internal-error"]
    carried_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Selection):
    """A refusal for too many calls; without a `code`, with the one that the product uses."""

    kind: Literal["throttled"]
    code: Literal["RequestLimitExceeded", "LimitExceeded.RateLimitExceeded"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyLoadBalancer(Selection):
    """The load balancer that the call names is busy with somebody else's change for `seconds`."""

    kind: Literal["busy"]
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask(Selection):
    """The task of the change fails, and what it would have changed stays as it was."""

    kind: Literal["failed-task"]
    message: str = "The change failed, as ordered."


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowTask(Selection):
    """The task of the change takes `seconds`."""

    kind: Literal["slow-task"]
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDelivery(Selection):
    """The request is delivered twice, as by a proxy that tries again; the client gets one reply of them."""

    kind: Literal["duplicate"]
    reply: Literal["first", "second"] = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignChange(Selection):
    """Somebody else with a key of their own does a deed, before the call or after it.

    Attributes:
        target: the id of the listener, rule or certificate to do it to; without one, the seed chooses.
    """

    kind: Literal["foreign"]
    deed: Deed
    target: str | None = None
    moment: Literal["before", "after"] = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredToken(Selection):
    """The session token of the call counts as expired."""

    kind: Literal["expired-token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew(Selection):
    """The server's clock is `seconds` ahead of the client's (behind, when negative)."""

    kind: Literal["clock-skew"]
    seconds: Annotated[float, Field(ge=-86_400, le=86_400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUsedUp(Selection):
    """The call is refused because a quota is used up."""

    kind: Literal["quota"]
    quota_id: str = "TOTAL_LISTENER_QUOTA"


WireFault: TypeAlias = (
    LostRequest
    | LostReply
    | Delay
    | BadGateway
    | InternalFailure
    | Throttled
    | BusyLoadBalancer
    | DuplicateDelivery
    | ForeignChange
    | ExpiredToken
    | ClockSkew
    | QuotaUsedUp
)
"""A fault that the HTTP front meets on a call's way in or out."""

Fault: TypeAlias = Annotated[WireFault | FailedTask | SlowTask, Field(discriminator="kind")]

FAULT: Final[TypeAdapter[Fault]] = TypeAdapter(Fault)
"""Reads a fault from JSON."""
