"""28. Clocks that differ: within five minutes nothing is noticed, beyond them a signature has expired.

Source: documented (AuthFailure.SignatureExpire).
"""

import pytest
from simulator.cloud import Cloud, refused


@pytest.mark.parametrize("seconds", [310, -310])
async def test_too_far_ahead_or_behind(cloud: Cloud, seconds: int) -> None:
    await cloud.admin("POST", "/faults", kind="clock-skew", seconds=seconds)
    with refused("AuthFailure.SignatureExpire"):
        await cloud.clb("DescribeQuota")
    await cloud.clb("DescribeQuota")


async def test_a_little_is_tolerated(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults", kind="clock-skew", seconds=200)
    await cloud.clb("DescribeQuota")
