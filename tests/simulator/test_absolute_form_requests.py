"""30. Requests in absolute form, as clients behind a proxy setting send them, are routed by Host.

Source: seen (what the SDK sends with HTTP_PROXY set).
"""

import asyncio
import json
from typing import Any

from simulator.cloud import Cloud
from simulator.signing import HandMade, hand_made


async def send_absolute(cloud: Cloud, request: HandMade) -> Any:
    reader, writer = await asyncio.open_connection(cloud.server.api.host, cloud.server.api.port)
    headers = {**request.headers(), "Content-Length": str(len(request.body)), "Connection": "close"}
    lines = [
        f"POST http://{request.host}/ HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + request.body)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return json.loads(reply.split(b"\r\n\r\n", 1)[1])["Response"]


async def test_product_is_taken_from_the_host(cloud: Cloud) -> None:
    for service, host, action in (
        ("clb", "clb.tencentcloudapi.com", "DescribeQuota"),
        ("clb", "clb.ap-guangzhou.tencentcloudapi.com", "DescribeQuota"),
        ("ssl", "ssl.intl.tencentcloudapi.com", "DescribeCertificates"),
        ("sts", "sts.tencentcloudapi.com", "GetCallerIdentity"),
    ):
        reply = await send_absolute(cloud, hand_made(cloud, action, service=service, host=host))
        assert "Error" not in reply, reply


async def test_host_decides_and_not_what_was_signed_for(cloud: Cloud) -> None:
    for host, code in (
        ("cos.tencentcloudapi.com", "NoSuchProduct"),
        ("ssl.tencentcloudapi.com", "NoSuchVersion"),
    ):
        reply = await send_absolute(cloud, hand_made(cloud, host=host))
        assert reply["Error"]["Code"] == code
