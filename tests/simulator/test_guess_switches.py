"""Each behaviour that is a guess has a switch, and both of its values do what the page says.

Source: guesses, every one; docs/simulator-divergences.md says what is known. Switches with a test of their
own: see the files about placement, deletion, uploads, visibility, the busy tail and throttling.
"""

import dataclasses
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from simulator.cloud import Cloud, refused
from simulator.pki import Authority

from clb_simulator.switches import Switches

Start = Callable[..., Awaitable[Cloud]]
PAGE = Path(__file__).parents[2] / "docs" / "simulator-divergences.md"
TARGET = {"EniIp": "127.0.0.11", "Port": 1}


async def http_rule(cloud: Cloud, **fields: Any) -> dict[str, Any]:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/", **fields})
    return {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}


def test_page_lists_every_switch_with_its_values_and_its_default_first() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    hints = get_type_hints(Switches)
    for field in dataclasses.fields(Switches):
        told = re.findall(r"`([^`]+)`", rows[field.name])
        assert told[0] == spelled(field.default), field.name
        values = get_args(hints[field.name])
        assert not values or set(told) == set(values), field.name


def spelled(default: object) -> str:
    """A value as the page and the command line write it."""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


@pytest.mark.parametrize("mode", ["accepted", "duplicate"])
async def test_register_existing_target(start_cloud: Start, mode: str) -> None:
    cloud = await start_cloud(register_existing_target=mode)
    where = await http_rule(cloud)
    await cloud.change("RegisterTargets", **where, Targets=[TARGET])
    again = [{**TARGET, "Weight": 99}]
    if mode == "accepted":
        await cloud.change("RegisterTargets", **where, Targets=again)
    else:
        with refused("InvalidParameterValue.Duplicate"):
            await cloud.clb("RegisterTargets", **where, Targets=again)
    read = await cloud.clb("DescribeTargets", LoadBalancerId=where["LoadBalancerId"])
    assert [one.Weight for one in read.Listeners[0].Rules[0].Targets] == [10]


@pytest.mark.parametrize(("mode", "unhealthy"), [("replaced", 3), ("merged", 9)])
async def test_modified_health_check(start_cloud: Start, mode: str, unhealthy: int) -> None:
    cloud = await start_cloud(modified_health_check=mode)
    where = await http_rule(cloud, HealthCheck={"UnHealthNum": 9})
    await cloud.change("ModifyRule", **where, HealthCheck={"HealthNum": 7})
    described = await cloud.describe_listener(where["LoadBalancerId"], where["ListenerId"])
    check = described.Rules[0].HealthCheck
    assert (check.HealthNum, check.UnHealthNum) == (7, unhealthy)


@pytest.mark.parametrize("needed", [True, False])
async def test_session_needs_wrr(start_cloud: Start, *, needed: bool) -> None:
    cloud = await start_cloud(session_needs_wrr=needed)
    fields = {"SessionExpireTime": 30, "Scheduler": "LEAST_CONN"}
    if needed:
        with refused("InvalidParameter"):
            await http_rule(cloud, **fields)
    else:
        await http_rule(cloud, **fields)


@pytest.mark.parametrize("mirrored", [True, False])
async def test_rule_certificate_mirrors_listener(
    start_cloud: Start, authority: Authority, *, mirrored: bool
) -> None:
    cloud = await start_cloud(rule_certificate_mirrors_listener=mirrored)
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Certificate=await cloud.mutual(authority))
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    described = await cloud.describe_listener(lb, listener)
    shown = described.Rules[0].Certificate
    assert (shown is not None) is mirrored
    if mirrored:
        assert shown.CertCaId == described.Certificate.CertCaId


@pytest.mark.parametrize("allowed", [True, False])
async def test_ca_bundle(
    start_cloud: Start, authority: Authority, other_authority: Authority, *, allowed: bool
) -> None:
    cloud = await start_cloud(ca_bundle=allowed)
    bundle = {"CertificatePublicKey": f"{authority.pem}\n{other_authority.pem}", "CertificateType": "CA"}
    if not allowed:
        with refused("FailedOperation.CertificateChainError"):
            await cloud.ssl("UploadCertificate", **bundle)
        return
    uploaded = await cloud.ssl("UploadCertificate", **bundle)
    read = await cloud.ssl("DescribeCertificate", CertificateId=uploaded.CertificateId)
    assert read.CACommonNames == ["Simulator Test Root", "Another Root"]


@pytest.mark.parametrize(("mode", "is_equal"), [("leaf", True), ("chain", False)])
async def test_repeated_upload(
    start_cloud: Start, authority: Authority, other_authority: Authority, mode: str, *, is_equal: bool
) -> None:
    cloud = await start_cloud(repeated_upload=mode)
    first = await cloud.upload_ca(authority)
    longer = f"{authority.pem}\n{other_authority.pem}"
    found = await cloud.ssl("CheckCertificateExist", CertificatePublicKey=longer)
    assert (found.RepeatCertId == first) is is_equal


@pytest.mark.parametrize(("mode", "number"), [("oldest", 0), ("newest", -1)])
async def test_named_copy(start_cloud: Start, authority: Authority, mode: str, number: int) -> None:
    cloud = await start_cloud(named_copy=mode)
    copies = [await cloud.upload_ca(authority) for _ in range(3)]
    found = await cloud.ssl("CheckCertificateExist", CertificatePublicKey=authority.pem)
    assert found.RepeatCertId == copies[number]
    again = await cloud.ssl(
        "UploadCertificate", CertificatePublicKey=authority.pem, CertificateType="CA", Repeatable=False
    )
    assert again.RepeatCertId == copies[number]
