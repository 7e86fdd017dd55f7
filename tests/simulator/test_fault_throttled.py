"""28. Throttling on order, with either code, for as many calls as asked.

Source: seen (both codes); SSL has one of its own.
"""

from simulator.cloud import Cloud, refused


async def test_each_product_has_its_code(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults", kind="throttled", count=2)
    with refused("RequestLimitExceeded"):
        await cloud.clb("DescribeQuota")
    with refused("LimitExceeded.RateLimitExceeded"):
        await cloud.ssl("DescribeCertificates")
    await cloud.clb("DescribeQuota")


async def test_code_can_be_chosen(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults", kind="throttled", code="LimitExceeded.RateLimitExceeded")
    with refused("LimitExceeded.RateLimitExceeded") as refusal:
        await cloud.clb("DescribeQuota")
    assert "frequency limit" in refusal.message
