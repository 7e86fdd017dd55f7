"""The API port serves TLS with a certificate that it makes itself, when asked to.

Source: a property of the simulator; real clients speak HTTPS unless they are told otherwise.
"""

import ssl
from pathlib import Path

import httpx
import pytest
from simulator.cloud import SECRET_ID, SECRET_KEY, UIN, Cloud
from simulator.signing import hand_made
from simulator.still_clock import StillClock

from clb_simulator.auth import SecretKey
from clb_simulator.server import Config, Server


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "clb.tencentcloudapi.com", "clb.ap-beijing.tencentcloudapi.com"]
)
async def test_certificate_is_good_for_address_and_names(tmp_path: Path, host: str) -> None:
    ca_file = tmp_path / "ca.pem"
    key = SecretKey(SECRET_ID, SECRET_KEY, UIN)
    clock = StillClock()
    server = Server(Config(keys={SECRET_ID: key}, tls_ca_file=ca_file), clock)
    await server.start()
    cloud = Cloud(server, clock)
    try:
        assert server.api.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        request = hand_made(cloud, host=host)
        async with httpx.AsyncClient(verify=context) as client:
            reply = await client.post(
                server.api.url,
                content=request.body,
                headers=request.headers(),
                extensions={"sni_hostname": host},
            )
        assert "QuotaSet" in reply.json()["Response"]
        async with httpx.AsyncClient() as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.post(server.api.url)
    finally:
        await cloud.close()
    assert "PRIVATE KEY" not in ca_file.read_text()
