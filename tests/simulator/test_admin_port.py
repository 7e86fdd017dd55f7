"""The admin port makes what lies around listeners, and refuses bad input with a sentence.

Source: a property of the simulator.
"""

from typing import Any

import pytest
from simulator.cloud import Cloud


async def test_each_load_balancer_gets_an_address_of_its_own(cloud: Cloud) -> None:
    first = await cloud.admin("POST", "/load-balancers")
    second = await cloud.admin("POST", "/load-balancers", vip="127.77.3.3", region="ap-beijing")
    assert (first["vip"], second["vip"]) == ("127.77.0.1", "127.77.3.3")
    dumped = (await cloud.admin("GET", "/state"))["load_balancers"]
    assert [one["vip"] for one in dumped] == ["127.77.0.1", "127.77.3.3"]


async def test_instance_can_have_the_id_of_a_node(cloud: Cloud) -> None:
    created = await cloud.admin("POST", "/instances", instance_id="ins-node0001", private_ip="127.0.0.11")
    assert created == {"instance_id": "ins-node0001", "private_ip": "127.0.0.11"}


async def test_switches_are_shown_and_changed(cloud: Cloud) -> None:
    changed = await cloud.admin("PATCH", "/switches", busy_wording="state", busy_tail_seconds=1)
    assert (changed["busy_wording"], changed["busy_tail_seconds"]) == ("state", 1)
    assert await cloud.admin("GET", "/switches") == changed


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("POST", "/load-balancers", {"vip": "10.0.0.1"}, "not in 127.0.0.0/8"),
        ("POST", "/load-balancers", {"vip": "here"}, "not an IPv4 address"),
        ("POST", "/load-balancers", {"network": "PRIVATE"}, "network"),
        ("POST", "/load-balancers", {"colour": "red"}, "Unknown fields ['colour']"),
        ("POST", "/instances", {}, "private_ip"),
        ("POST", "/instances", {"private_ip": "127.0.0"}, "not an IPv4 address"),
        ("DELETE", "/instances/ins-none0000", {}, "does not exist"),
        ("POST", "/load-balancers/lb-none0000/busy", {"seconds": 1}, "does not exist"),
        ("PUT", "/quotas/NONSENSE", {"limit": 1}, "no quota NONSENSE"),
        ("PATCH", "/switches", {"nonsense": 1}, "no switch ['nonsense']"),
        ("PATCH", "/switches", {"busy_wording": "rude"}, "busy_wording"),
        ("PATCH", "/settings", {"task_seconds": "soon"}, "must be a number"),
        ("GET", "/calls?since=yesterday", {}, "since must be a call's number"),
    ],
)
async def test_bad_input_is_refused(
    cloud: Cloud, method: str, path: str, body: dict[str, Any], sentence: str
) -> None:
    before = await cloud.admin("GET", "/state")
    reply = await cloud.admin_client.request(method, path, json=body)
    assert reply.status_code == 400
    assert sentence in reply.json()["error"]
    assert await cloud.admin("GET", "/state") == before


async def test_vip_of_another_load_balancer_is_refused(cloud: Cloud) -> None:
    await cloud.load_balancer(vip="127.77.3.3")
    reply = await cloud.admin_client.post("/load-balancers", json={"vip": "127.77.3.3"})
    assert "belongs to another" in reply.json()["error"]
