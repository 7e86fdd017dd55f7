"""3. Errors come with HTTP 200 and the bare content type; every reply has a RequestId of its own.

Source: seen (the SDK looks for errors only under exactly this content type) and documented.
"""

import uuid

from simulator.cloud import Cloud
from simulator.signing import hand_made, json_body, send


async def test_success_and_error_have_the_same_envelope(cloud: Cloud) -> None:
    good = await send(cloud, hand_made(cloud))
    bad = await send(
        cloud, hand_made(cloud, "DescribeListeners", body=json_body(LoadBalancerId="lb-none0000"))
    )
    ids = set()
    for reply in (good, bad):
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        ids.add(uuid.UUID(reply.json()["Response"]["RequestId"]))
    assert len(ids) == 2
    assert bad.json()["Response"]["Error"]["Code"] == "InvalidParameter.LBIdNotFound"


async def test_body_that_is_not_json_gets_an_envelope_too(cloud: Cloud) -> None:
    reply = await send(cloud, hand_made(cloud, body=b"\xff{"))
    assert reply.status_code == 200
    assert reply.json()["Response"]["Error"]["Code"] == "InvalidParameter"
