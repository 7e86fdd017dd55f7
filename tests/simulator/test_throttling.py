"""5. Each action has a bucket of its documented rate per account and region; SSL has a code of its own.

Source: documented (20 per second, uploads 10) and seen (codes and wording).
"""

from collections.abc import Awaitable, Callable

from simulator.cloud import Cloud, refused
from simulator.pki import Authority

Start = Callable[..., Awaitable[Cloud]]


async def test_twenty_first_call_in_a_second_is_refused_and_the_next_second_is_open(
    start_cloud: Start,
) -> None:
    cloud = await start_cloud(throttled=True)
    for _ in range(20):
        await cloud.clb("DescribeQuota")
    with refused("RequestLimitExceeded") as refusal:
        await cloud.clb("DescribeQuota")
    assert "frequency limit `20`" in refusal.message
    await cloud.clb("DescribeLoadBalancers")
    await cloud.clb("DescribeQuota", region="ap-beijing")
    cloud.clock.advance(0.06)
    await cloud.clb("DescribeQuota")
    with refused("RequestLimitExceeded"):
        await cloud.clb("DescribeQuota")


async def test_ten_uploads_a_second(start_cloud: Start, authority: Authority) -> None:
    cloud = await start_cloud(throttled=True)
    for _ in range(10):
        await cloud.upload_ca(authority)
    with refused("LimitExceeded.RateLimitExceeded") as refusal:
        await cloud.upload_ca(authority)
    assert "frequency limit `10`" in refusal.message
    assert (await cloud.ssl("DescribeCertificates")).TotalCount == 10


async def test_ssl_can_have_the_gateways_code(start_cloud: Start) -> None:
    cloud = await start_cloud(throttled=True, ssl_throttle_code="RequestLimitExceeded")
    for _ in range(20):
        await cloud.ssl("DescribeCertificates")
    with refused("RequestLimitExceeded"):
        await cloud.ssl("DescribeCertificates")


async def test_ssl_has_its_own_code(start_cloud: Start) -> None:
    cloud = await start_cloud(throttled=True)
    for _ in range(20):
        await cloud.ssl("DescribeCertificates")
    with refused("LimitExceeded.RateLimitExceeded"):
        await cloud.ssl("DescribeCertificates")
