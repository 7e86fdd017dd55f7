"""The page on the admin port in a real browser: Chromium without a window, told what to do over its protocol.

Run by `make test-browser`; the folder is not part of pytest's default run, since it needs a browser. One
that is missing is a failure and not a skip.
"""

import asyncio
import base64
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from eventually import eventually_async
from simulator.cloud import Cloud
from simulator.pki import Authority

Start = Callable[..., Awaitable[Cloud]]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """One tab, over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.problems: list[str] = []

    async def send(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.problems.append(str(message["params"]))

    async def evaluate(self, expression: str) -> Any:
        reply = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=url)

    async def text(self, selector: str = "main") -> str:
        return str(await self.evaluate(f"document.querySelector({selector!r})?.innerText ?? ''"))

    async def screenshot(self, path: Path, *, scheme: str, width: int = 1200) -> None:
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A tab of a browser of the test's own."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    assert program is not None, f"None of {', '.join(PROGRAMS)} is installed; apt-get install chromium."
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server"]
    browser = await asyncio.create_subprocess_exec(
        *(program, *options, "--remote-debugging-port=0", f"--user-data-dir={tmp_path / 'profile'}"),
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(tmp_path)},
        start_new_session=True,
    )
    announced = tmp_path / "profile" / "DevToolsActivePort"
    try:
        lines = await eventually_async(
            lambda: asyncio.to_thread(lambda: announced.read_text().split()), within=30, what="the browser is"
        )
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{lines[0]}/json/list") as reply:
                tabs = await reply.json()
            tab = next(one for one in tabs if one["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        os.killpg(browser.pid, 9)
        await browser.wait()


async def build(cloud: Cloud, authority: Authority) -> dict[str, str]:
    """Make a mutual listener with two rules, a target and certificates."""
    lb = await cloud.load_balancer(name="edge", vip="127.77.6.6")
    certificate = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=certificate, ListenerNames=["web"])
    (rule,) = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    await cloud.rules(lb, listener, {"Domain": "b.example.com", "Url": "/api"})
    instance = await cloud.instance()
    await cloud.change(
        "RegisterTargets",
        LoadBalancerId=lb,
        ListenerId=listener,
        LocationId=rule,
        Targets=[{"InstanceId": instance, "Port": 8080}],
    )
    return {"lb": lb, "listener": listener, "rule": rule, "instance": instance, **certificate}


async def test_shows_what_exists_and_follows_it(
    cloud: Cloud, authority: Authority, page: Page, tmp_path: Path
) -> None:
    await page.open(f"{cloud.server.admin.url}/")
    await eventually_async(page.text, until=lambda text: text.count("None yet.") == 3)
    made = await build(cloud, authority)
    text = await eventually_async(page.text, until=lambda text: made["instance"] in text)
    for shown in (
        *("edge", made["lb"], "127.77.6.6", "HTTPS:443 web", made["listener"], "MUTUAL ON", made["CertCaId"]),
        *("a.example.com/", "(default)", "b.example.com/api", f"{made['instance']}:8080", "Unknown", "none"),
        *("Simulator Test Root", "2046-01-01", "RegisterTargets", "ok"),
    ):
        assert shown in text, shown
    await cloud.change("DeleteListener", LoadBalancerId=made["lb"], ListenerId=made["listener"])
    await eventually_async(page.text, until=lambda text: "No listeners." in text)
    assert page.problems == []


async def test_text_of_clients_is_text_and_not_markup(cloud: Cloud, page: Page, authority: Authority) -> None:
    await cloud.load_balancer(name="<img src=x onerror=\"document.title='owned'\">")
    await cloud.upload_ca(authority, Alias="<script>document.title='owned'</script>")
    await page.open(f"{cloud.server.admin.url}/")
    await eventually_async(page.text, until=lambda text: "<img src=x" in text and "<script>" in text)
    assert await page.evaluate("document.title") == "clb-simulator"
    assert page.problems == []


async def test_simulator_that_has_gone_is_said(start_cloud: Start, page: Page) -> None:
    cloud = await start_cloud()
    await page.open(f"{cloud.server.admin.url}/")
    await eventually_async(lambda: page.text("#pulse"), until=lambda text: text.startswith("0 calls"))
    await cloud.server.stop()
    await eventually_async(lambda: page.text("#pulse"), until=lambda text: "does not answer" in text)


async def test_colours_are_readable_in_light_and_dark(
    cloud: Cloud, authority: Authority, page: Page, tmp_path: Path
) -> None:
    made = await build(cloud, authority)
    await page.open(f"{cloud.server.admin.url}/")
    await eventually_async(page.text, until=lambda text: made["instance"] in text)
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for scheme in ("light", "dark"):
        await page.screenshot(pictures / f"page-{scheme}.png", scheme=scheme)
        for selector in ("body", ".quiet", ".good", ".open", ".id"):
            ratio = await page.evaluate(CONTRAST % selector)
            assert ratio >= 4.5, f"{selector} in {scheme}: {ratio}"
    await page.screenshot(pictures / "page-narrow.png", scheme="light", width=400)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# WCAG's contrast ratio of an element against the page; 4.5 is what it asks of text.
CONTRAST = """(() => {
  const channel = value => (value /= 255) <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const parse = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(channel);
  const luminance = text => { const [r, g, b] = parse(text); return .2126 * r + .7152 * g + .0722 * b; };
  const style = name => getComputedStyle(document.querySelector(name));
  const [one, two] = [style("%s").color, style("body").backgroundColor].map(luminance);
  return (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
})()"""
