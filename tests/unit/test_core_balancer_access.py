"""Which namespaces may use which load balancer."""

import pytest

from mtls_operator.core.balancer_access import NAMESPACES_TAG, AccessMode, BalancerAccess
from mtls_operator.core.cloud import LoadBalancer, LoadBalancerId
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError


def balancer(tag: str | None = None) -> LoadBalancer:
    tags = {NAMESPACES_TAG: tag} if tag is not None else {}
    return LoadBalancer(id=LoadBalancerId("lb-1"), region="r", addresses=(), tags=tags, ready=True)


LISTED = BalancerAccess(mode=AccessMode.LISTED, listed={"lb-1": ("edge",), "lb-2": ("prod",)})
ADMITTED = [
    ("a tag that names it", BalancerAccess(), balancer("edge")),
    ("a tag that names several, with blanks", BalancerAccess(), balancer("prod edge")),
    ("a tag that names several, with commas", BalancerAccess(), balancer("prod, edge")),
    ("a tag with a star", BalancerAccess(), balancer("*")),
    ("a list in the configuration", LISTED, balancer()),
    (
        "a star in the configuration",
        BalancerAccess(mode=AccessMode.LISTED, listed={"lb-1": ("*",)}),
        balancer(),
    ),
    ("Any, whatever the tag says", BalancerAccess(mode=AccessMode.ANY), balancer("prod")),
]
REFUSED = [
    ("no tag", BalancerAccess(), balancer(), f"{NAMESPACES_TAG} is not set"),
    ("an empty tag", BalancerAccess(), balancer(""), f"{NAMESPACES_TAG} is ''"),
    ("a tag for others", BalancerAccess(), balancer("prod"), f"{NAMESPACES_TAG} is 'prod'.*contains edge"),
    ("a tag that only begins so", BalancerAccess(), balancer("edge-2"), "is 'edge-2'"),
    (
        "a configuration that lists another balancer",
        BalancerAccess(mode=AccessMode.LISTED, listed={"lb-2": ("edge",)}),
        balancer("edge"),
        "loadBalancerAccess.listed",
    ),
]


@pytest.mark.parametrize(("access", "found"), [row[1:] for row in ADMITTED], ids=[row[0] for row in ADMITTED])
def test_a_namespace_is_admitted_by(access: BalancerAccess, found: LoadBalancer) -> None:
    access.require(found, "edge")


@pytest.mark.parametrize(
    ("access", "found", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_namespace_is_refused_by(access: BalancerAccess, found: LoadBalancer, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence) as caught:
        access.require(found, "edge")
    assert caught.value.reason == Reason.LOAD_BALANCER_NOT_ALLOWED
