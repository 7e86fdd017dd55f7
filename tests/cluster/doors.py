"""Listeners by both methods on two load balancers, and clients that ask at all of them.

Used by the tests of rotation: whatever trusts an authority has to be led to its next root.
"""

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cluster.kube_api import OUR_KINDS
from cluster.tenant import DOMAIN, PORT, NewTenant, Tenant, domain

from mtls_devcluster.curl import Site
from mtls_devcluster.environment import NAMESPACES_TAG

METHOD_2_PORT: Final = 9443
_FAST: Final = {"serverCertificate": {"issue": {"privateKey": {"algorithm": "ECDSA"}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """A namespace with load balancers, and where its listeners are found."""

    tenant: Tenant
    sites: tuple[Site, ...]
    balancers: tuple[str, ...]

    def data(self, name: str = "payments") -> Mapping[str, bytes]:
        """Return what a client's Secret holds."""
        found = self.tenant.get("Secret", name)["data"]
        return {name: base64.b64decode(value) for name, value in found.items()}

    def bound_roots(self) -> set[str]:
        """Return the uploads that the load balancers verify clients with."""
        certificates = [
            one["Certificate"] or {}
            for balancer in self.balancers
            for listener in self.tenant.world.cloud.listeners(balancer)
            for one in (listener, *listener["Rules"])
        ]
        return {one["CertCaId"] for one in certificates if one.get("CertCaId")}


def one_door(tenant: Tenant) -> Doors:
    """Make a listener by method 1."""
    tls = {"caRef": {"name": "clients"}, **_FAST}
    tenant.listener(tls=tls)
    site = Site(domain=DOMAIN, port=PORT, address=tenant.address)
    return Doors(tenant=tenant, sites=(site,), balancers=(tenant.balancer,))


def three_doors(new_tenant: NewTenant) -> Doors:
    """Make a listener by method 1, and one by method 2 with two domains on another load balancer."""
    tenant, other = new_tenant(), new_tenant()
    tenant.world.cloud.tag_load_balancer(other.balancer, NAMESPACES_TAG, tenant.namespace)
    first = one_door(tenant)
    second = dataclasses.replace(tenant, balancer=other.balancer, address=other.address)
    names = ("a.acme.example", "b.acme.example")
    node_port = tenant.world.node_port
    second.listener(
        "shared",
        port=METHOD_2_PORT,
        sni=True,
        tls={"caRef": {"name": "clients"}, **_FAST},
        domains=[domain(node_port, names[0], default=True), domain(node_port, names[1])],
    )
    sites = (Site(domain=name, port=METHOD_2_PORT, address=other.address) for name in names)
    return Doors(tenant=tenant, sites=(*first.sites, *sites), balancers=(tenant.balancer, other.balancer))


def wait_until_open(doors: Doors) -> Doors:
    """Wait until every object is Ready and every backend healthy."""
    tenant = doors.tenant
    for kind in OUR_KINDS:
        for one in tenant.world.kube.list(kind, tenant.namespace):
            tenant.wait_ready(kind, one["metadata"]["name"])
    tenant.settle()
    return doors
