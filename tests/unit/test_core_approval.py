"""An approval holds for exactly one object and one spec."""

from datetime import timedelta
from typing import Any

import pytest
from builders import client_cert
from pydantic import Field

from mtls_operator.api.client_cert import ClientCert, ClientCertSpec
from mtls_operator.api.meta import ObjectRef
from mtls_operator.api.model import ApiModel
from mtls_operator.core.approval import (
    Judgement,
    approval_key,
    approval_value,
    approvals_config_map,
    denial_value,
    judge,
    spec_hash,
)


def entries(cert: ClientCert, value: str) -> dict[str, str]:
    return {approval_key(cert.ref): value}


def test_an_approval_is_beside_the_authority() -> None:
    assert approvals_config_map(ObjectRef("platform", "clients")) == ObjectRef(
        "platform", "clients-approvals"
    )


def test_the_key_names_namespace_and_object() -> None:
    assert approval_key(ObjectRef("team-a", "payments.eu")) == "team-a.payments.eu"


def test_a_name_that_is_too_long_for_a_key_is_digested_to_one_that_no_object_can_have() -> None:
    long, other = "n" * 250, "n" * 251
    key = approval_key(ObjectRef("team-a", long))

    assert len(key) <= 253
    assert key.startswith("team-a._")
    assert key != approval_key(ObjectRef("team-a", other))


def test_nothing_is_approved_without_an_entry() -> None:
    assert judge(client_cert(), {}) is Judgement.PENDING


@pytest.mark.parametrize(
    ("value", "expected"), [(approval_value, Judgement.APPROVED), (denial_value, Judgement.DENIED)]
)
def test_an_entry_for_this_object_and_spec_counts(value: Any, expected: Judgement) -> None:
    cert = client_cert()

    assert judge(cert, entries(cert, value(cert))) is expected
    assert judge(cert, entries(cert, value(cert) + "\n")) is expected


OTHERS = [
    ("another duration", {"duration": "1h"}),
    ("another name", {"dnsNames": ["x.example"]}),
    ("another key", {"privateKey": {"algorithm": "RSA"}}),
    ("a request instead of a key", {"request": "QUJD"}),
    ("a label on the Secret", {"secretTemplate": {"labels": {"a": "b"}}}),
    ("another renewal", {"renewBefore": "2h"}),
]


@pytest.mark.parametrize("spec", [row[1] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_another_spec_needs_another_entry(spec: dict[str, Any]) -> None:
    before, after = client_cert(), client_cert(**spec)

    assert judge(after, entries(after, approval_value(before))) is Judgement.PENDING
    assert judge(after, entries(after, denial_value(before))) is Judgement.PENDING


def test_an_object_made_again_under_the_name_needs_another_entry() -> None:
    before = client_cert()
    again = before.model_copy(update={"metadata": before.metadata.model_copy(update={"uid": "uid-2"})})

    assert judge(again, entries(again, approval_value(before))) is Judgement.PENDING


def test_an_entry_under_another_key_says_nothing() -> None:
    cert = client_cert()

    assert judge(cert, {"edge.other": approval_value(cert)}) is Judgement.PENDING


SAME = [
    ("what is at its default does not count", {"duration": "2160h", "privateKey": {"algorithm": "ECDSA"}}),
    ("an empty object does not count", {"subject": {}, "dnsNames": [], "secretTemplate": {"labels": {}}}),
    ("a revocation does not count", {"revoked": {"reason": "KeyCompromise"}}),
]


@pytest.mark.parametrize("spec", [row[1] for row in SAME], ids=[row[0] for row in SAME])
def test_the_same_request_has_the_same_hash(spec: dict[str, Any]) -> None:
    assert spec_hash(client_cert(**spec)) == spec_hash(client_cert())


class LaterPart(ApiModel):
    members: tuple[str, ...] = Field(default_factory=tuple)


class LaterSpec(ClientCertSpec):
    """The spec of a later version, with fields that this one does not know."""

    extra: timedelta | None = None
    many: tuple[str, ...] = Field(default_factory=tuple)
    part: LaterPart = Field(default_factory=LaterPart)


def test_a_field_that_a_later_version_adds_changes_no_hash() -> None:
    cert = client_cert(dnsNames=["a.example"], duration="24h")
    later = cert.model_copy(update={"spec": LaterSpec.model_validate(cert.spec.render())})

    assert spec_hash(later) == spec_hash(cert)


def test_the_hash_stays_what_it_is_across_versions() -> None:
    """Approvals outlive the operator that they were written for: a change here would void them all."""
    cert = client_cert(dnsNames=["a.example"], duration="24h", subject={"organizations": ["Acme"]})

    assert spec_hash(cert) == "dd5562864a32ba89afe15436e39f64bd87d08a1c87d5a95dd376ce04814b9e60"
