"""1. TC3 signatures are recomputed over the raw body and the received Host, and refused with the right code.

Source: documented (signature method v3; error codes 214/30695).
"""

import datetime as dt

import pytest
from simulator.cloud import Cloud
from simulator.signing import hand_made, outcome


async def test_right_signature_is_accepted(cloud: Cloud) -> None:
    assert await outcome(cloud, hand_made(cloud)) == "ok"


async def test_longer_list_of_signed_headers_is_accepted(cloud: Cloud) -> None:
    request = hand_made(cloud, signed=("content-type", "host", "x-tc-action"))
    assert await outcome(cloud, request) == "ok"


async def test_host_with_a_scheme_is_verified_as_received(cloud: Cloud) -> None:
    request = hand_made(cloud, host=f"http://{cloud.server.api.host}:{cloud.server.api.port}")
    assert await outcome(cloud, request) == "ok"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"secret_id": "AKIDunknown"}, "AuthFailure.SecretIdNotFound"),
        ({"date": "2020-01-01"}, "AuthFailure.SignatureFailure"),
    ],
    ids=["wrong key", "unknown id", "date is not the timestamp's"],
)
async def test_wrong_credential_is_refused(cloud: Cloud, changes: dict[str, str], code: str) -> None:
    assert await outcome(cloud, hand_made(cloud, **changes)) == code


async def test_other_service_than_the_hosts_is_refused(cloud: Cloud) -> None:
    request = hand_made(cloud, service="ssl", host="clb.tencentcloudapi.com")
    request.extra = {"X-TC-Version": "2018-03-17"}
    assert await outcome(cloud, request) == "AuthFailure.SignatureFailure"


async def test_body_changed_after_signing_is_refused(cloud: Cloud) -> None:
    assert await outcome(cloud, hand_made(cloud), body=b"{ }") == "AuthFailure.SignatureFailure"


async def test_host_changed_after_signing_is_refused(cloud: Cloud) -> None:
    assert await outcome(cloud, hand_made(cloud), Host="localhost") == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize(
    ("skew", "code"),
    [
        (299, "ok"),
        (-299, "ok"),
        (302, "AuthFailure.SignatureExpire"),
        (-301, "AuthFailure.SignatureExpire"),
    ],
)
async def test_clock_skew_of_five_minutes_is_the_limit(cloud: Cloud, skew: int, code: str) -> None:
    request = hand_made(cloud, at=cloud.clock.now() + dt.timedelta(seconds=skew))
    assert await outcome(cloud, request) == code


async def test_unsigned_payload_is_accepted_when_the_request_says_so(cloud: Cloud) -> None:
    request = hand_made(cloud, body=b"UNSIGNED-PAYLOAD")
    marked = {"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert await outcome(cloud, request, body=b"{}", **marked) == "ok"
    assert await outcome(cloud, request, body=b"{}") == "AuthFailure.SignatureFailure"


async def test_other_form_of_authorization_is_refused(cloud: Cloud) -> None:
    code = await outcome(cloud, hand_made(cloud), Authorization="Bearer x")
    assert code == "AuthFailure.InvalidAuthorization"
    assert await outcome(cloud, hand_made(cloud), Authorization="SKIP") == "AuthFailure.InvalidAuthorization"
