"""No request made from the SDK's models breaks the simulator, nor changes anything when it is refused.

A short run of what `make fuzz` does at length, and every wrong PEM text in every place for one.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fuzz.fuzzer import Fuzzer, Violation, send
from fuzz.pem_bodies import pem_bodies
from simulator.cloud import Cloud

from clb_simulator.action import Action, Call, Kind
from clb_simulator.catalog import ACTIONS
from clb_simulator.params import Json, Object, Params

Start = Callable[..., Awaitable[Cloud]]
REQUESTS = 600
SLOWEST_SECONDS = 10.0


def test_a_few_hundred() -> None:
    fuzzer = Fuzzer(seed=2026)
    asyncio.run(fuzzer.run(REQUESTS))
    assert fuzzer.tally.total == REQUESTS
    # Otherwise the requests do not get past the first check.
    assert fuzzer.tally.outcomes["ok"] > REQUESTS / 10
    assert len(fuzzer.tally.outcomes) > 10


def break_off(_call: Call, _params: Params) -> Object:
    raise ZeroDivisionError


def test_defect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Action(handler=break_off, kind=Kind.READ)
    monkeypatch.setitem(ACTIONS["clb"], "DescribeQuota", broken)
    with pytest.raises(Violation, match="InternalError from clb DescribeQuota"):
        asyncio.run(Fuzzer(seed=1).run(REQUESTS))


@pytest.mark.parametrize("what", pem_bodies())
async def test_wrong_pem_is_refused_or_taken_and_nothing_else(start_cloud: Start, what: str) -> None:
    cloud = await start_cloud()
    bodies = pem_bodies()
    text = bodies[what]
    places: list[dict[str, Json]] = [
        {"CertificatePublicKey": text, "CertificateType": "CA"},
        {"CertificatePublicKey": text, "CertificatePrivateKey": bodies["key"]},
        {"CertificatePublicKey": bodies["leaf"], "CertificatePrivateKey": text},
        {"CertificatePublicKey": text, "CertificatePrivateKey": text},
    ]
    for body in places:
        before = len(cloud.server.engine.store.certificates.all())
        async with asyncio.timeout(SLOWEST_SECONDS):
            reply = await send(cloud.server, "ssl", "UploadCertificate", body)
        assert reply.get("Error", {}).get("Code") != "InternalError"
        added = len(cloud.server.engine.store.certificates.all()) - before
        assert added == (0 if "Error" in reply else 1)
