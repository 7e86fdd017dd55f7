"""Which listener on the port may become ours, and what a refusal says."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from builders import listener as wanted
from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.core.adoption import is_claimed_by_another, on_port, require_adoptable
from mtls_operator.core.build import listener_name, named_owner
from mtls_operator.core.cloud import Listener, ListenerId
from mtls_operator.errors import OwnershipError

CLUSTER = "cluster-1"
SHOP = Listener(
    id=ListenerId("lbl-x"), name="shop", protocol="HTTPS", port=443, sni=False, tls=None, create_time="t"
)


def refusal(
    resource: MutualTLSListener,
    found: Listener = SHOP,
    others: Collection[MutualTLSListener] = (),
    *,
    consent: bool = False,
) -> str:
    """Return the reason and the sentence of a refusal, empty without one."""
    try:
        require_adoptable(resource, found, cluster=CLUSTER, others=others, allow_always=consent)
    except OwnershipError as error:
        return f"{error.reason}: {error.message}"
    return ""


def asking(policy: str = "IfIdentical", name: str = "api", **fields: object) -> MutualTLSListener:
    return wanted(name, adoptionPolicy=policy, **fields)


def named(by: str, uid: str, ref: str) -> Listener:
    """Return the listener as an operator named it."""
    other = wanted(ref.partition("/")[2], namespace=ref.partition("/")[0])
    metadata = other.metadata.model_copy(update={"uid": uid})
    return replace(SHOP, name=listener_name(by, other.model_copy(update={"metadata": metadata})))


def test_without_a_policy_nothing_is_adopted_and_the_way_in_is_said() -> None:
    said = refusal(asking("Never"))
    assert said.startswith(
        "PortTaken: port 443 of load balancer lb-1a2b3c4d has the HTTPS listener lbl-x (shop)"
    )
    assert "set spec.adoptionPolicy: IfIdentical" in said


def test_one_may_be_asked_for_when_it_is_identical() -> None:
    assert refusal(asking("IfIdentical")) == ""


def test_always_needs_the_operators_consent() -> None:
    assert "AdoptionRefused: " in refusal(asking("Always"))
    assert "adoption.allowAlways: true in the operator's configuration" in refusal(asking("Always"))
    assert refusal(asking("Always"), consent=True) == ""


NEVER_ADOPTED = {
    "one of TKE": (replace(SHOP, name="TKE-LISTENER"), "TKE made it"),
    "one whose name begins as TKE's do": (replace(SHOP, name="TKE-LISTENER-443"), "TKE made it"),
    "one of another protocol": (replace(SHOP, protocol="TCP_SSL"), "is not HTTPS"),
    "one with another SNI": (replace(SHOP, sni=True), "its SNI is on and spec.sni says off"),
    "one of another cluster": (named("cluster-2", "uid-9", "edge/api"), "the operator of another cluster"),
    "one of another object": (named(CLUSTER, "uid-web", "edge/web"), "the one of MutualTLSListener edge/web"),
}


@pytest.mark.parametrize("policy", ["Never", "IfIdentical", "Always"])
@pytest.mark.parametrize(("found", "sentence"), NEVER_ADOPTED.values(), ids=NEVER_ADOPTED)
def test_never_adopted_under_any_policy_is(found: Listener, sentence: str, policy: str) -> None:
    said = refusal(asking(policy), found, [asking(), wanted("web")], consent=True)
    assert sentence in said
    assert said.startswith("PortTaken" if policy == "Never" else "AdoptionRefused")


def test_one_that_another_object_knows_by_its_status_is_that_objects_whatever_its_name() -> None:
    other = wanted("web", port=443)
    status = other.status.model_copy(update={"listener_id": SHOP.id, "create_time": SHOP.create_time})
    assert "edge/web" in refusal(asking(), SHOP, [other.model_copy(update={"status": status})])
    older = status.model_copy(update={"create_time": "before"})
    assert refusal(asking(), SHOP, [other.model_copy(update={"status": older})]) == ""


def test_one_of_an_earlier_life_may_be_had_back_and_never_says_how() -> None:
    left = named(CLUSTER, "uid-before-the-restore", "edge/api")
    assert refusal(asking("IfIdentical"), left) == ""
    assert refusal(asking("Always"), left, consent=True) == ""
    said = refusal(asking("Never"), left)
    assert "an object of this name that is gone" in said
    assert "spec.adoptionPolicy: IfIdentical to have it back" in said
    assert "that is gone" not in refusal(asking("Never"), named(CLUSTER, "uid-gone", "edge/web"))


# Here a uid is made of the name; a real one has 36 characters and is never cut.
@given(st.text("ab-", min_size=1, max_size=60), st.text("ab-", min_size=1, max_size=40))
def test_an_earlier_life_is_known_as_far_as_the_name_was_not_cut(namespace: str, name: str) -> None:
    resource = wanted(name, namespace=namespace)
    owner = named_owner(listener_name(CLUSTER, resource))
    assert owner is not None
    assert owner.is_in(CLUSTER)
    assert not owner.is_in("cluster-2")
    assert owner.is_life_of(resource)
    assert not owner.is_life_of(wanted(f"x{name}", namespace=f"x{namespace}"))


@pytest.mark.parametrize("name", ["", "shop", "mtls:", "mtls:0123456789ab", "mtls:0123456789AB:u:edge/api"])
def test_a_name_that_no_operator_gave_has_no_owner(name: str) -> None:
    assert named_owner(name) is None


@pytest.mark.parametrize("protocol", ["HTTPS", "HTTP", "TCP", "TCP_SSL"])
def test_a_port_is_taken_by_whatever_is_of_the_same_family(protocol: str) -> None:
    found = replace(SHOP, protocol=protocol)
    assert on_port(wanted(), [replace(SHOP, port=80), found]) is found
    assert on_port(wanted(), [replace(SHOP, protocol="UDP"), replace(SHOP, protocol="QUIC")]) is None


def claimed(found: Listener, *others: MutualTLSListener) -> bool:
    return is_claimed_by_another(wanted(), found, cluster=CLUSTER, others=others)


def test_what_carries_the_name_of_a_rival_for_the_port_is_the_rivals() -> None:
    found = named(CLUSTER, "uid-web", "edge/web")
    assert claimed(found, wanted("web"))
    assert claimed(named("cluster-2", "uid-web", "edge/web"))
    assert not claimed(found, wanted("web", port=8443))
    assert not claimed(found)
    assert not claimed(SHOP, wanted("web"))
    assert not claimed(named(CLUSTER, "uid-api", "edge/api"), wanted("web"))
