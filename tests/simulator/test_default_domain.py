"""16. A listener with rules has exactly one default domain; who leaves the role must name a successor.

Source: documented (NewDefaultServerDomain); that the first domain becomes the default is a guess.
"""

from typing import Any

from simulator.cloud import Cloud, refused


async def with_two_domains(cloud: Cloud) -> tuple[dict[str, str], list[str]]:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    rules = await cloud.rules(
        lb, listener, {"Domain": "a.example.com", "Url": "/"}, {"Domain": "b.example.com", "Url": "/"}
    )
    return {"LoadBalancerId": lb, "ListenerId": listener}, rules


async def defaults(cloud: Cloud, where: dict[str, str]) -> list[str]:
    described = await cloud.describe_listener(where["LoadBalancerId"], where["ListenerId"])
    return [one.Domain for one in described.Rules if one.DefaultServer]


async def test_first_domain_is_the_default_and_the_role_moves(cloud: Cloud) -> None:
    where, _ = await with_two_domains(cloud)
    assert await defaults(cloud, where) == ["a.example.com"]
    await cloud.change("ModifyDomainAttributes", **where, Domain="b.example.com", DefaultServer=True)
    assert await defaults(cloud, where) == ["b.example.com"]


async def test_unsetting_needs_a_successor(cloud: Cloud) -> None:
    where, _ = await with_two_domains(cloud)
    leaving: dict[str, Any] = {**where, "Domain": "a.example.com", "DefaultServer": False}
    with refused("InvalidParameter"):
        await cloud.clb("ModifyDomainAttributes", **leaving)
    await cloud.change("ModifyDomainAttributes", **leaving, NewDefaultServerDomain="b.example.com")
    assert await defaults(cloud, where) == ["b.example.com"]


async def test_deleting_the_default_needs_a_successor_while_others_remain(cloud: Cloud) -> None:
    where, (first, second) = await with_two_domains(cloud)
    with refused("InvalidParameter"):
        await cloud.clb("DeleteRule", **where, LocationIds=[first])
    await cloud.change("DeleteRule", **where, LocationIds=[first], NewDefaultServerDomain="b.example.com")
    assert await defaults(cloud, where) == ["b.example.com"]
    await cloud.change("DeleteRule", **where, LocationIds=[second])
    assert await defaults(cloud, where) == []


async def test_deleting_one_url_of_the_default_domain_keeps_the_role(cloud: Cloud) -> None:
    where, _ = await with_two_domains(cloud)
    [extra] = await cloud.rules(
        where["LoadBalancerId"], where["ListenerId"], {"Domain": "a.example.com", "Url": "/more"}
    )
    await cloud.change("DeleteRule", **where, LocationIds=[extra])
    assert await defaults(cloud, where) == ["a.example.com"]
