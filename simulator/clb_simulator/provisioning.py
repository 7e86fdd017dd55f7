"""What exists around listeners: load balancers and instances, created from outside the simulated API.

Pure over the store. Used by the admin port.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from clb_simulator.ids import FreshIds
from clb_simulator.model import Instance, LoadBalancer, Tags
from clb_simulator.store import Store
from clb_simulator.tag.names import load_balancer_resource

DEFAULT_REGION: Final = "ap-guangzhou"
DEFAULT_VPC: Final = "vpc-simulated"
_VIPS_PER_BLOCK: Final = 254


class ProvisioningError(Exception):
    """An object cannot be made as asked; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLoadBalancer:
    """What is asked of a new load balancer."""

    name: str = ""
    region: str = DEFAULT_REGION
    network: Literal["OPEN", "INTERNAL"] = "OPEN"
    vip: str | None = None
    vpc_id: str = DEFAULT_VPC
    tags: dict[str, str] = field(default_factory=dict)
    load_balancer_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance:
    """What is asked of a new instance."""

    private_ip: str
    instance_id: str | None = None
    name: str = ""
    region: str = DEFAULT_REGION
    zone: str = "ap-guangzhou-3"
    vpc_id: str = DEFAULT_VPC


def create_load_balancer(store: Store, wanted: NewLoadBalancer, now: datetime) -> LoadBalancer:
    """Create a load balancer; without a VIP it gets a loopback address of its own.

    Raises:
        ProvisioningError: if the id or the VIP is another load balancer's, or the VIP is no loopback address.
    """
    vip = choose_vip(wanted.vip, {one.vip for one in store.load_balancers.all()})
    identifier = wanted.load_balancer_id or FreshIds().take("lb-")
    if store.load_balancers.get(identifier) is not None:
        raise ProvisioningError(f"The load balancer {identifier} exists.")
    created = LoadBalancer(
        load_balancer_id=identifier,
        region=wanted.region,
        name=wanted.name or identifier,
        network=wanted.network,
        vip=vip,
        vpc_id=wanted.vpc_id,
        created_at=now,
    )
    store.load_balancers.put(identifier, created)
    if wanted.tags:
        resource = load_balancer_resource(created.region, identifier)
        store.tags.put(resource, Tags(resource=resource, values=tuple(wanted.tags.items())))
    return created


def choose_vip(wanted: str | None, taken: set[str]) -> str:
    """Return the address that a new load balancer listens on: the one wanted, or a free loopback address.

    Raises:
        ProvisioningError: if it is taken or no loopback address.
    """
    if wanted is None:
        return _free_vip(taken)
    if not _address(wanted).is_loopback:
        raise ProvisioningError(f"The VIP {wanted} is not in 127.0.0.0/8; the simulator listens there only.")
    if wanted in taken:
        raise ProvisioningError(f"The VIP {wanted} belongs to another load balancer.")
    return wanted


def create_instance(store: Store, wanted: NewInstance) -> Instance:
    """Create an instance.

    Raises:
        ProvisioningError: if the instance id is taken or the address is none.
    """
    _address(wanted.private_ip)
    identifier = wanted.instance_id or FreshIds().take("ins-")
    if store.instances.get(identifier) is not None:
        raise ProvisioningError(f"The instance {identifier} exists.")
    created = Instance(
        instance_id=identifier,
        private_ip=wanted.private_ip,
        name=wanted.name or identifier,
        vpc_id=wanted.vpc_id,
        region=wanted.region,
        zone=wanted.zone,
    )
    store.instances.put(identifier, created)
    return created


def _address(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ProvisioningError(f"{text!r} is not an IPv4 address.") from error


def _free_vip(taken: set[str]) -> str:
    for index in range(_VIPS_PER_BLOCK * _VIPS_PER_BLOCK):
        candidate = f"127.77.{index // _VIPS_PER_BLOCK}.{index % _VIPS_PER_BLOCK + 1}"
        if candidate not in taken:
            return candidate
    raise ProvisioningError("No loopback address is free for another load balancer.")
