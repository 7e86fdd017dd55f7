"""The oldest of a namespace come first, and no two passes disagree."""

from datetime import timedelta

import pytest
from builders import NOW, authority, client_cert
from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.model import render_time
from mtls_operator.core.cluster import Request
from mtls_operator.core.quota import require_quota
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied

CA = authority()


def cert(name: str, minute: int = 0) -> ClientCert:
    made = client_cert(name)
    created = NOW + timedelta(minutes=minute)
    return made.model_copy(
        update={"metadata": made.metadata.model_copy(update={"creation_timestamp": created})}
    )


def request(name: str, minute: int = 0, *, deleting: bool = False) -> Request:
    return Request(
        ref=ObjectRef("edge", name),
        authority=CA.ref,
        uid=f"uid-{name}",
        created=render_time(NOW + timedelta(minutes=minute)),
        deleting=deleting,
    )


def is_admitted(own: ClientCert, *requests: Request, limit: int = 2) -> bool:
    try:
        require_quota(authority(clientCertPolicy={"maxPerNamespace": limit}), own, requests)
    except RequestDenied:
        return False
    return True


def test_the_first_up_to_the_limit_are_admitted() -> None:
    all_three = (request("a", 1), request("b", 2), request("c", 3))

    assert is_admitted(cert("a", 1), *all_three)
    assert is_admitted(cert("b", 2), *all_three)
    assert not is_admitted(cert("c", 3), *all_three)


def test_of_the_same_age_the_uid_decides() -> None:
    both = (request("a"), request("b"))

    assert is_admitted(cert("a"), *both, limit=1)
    assert not is_admitted(cert("b"), *both, limit=1)


def test_one_that_the_view_has_not_seen_yet_is_counted_by_itself() -> None:
    assert not is_admitted(cert("c", 3), request("a", 1), request("b", 2))


def test_what_is_being_deleted_makes_room() -> None:
    assert is_admitted(cert("c", 3), request("a", 1, deleting=True), request("b", 2), request("c", 3))


def test_the_refusal_names_rule_limit_and_count() -> None:
    ca = authority(clientCertPolicy={"maxPerNamespace": 1})
    with pytest.raises(
        RequestDenied, match=r"maxPerNamespace allows 1; namespace edge has 2 .*number 2 by age.*every minute"
    ) as caught:
        require_quota(ca, cert("b", 2), [request("a", 1), request("b", 2)])
    assert caught.value.reason == Reason.QUOTA_EXCEEDED


@given(
    ages=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    limit=st.integers(1, 8),
)
def test_as_many_as_the_limit_allows_are_admitted_whatever_their_ages(ages: list[int], limit: int) -> None:
    names = [f"n{number}" for number in range(len(ages))]
    requests = [request(name, age) for name, age in zip(names, ages, strict=True)]
    admitted = [
        name
        for name, age in zip(names, ages, strict=True)
        if is_admitted(cert(name, age), *requests, limit=limit)
    ]

    assert len(admitted) == min(limit, len(ages))
