"""What an action is: a function from a request to a reply, and how it may change the cloud.

Pure. Every product lists its actions as a mapping of these; `engine` runs them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from clb_simulator.ids import Ids
from clb_simulator.params import Object, Params
from clb_simulator.store import Store
from clb_simulator.switches import Switches

HealthOf: TypeAlias = Callable[[str, str, int], str]
"""The verdict on a backend by location, address and port, in DescribeTargetHealth's words."""


class Kind(Enum):
    """How an action touches the state.

    Attributes:
        READ: never changes anything and is never refused because something is busy.
        WRITE: changes something that no load balancer's lock covers, at once.
        BATCH: changes its load balancers at once and is refused while one of them is busy.
        CHANGE: changes its load balancers through a task and is refused while one of them is busy.
        EFFECT: the later part of a WRITE; not callable by clients.
    """

    READ = auto()
    WRITE = auto()
    BATCH = auto()
    CHANGE = auto()
    EFFECT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Everything that an action may use besides its parameters."""

    store: Store
    region: str
    uin: str
    request_id: str
    now: datetime
    task_due_at: datetime
    ids: Ids
    switches: Switches
    health: HealthOf


Handler: TypeAlias = Callable[[Call, Params], Object]
Owners: TypeAlias = Callable[[Call, Params], tuple[str, ...]]
"""The ids of the load balancers that a request changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of a product.

    Attributes:
        rate: documented requests per second, per account and region.
        job: the name of the inner job, as a busy load balancer's message shows it.
        owners: which load balancers a BATCH or CHANGE is about; None means the one in LoadBalancerId.
    """

    handler: Handler
    kind: Kind
    rate: int = 20
    job: str = ""
    owners: Owners | None = None
