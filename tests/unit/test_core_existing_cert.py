"""A certificate that is in the cloud already: which one can be shown, and what is said of the others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW

from mtls_operator.core.cloud import CertId, CertificateKind, CertificateState, DescribedCertificate
from mtls_operator.core.existing_cert import require_existing, require_names
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady, SpecError

ID = CertId("LtIaSxlb")
GOOD = DescribedCertificate(
    kind=CertificateKind.SERVER,
    state=CertificateState.ISSUED,
    names=("api.acme.example", "*.shop.example"),
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=30),
)


def test_an_issued_server_certificate_can_be_shown_until_its_end() -> None:
    found = require_existing(ID, GOOD, (), NOW)
    assert (found.id, found.not_after) == (ID, GOOD.not_after)


def test_one_that_is_not_there_is_named_with_its_reason() -> None:
    with pytest.raises(SpecError, match="the cloud has no certificate LtIaSxlb") as refused:
        require_existing(ID, None, (), NOW)
    assert refused.value.reason == Reason.CERTIFICATE_NOT_FOUND


UNUSABLE = {
    "a CA's": (replace(GOOD, kind=CertificateKind.CA), "it is a CA's"),
    "neither's": (replace(GOOD, kind=None), "Name the certificate of a server"),
    "revoked": (replace(GOOD, state=CertificateState.REVOKED), "its status in the cloud is: revoked"),
    "not issued": (replace(GOOD, state=CertificateState.NOT_ISSUED), "Name one that is issued"),
    "past its end": (replace(GOOD, not_after=NOW), "it expired at 2026-11-23 12:00 UTC; what is bound stays"),
    "expired by the cloud's word": (replace(GOOD, state=CertificateState.EXPIRED), "it expired at"),
    "without an end": (replace(GOOD, not_after=None), "does not say until when"),
}


@pytest.mark.parametrize(("found", "sentence"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_one_that_cannot_serve_is_refused_with_what_is_wrong(
    found: DescribedCertificate, sentence: str
) -> None:
    with pytest.raises(SpecError, match=sentence) as refused:
        require_existing(ID, found, (), NOW)
    assert refused.value.reason == Reason.CERTIFICATE_NOT_USABLE


def test_an_upload_of_the_operator_is_refused_since_it_would_go_with_its_object() -> None:
    with pytest.raises(SpecError, match="uploaded by the operator") as refused:
        require_existing(ID, GOOD, (ID,), NOW)
    assert refused.value.reason == Reason.CERTIFICATE_NOT_USABLE


def test_one_under_review_and_one_of_the_future_are_waited_for() -> None:
    with pytest.raises(NotReady, match="is under review in the cloud"):
        require_existing(ID, replace(GOOD, state=CertificateState.UNDER_REVIEW), (), NOW)
    later = replace(GOOD, not_before=NOW + timedelta(hours=3))
    with pytest.raises(NotReady, match="is valid from 2026-11-23 15:00 UTC on") as waiting:
        require_existing(ID, later, (), NOW)
    assert waiting.value.retry_after == timedelta(hours=3)


def test_every_domain_has_to_be_among_its_names() -> None:
    found = require_existing(ID, GOOD, (), NOW)
    require_names(found, ["api.acme.example", "eu.shop.example", "*.shop.example", "~^.*[.]example$"])
    with pytest.raises(
        SpecError, match=r"not good for b\.example, shop\.example; its names are api"
    ) as refused:
        require_names(found, ["api.acme.example", "b.example", "shop.example"])
    assert refused.value.reason == Reason.CERTIFICATE_NOT_USABLE
