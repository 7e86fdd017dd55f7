"""`clb-simulator status` shows what exists as tables, with the health of the targets.

Source: a property of the simulator.
"""

import asyncio
from typing import Any

from click.testing import CliRunner
from simulator.cloud import Cloud
from simulator.pki import Authority, issue_leaf

from clb_simulator.cli import main


async def status(cloud: Cloud) -> str:
    invoked = await asyncio.to_thread(
        CliRunner(env={"COLUMNS": "200"}).invoke, main, ["status", "--admin", cloud.server.admin.url]
    )
    assert invoked.exit_code == 0, invoked.output
    return str(invoked.output)


async def test_empty_simulator_says_how_to_begin(cloud: Cloud) -> None:
    assert "No load balancers. POST /load-balancers" in await status(cloud)


async def test_tables_name_everything(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer(vip="127.77.8.8")
    certificate = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=certificate)
    rule: dict[str, Any] = {"Domain": "a.example.com", "Url": "/pay"}
    (location,) = await cloud.rules(lb, listener, rule)
    instance = await cloud.instance()
    await cloud.change(
        "RegisterTargets",
        LoadBalancerId=lb,
        ListenerId=listener,
        LocationId=location,
        Targets=[{"InstanceId": instance, "Port": 8080, "Weight": 7}],
    )
    await cloud.listener(lb, Protocol="TCP", port=9000)
    shown = await status(cloud)
    for text in (
        *(lb, "127.77.8.8", "HTTPS:443", listener, "MUTUAL ON", certificate["CertId"]),
        *(f"CA {certificate['CertCaId']}", "a.example.com/pay", location, f"{instance}:8080", "Unknown"),
        *("TCP:9000", "Simulator Test Root", "2046-01-01"),
    ):
        assert text in shown
    (row,) = (line for line in shown.splitlines() if f"{instance}:8080" in line)
    assert "│ 7 " in row
    assert "PRIVATE KEY" not in str(await cloud.admin("GET", "/overview"))


async def test_markup_in_a_name_is_shown_as_it_is(cloud: Cloud, authority: Authority) -> None:
    await cloud.upload_server(issue_leaf(authority, "a.example.com"), Alias="[bold]mine[/nonsense]")
    await cloud.load_balancer()
    assert "[bold]mine[/nonsense]" in await status(cloud)


async def test_running_task_and_busy_load_balancer_are_shown(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("PATCH", "/settings", task_seconds=60)
    reply = await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    shown = await status(cloud)
    assert f"Running: CreateListener {reply.RequestId}" in shown
    assert "(busy)" in shown


async def test_overview_says_who_uses_a_certificate(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    certificate = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=certificate)
    spare = await cloud.upload_server(issue_leaf(authority, "b.example.com"))
    seen = await cloud.admin("GET", "/overview")
    used = {one["id"]: one["used_by"] for one in seen["certificates"]}
    assert used == {certificate["CertId"]: [listener], certificate["CertCaId"]: [listener], spare: []}


def test_wrong_address_is_refused_with_a_sentence() -> None:
    for address in ("http://127.0.0.1:9", "nonsense"):
        invoked = CliRunner().invoke(main, ["status", "--admin", address])
        assert invoked.exit_code == 1
        assert f"No clb-simulator answers at {address}" in invoked.output
