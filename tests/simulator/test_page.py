"""The page on the admin port needs nothing from elsewhere and forbids itself to ask for it.

Source: a property of the simulator. What it shows is tested in a browser, in tests/browser.
"""

import re

from simulator.cloud import Cloud


async def test_page_is_one_file_under_a_strict_policy(cloud: Cloud) -> None:
    reply = await cloud.admin_client.get("/")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert re.findall(r"""(?:src|href)=["'](?!data:,|/)""", reply.text) == []
    assert "innerHTML" not in reply.text


async def test_last_calls_can_be_asked_for(cloud: Cloud) -> None:
    for _ in range(5):
        await cloud.clb("DescribeQuota")
    log = await cloud.admin("GET", "/calls?last=2")
    assert [one["number"] for one in log["calls"]] == [4, 5]
    assert log["total"] == 5
    assert (await cloud.admin("GET", "/calls?last=0"))["calls"] == []
    assert (await cloud.admin_client.get("/calls?last=two")).status_code == 400
