"""ModifyDomain gives a domain another name; its rules, certificate and default role stay.

Source: documented.
"""

from simulator.cloud import Cloud, refused


async def test_renamed_domain_keeps_everything_else(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    place = {"LoadBalancerId": lb, "ListenerId": listener}
    first = {"Domains": ["a.example.com", "b.example.com"], "Url": "/"}
    [rule, _] = await cloud.rules(lb, listener, first, {"Domain": "c.example.com", "Url": "/"})
    await cloud.change("ModifyDomain", **place, Domain="b.example.com", NewDomain="*.example.org")
    renamed, other = (await cloud.describe_listener(lb, listener)).Rules
    assert (renamed.LocationId, renamed.Domains) == (rule, ["a.example.com", "*.example.org"])
    assert (renamed.DefaultServer, other.DefaultServer) == (True, False)
    with refused("InvalidParameterValue.Duplicate"):
        await cloud.clb("ModifyDomain", **place, Domain="a.example.com", NewDomain="c.example.com")
    with refused("InvalidParameter.LocationNotFound"):
        await cloud.clb("ModifyDomain", **place, Domain="b.example.com", NewDomain="d.example.com")
    await cloud.change("ModifyDomain", **place, Domain="a.example.com", NewDomain="x" * 120)
    with refused("InvalidParameterValue"):
        await cloud.clb("ModifyDomain", **place, Domain="c.example.com", NewDomain="x" * 121)
