"""kill -9 at any moment loses no acknowledged write of the API, tasks included.

Source: a property of the simulator. A client writes without a pause while the process is killed at random
moments; after each start, everything that was acknowledged must be there, and a task that was accepted must
end. `test_state_file` does the same to the file alone.
"""

import asyncio
import os
import random
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import httpx
from eventually import eventually_async
from simulator.cloud import REGION, SECRET_ID, SECRET_KEY
from simulator.pki import Authority, issue_authority
from tencentcloud.clb.v20180317 import clb_client_async
from tencentcloud.clb.v20180317 import models as clb_models
from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.ssl.v20191205 import models as ssl_models
from tencentcloud.ssl.v20191205 import ssl_client_async

KILLS = 20
LONGEST_LIFE_SECONDS = 0.4
LOAD_BALANCERS = 4


class Life:
    """One life of the simulator, from its start to its killing."""

    def __init__(self, process: Process, api: str, admin: str) -> None:
        profile = ClientProfile(
            httpProfile=HttpProfile(protocol="http", endpoint=api.removeprefix("http://"))
        )
        key = credential.Credential(SECRET_ID, SECRET_KEY)
        self.process = process
        self.admin = admin
        self.clb = clb_client_async.ClbClient(key, REGION, profile)
        self.ssl = ssl_client_async.SslClient(key, REGION, profile)

    async def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def close(self) -> None:
        await self.clb.close()
        await self.ssl.close()

    async def state(self) -> dict[str, list[dict[str, str]]]:
        async with httpx.AsyncClient() as client:
            tables: dict[str, list[dict[str, str]]] = (await client.get(f"{self.admin}/state")).json()
        return tables


class Acknowledged:
    """What the client was told that exists."""

    def __init__(self) -> None:
        self.certificates: set[str] = set()
        self.tasks: dict[str, str] = {}
        self.ports = 0


async def begin(path: Path) -> Life:
    command = [sys.executable, "-m", "clb_simulator", "serve", "--data-plane", "none", "--state", str(path)]
    keys = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    process = await asyncio.create_subprocess_exec(
        *command, "--task-time", "30ms", "--no-throttle", stdout=PIPE, env={**os.environ, **keys}
    )
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode().replace(",", "").split()
    api, admin = (word for word in words if word.startswith("http://"))
    return Life(process, api, admin)


async def upload(life: Life, told: Acknowledged, authority: Authority) -> None:
    while True:
        request = ssl_models.UploadCertificateRequest()
        request.CertificatePublicKey, request.CertificateType = authority.pem, "CA"
        told.certificates.add((await life.ssl.UploadCertificate(request)).CertificateId)


async def listen(life: Life, told: Acknowledged, load_balancer: str) -> None:
    while True:
        told.ports += 1
        request = clb_models.CreateListenerRequest()
        request.LoadBalancerId, request.Ports, request.Protocol = load_balancer, [told.ports], "HTTP"
        reply = await life.clb.CreateListener(request)
        told.tasks[reply.RequestId] = reply.ListenerIds[0]
        await finished(life, reply.RequestId)


async def finished(life: Life, task: str) -> None:
    request = clb_models.DescribeTaskStatusRequest()
    request.TaskId = task
    await eventually_async(lambda: life.clb.DescribeTaskStatus(request), until=lambda one: one.Status == 0)


async def write_until_killed(life: Life, told: Acknowledged, authority: Authority, seconds: float) -> None:
    writers = [asyncio.create_task(upload(life, told, authority))]
    writers += [asyncio.create_task(listen(life, told, f"lb-{index}")) for index in range(LOAD_BALANCERS)]
    until = time.monotonic() + seconds
    await asyncio.wait(writers, timeout=until - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
    assert not any(one.done() for one in writers), [one.exception() for one in writers if one.done()]
    await life.end()
    for one in writers:
        one.cancel()
    await asyncio.gather(*writers, return_exceptions=True)
    await life.close()


async def check(life: Life, told: Acknowledged) -> None:
    tables = await life.state()
    assert told.certificates <= {one["certificate_id"] for one in tables["certificates"]}
    assert told.tasks.keys() <= {one["task_id"] for one in tables["tasks"]}
    for task in list(told.tasks)[-LOAD_BALANCERS:]:
        await finished(life, task)
    listeners = {one["listener_id"] for one in (await life.state())["listeners"]}
    assert set(told.tasks.values()) <= listeners


async def test_twenty_kills_under_writing_clients(tmp_path: Path) -> None:
    moments = random.Random(20)  # noqa: S311 - to be repeatable
    told = Acknowledged()
    authority = issue_authority("Survivor")
    path = tmp_path / "state"
    life = await begin(path)
    async with httpx.AsyncClient() as client:
        for index in range(LOAD_BALANCERS):
            made = {"load_balancer_id": f"lb-{index}"}
            assert (await client.post(f"{life.admin}/load-balancers", json=made)).is_success
        quota = {"limit": 100_000}
        assert (await client.put(f"{life.admin}/quotas/TOTAL_LISTENER_QUOTA", json=quota)).is_success
    for _ in range(KILLS):
        await write_until_killed(life, told, authority, moments.uniform(0, LONGEST_LIFE_SECONDS))
        life = await begin(path)
        await check(life, told)
    await life.end()
    await life.close()
    # Otherwise nothing was tried.
    assert len(told.certificates) > KILLS
    assert len(told.tasks) > KILLS
