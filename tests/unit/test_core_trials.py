"""What is tried at the doors of a listener."""

import pytest
from builders import domain_manifest, listener, route_manifest

from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.trials import (
    UNKNOWN_NAME,
    Door,
    Shows,
    control_of,
    differing,
    parse_address,
    sites_of,
    trials_of,
)

CLIENTS, PARTNERS = ObjectRef("edge", "clients"), ObjectRef("edge", "partners")


def door(resource: MutualTLSListener) -> Door:
    return Door(address="192.0.2.1", port=443, path="/", sites=sites_of(resource))


def two_audiences() -> MutualTLSListener:
    first = domain_manifest("a.acme.example", default=True)
    second = domain_manifest("b.acme.example", tls={"caRef": {"name": "partners"}})
    return listener("api", first, second, sni=True)


def planned(resource: MutualTLSListener, domain: str) -> set[tuple[str | None, Shows, str]]:
    at = door(resource)
    (site,) = (one for one in at.sites if one.domain == domain)
    return {(one.sni, one.shows, one.authority.name) for one in trials_of(at, site)}


def test_one_domain_is_tried_without_with_foreign_and_with_expired_and_by_other_names() -> None:
    assert planned(listener(), "api.acme.example") == {
        ("api.acme.example", Shows.NONE, "clients"),
        ("api.acme.example", Shows.FOREIGN, "clients"),
        ("api.acme.example", Shows.EXPIRED, "clients"),
        (UNKNOWN_NAME, Shows.NONE, "clients"),
        (None, Shows.NONE, "clients"),
    }


def test_clients_of_one_domain_try_to_reach_the_other() -> None:
    assert {
        ("a.acme.example", Shows.GOOD, "clients"),
        (None, Shows.GOOD, "clients"),
        ("a.acme.example", Shows.NONE, "partners"),
    } <= planned(two_audiences(), "b.acme.example")
    to_default = planned(two_audiences(), "a.acme.example")
    assert ("b.acme.example", Shows.GOOD, "partners") in to_default
    assert (None, Shows.GOOD, "partners") not in to_default


def test_every_request_asks_for_the_domain_that_it_is_about() -> None:
    at = door(two_audiences())
    for site in at.sites:
        assert control_of(site).sni == control_of(site).host == site.domain
        assert {trial.host for trial in trials_of(at, site)} == {site.domain}


def test_many_domains_of_one_audience_do_not_try_each_other_with_what_is_good_for_both() -> None:
    many = listener("api", *(domain_manifest(f"d{n}.acme.example") for n in range(20)), sni=True)
    at = door(many)
    assert {len(trials_of(at, site)) for site in at.sites} == {6}
    assert not any(t.shows is Shows.GOOD for site in at.sites for t in trials_of(at, site))


def test_what_cannot_be_had_is_not_tried() -> None:
    at = door(listener())
    shown = {trial.shows for trial in trials_of(at, at.sites[0], {Shows.NONE, Shows.FOREIGN})}
    assert shown == {Shows.NONE, Shows.FOREIGN}


@pytest.mark.parametrize(
    ("name", "checked", "host"),
    [
        ("api.acme.example", "", "api.acme.example"),
        ("*.acme.example", "", "clb-mtls-operator-probe.acme.example"),
        ("*.acme.example", "shop.acme.example", "shop.acme.example"),
        ("www.acme.*", "", "www.acme.com"),
        ("~^api[0-9]+$", "api7", "api7"),
        ("~^api[0-9]+$", "", ""),
    ],
)
def test_a_pattern_is_asked_for_by_a_name_that_it_matches(name: str, checked: str, host: str) -> None:
    check = {"enabled": bool(checked), **({"domain": checked} if checked else {})}
    resource = listener("api", domain_manifest(name, route_manifest(healthCheck=check)))
    assert [site.host for site in sites_of(resource)] == [host]


def test_the_default_domain_comes_first() -> None:
    first, second = domain_manifest("a.acme.example"), domain_manifest("b.acme.example", default=True)
    assert sites_of(listener("api", first, second))[0].domain == "b.acme.example"


def test_it_is_said_how_domains_differ_in_whom_they_admit() -> None:
    assert differing(sites_of(listener())) == ""
    assert differing(sites_of(two_audiences())) == (
        "a.acme.example admits edge/clients; b.acme.example admits edge/partners"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 443)),
        ("192.0.2.1:8443", ("192.0.2.1", 8443)),
        ("lb.acme.example:8443", ("lb.acme.example", 8443)),
        ("2001:db8::1", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_an_address_may_have_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, 443) == expected


@pytest.mark.parametrize("text", ["", ":443", "a b", "host:", "host:https", "host:0", "host:65536"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        parse_address(text, 443)
