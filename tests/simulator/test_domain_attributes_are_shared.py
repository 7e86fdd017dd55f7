"""17. Certificate, HTTP/2, QUIC and the default role belong to a domain, so all of its rules show the same.

Source: documented (ModifyDomainAttributes applies to every rule of the domain).
"""

from simulator.cloud import Cloud
from simulator.pki import Authority, issue_leaf


async def test_change_through_one_domain_shows_on_all_of_its_rules_only(
    cloud: Cloud, authority: Authority
) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, SniSwitch=1)
    first, other = await cloud.mutual(authority), await cloud.mutual(authority, "b.example.com")
    await cloud.rules(
        lb,
        listener,
        {"Domain": "a.example.com", "Url": "/", "Certificate": first},
        {"Domain": "a.example.com", "Url": "/two"},
        {"Domain": "b.example.com", "Url": "/", "Certificate": other},
    )
    renewed = {**first, "CertId": await cloud.upload_server(issue_leaf(authority, "a.example.com"))}
    await cloud.change(
        "ModifyDomainAttributes",
        LoadBalancerId=lb,
        ListenerId=listener,
        Domain="a.example.com",
        Certificate=renewed,
        Http2=True,
    )
    rules = (await cloud.describe_listener(lb, listener)).Rules
    assert [(one.Domain, one.Url, one.Certificate.CertId, one.Http2) for one in rules] == [
        ("a.example.com", "/", renewed["CertId"], True),
        ("a.example.com", "/two", renewed["CertId"], True),
        ("b.example.com", "/", other["CertId"], False),
    ]


async def test_rename_keeps_the_rules(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    rules = await cloud.rules(
        lb, listener, {"Domain": "a.example.com", "Url": "/"}, {"Domain": "a.example.com", "Url": "/two"}
    )
    await cloud.change(
        "ModifyDomainAttributes",
        LoadBalancerId=lb,
        ListenerId=listener,
        Domain="a.example.com",
        NewDomain="c.example.com",
    )
    described = await cloud.describe_listener(lb, listener)
    assert [(one.LocationId, one.Domain) for one in described.Rules] == [
        (one, "c.example.com") for one in rules
    ]
