"""What the annotation `rotate` asks for."""

from datetime import timedelta

import pytest
from builders import authority
from hypothesis import given
from hypothesis import strategies as st
from unit.lineages import BUNDLE, CROSS_SIGN, SAME_KEY, first

from mtls_operator.core.rotation_request import RotateRequest, why_not

REQUESTS = [
    ("now", RotateRequest(strategy=CROSS_SIGN)),
    ("2026-11-23T12:00:00Z", RotateRequest(strategy=CROSS_SIGN)),
    ("do not evict-me", RotateRequest(strategy=CROSS_SIGN)),
    ("EVICT-1", RotateRequest(strategy=CROSS_SIGN)),
    ("evict-", RotateRequest(strategy=CROSS_SIGN, evicting=True)),
    ("evict-2026-11-23", RotateRequest(strategy=CROSS_SIGN, evicting=True)),
    ("evict-1;soak=10m", RotateRequest(strategy=CROSS_SIGN, evicting=True, soak=timedelta(minutes=10))),
    ("evict-1;soak=0s", RotateRequest(strategy=CROSS_SIGN, evicting=True, soak=timedelta())),
    ("evict-1;soak=", RotateRequest(strategy=CROSS_SIGN, evicting=True, unreadable="")),
    ("evict-1;soak=soon", RotateRequest(strategy=CROSS_SIGN, evicting=True, unreadable="soon")),
    ("evict-1;soak=-1h", RotateRequest(strategy=CROSS_SIGN, evicting=True, unreadable="-1h")),
    ("again;soak=10m", RotateRequest(strategy=CROSS_SIGN)),
]


@pytest.mark.parametrize(("text", "expected"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_the_annotation_is_read(text: str, expected: RotateRequest) -> None:
    assert RotateRequest.parse(text, CROSS_SIGN) == expected


@given(st.text())
def test_no_text_is_too_odd_to_be_read_or_refused(text: str) -> None:
    request = RotateRequest.parse(text, BUNDLE)
    assert request.evicting == text.startswith("evict-")
    assert (why_not(request, authority().spec, first()) is not None) == bool(request.unreadable)


def test_the_same_key_takes_the_place_of_one_of_the_same_name() -> None:
    spec = authority(subject={"commonName": "Root clients"}).spec
    assert why_not(RotateRequest(strategy=SAME_KEY), spec, first()) is None
    renamed = authority(subject={"commonName": "Root clients", "organizations": ["Acme"]}).spec
    assert why_not(RotateRequest(strategy=SAME_KEY), renamed, first()) is not None
