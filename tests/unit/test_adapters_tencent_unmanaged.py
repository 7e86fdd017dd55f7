"""What a listener has switched on beyond what a manifest can say."""

from typing import Any

import pytest

from mtls_operator.adapters.tencent.unmanaged import unmanaged

OFF: dict[str, Any] = {
    "Domain": "a.example",
    "Url": "/",
    "QuicStatus": "QUIC_INACTIVE",
    "CookieName": None,
    "RewriteTarget": {"TargetListenerId": None, "TargetLocationId": None},
    "Domains": ["a.example"],
    "TargetType": "NODE",
}


@pytest.mark.parametrize("rules", [[OFF], [{}], None])
def test_what_is_off_or_absent_is_not_named(rules: object) -> None:
    assert list(unmanaged({"KeepaliveEnable": 0, "MaxConn": -1, "MaxCps": None, "Rules": rules})) == []


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("QuicStatus", "QUIC_ACTIVE", "QUIC of rule a.example/"),
        ("CookieName", "JSESSIONID", "the cookie's name of rule a.example/"),
        ("RewriteTarget", {"TargetListenerId": "lbl-1"}, "the redirection of rule a.example/"),
        ("Domains", ["a.example", "b.example"], "the further domains b.example of rule a.example/"),
        ("TargetType", "TARGETGROUP-V2", "the target group of rule a.example/"),
    ],
)
def test_a_rules_is_named_with_the_rule(field: str, value: object, named: str) -> None:
    assert list(unmanaged({"Rules": [{**OFF, field: value}]})) == [named]


@pytest.mark.parametrize("field", ["KeepaliveEnable", "MaxConn", "MaxCps"])
def test_a_listeners_is_named(field: str) -> None:
    assert list(unmanaged({field: 1})) == [f"{field} of the listener"]
