"""A listener of the cloud as a person's own credentials show it, read through the operator's adapters.

I/O: HTTPS, reads only. The cloud's SDK is imported when a command asks the cloud: it takes longer to load
than all the rest of the plugin.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kubectl_mtls.errors import Refusal
from mtls_operator.core.cloud import LoadBalancerId, family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.core.cloud import Listener, LoadBalancer

_ID: Final = "TENCENTCLOUD_SECRET_ID"
_KEY: Final = "TENCENTCLOUD_SECRET_KEY"
_TOKEN: Final = "TENCENTCLOUD_TOKEN"  # noqa: S105 - a variable's name
REGION: Final = "TENCENTCLOUD_REGION"
_ENDPOINT: Final = "TENCENTCLOUD_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a listener is."""

    region: str
    balancer: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundListener:
    """A listener with its targets.

    Attributes:
        unmanaged: what it has switched on and the operator neither sets nor compares.
    """

    balancer: LoadBalancer
    listener: Listener
    unmanaged: tuple[str, ...] = ()


def look(place: Place, environment: Mapping[str, str]) -> FoundListener:
    """Return the listener on a port of a load balancer.

    Args:
        place: which one.
        environment: the process's variables, with the person's credentials.

    Raises:
        Refusal: there are no credentials, no such load balancer, or no listener on the port.
        CloudError: the cloud refused or could not be asked.
    """
    missing = [name for name in (_ID, _KEY) if not environment.get(name, "").strip()]
    if missing:
        raise Refusal(
            f"no credentials for the cloud: {' and '.join(missing)} not set. Set them to a key of yours that "
            "may read load balancers; the operator's own key is not needed here."
        )
    return asyncio.run(_look(place, environment))


async def _look(place: Place, environment: Mapping[str, str]) -> FoundListener:
    api = _connect(environment)
    try:
        return await _read(api, place)
    finally:
        await api.close()


def _connect(environment: Mapping[str, str]) -> CloudApi:
    from mtls_operator.adapters.tencent.api import CloudApi, Endpoint, Keys  # noqa: PLC0415 - see the top
    from mtls_operator.adapters.tencent.pacing import Pacer  # noqa: PLC0415

    keys = Keys(
        secret_id=environment[_ID].strip(),
        secret_key=environment[_KEY].strip(),
        token=environment.get(_TOKEN, "").strip(),
    )
    return CloudApi(keys, Endpoint(override=environment.get(_ENDPOINT, "")), Pacer())


async def _read(api: CloudApi, place: Place) -> FoundListener:
    from mtls_operator.adapters.tencent import shapes  # noqa: PLC0415
    from mtls_operator.adapters.tencent.load_balancer_reads import LoadBalancerReads  # noqa: PLC0415
    from mtls_operator.adapters.tencent.unmanaged import unmanaged  # noqa: PLC0415

    reads = LoadBalancerReads(api)
    balancer = await reads.balancer(place.region, LoadBalancerId(place.balancer))
    if balancer is None:
        raise Refusal(
            f"the cloud knows no load balancer {place.balancer} in region {place.region}. "
            f"Correct its id, or the region (--region or {REGION}), or use another account's key."
        )
    query = {"LoadBalancerId": place.balancer}
    reply = await api.read("clb", place.region, "DescribeListeners", query)
    for body in shapes.items(reply, "Listeners"):
        listener = shapes.read_listener(body)
        if listener.port == place.port and family(listener.protocol) is family("HTTPS"):
            listener = listener.with_targets(await reads.targets(balancer, listener.id))
            return FoundListener(balancer=balancer, listener=listener, unmanaged=tuple(unmanaged(body)))
    raise Refusal(
        f"load balancer {place.balancer} has no listener on port {place.port}. Nothing needs to be imported: "
        "a MutualTLSListener for this port makes one."
    )
