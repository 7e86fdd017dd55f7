"""Sign requests by hand, independently of the SDK and of the simulator.

Written from the documented algorithm, so that a mistake that both of the others share would show.
"""

import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from simulator.cloud import REGION, SECRET_ID, SECRET_KEY, Cloud

VERSIONS = {
    "clb": "2018-03-17",
    "ssl": "2019-12-05",
    "sts": "2018-08-13",
    "tag": "2018-08-13",
    "vpc": "2017-03-12",
}


@dataclass
class HandMade:
    """A request whose every part a test can change."""

    service: str
    action: str
    host: str
    at: dt.datetime
    body: bytes = b"{}"
    date: str | None = None
    secret_id: str = SECRET_ID
    secret_key: str = SECRET_KEY
    signed: tuple[str, ...] = ("content-type", "host")
    extra: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        timestamp = str(int(self.at.timestamp()))
        headers = {
            "Host": self.host,
            "Content-Type": "application/json",
            "X-TC-Action": self.action,
            "X-TC-Version": VERSIONS.get(self.service, VERSIONS["clb"]),
            "X-TC-Timestamp": timestamp,
            "X-TC-Region": REGION,
            **self.extra,
        }
        by_name = {name.lower(): value for name, value in headers.items()}
        date = self.date or self.at.strftime("%Y-%m-%d")
        scope = f"{date}/{self.service}/tc3_request"
        lines = "".join(
            f"{name}:{by_name[name] if name in ('host', 'content-type') else by_name[name].lower()}\n"
            for name in self.signed
        )
        names = ";".join(self.signed)
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(self.body).hexdigest()}"
        text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"TC3" + self.secret_key.encode()
        for part in (date, self.service, "tc3_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.secret_id}/{scope}"
        headers["Authorization"] = (
            f"TC3-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        )
        return headers


def hand_made(
    cloud: Cloud, action: str = "DescribeQuota", *, service: str = "clb", **changes: Any
) -> HandMade:
    """A request that is right unless `changes` says otherwise."""
    host = f"{cloud.server.api.host}:{cloud.server.api.port}"
    values: dict[str, Any] = {"service": service, "action": action, "host": host, "at": cloud.clock.now()}
    return HandMade(**{**values, **changes})


async def send(
    cloud: Cloud, request: HandMade, *, body: bytes | None = None, **headers: str
) -> httpx.Response:
    """Send a hand-made request; `body` and `headers` replace parts after signing."""
    sent = {name: value for name, value in {**request.headers(), **headers}.items() if value}
    async with httpx.AsyncClient() as client:
        return await client.post(
            cloud.server.api.url, content=request.body if body is None else body, headers=sent
        )


async def outcome(cloud: Cloud, request: HandMade, **changes: Any) -> str:
    """Send a request and return its error code, or `ok`."""
    response = (await send(cloud, request, **changes)).json()["Response"]
    return str(response.get("Error", {}).get("Code", "ok"))


def json_body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
