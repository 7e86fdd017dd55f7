"""What is tried at a listener's doors: who asks, for which domain, by which name in the handshake.

Pure. Planned here for the operator, which verifies its listeners, and for `kubectl mtls verify`, which
does the same from somebody's machine; made by `probing`; judged by `core.verification`.

    shows       SNI            Host    refused when
    ----------- -------------- ------- ---------------------------------------------------------
    good        the domain's   domain  never: the control, which all others are compared with
    none        the domain's   domain  client certificates are required
    foreign     the domain's   domain  the signature is checked, and not the issuer's name alone
    expired     the domain's   domain  the time is checked
    none        unknown, none  domain  no name in the handshake leads round the requirement
    A's good    A's, none      domain  a client of A cannot ask for this domain, which admits others
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mtls_operator.api.listener import Domain, MutualTLSListener
    from mtls_operator.api.meta import ObjectRef

UNKNOWN_NAME: Final = "nobody.clb-mtls-operator.invalid"
"""A name that no listener has: RFC 2606 keeps `.invalid` free."""
_LABEL: Final = "clb-mtls-operator-probe"


class Shows(StrEnum):
    """The certificate that a trial presents."""

    GOOD = "good"
    NONE = "none"
    FOREIGN = "foreign"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A client certificate with its chain, and its key, as PEM. Held in memory alone."""

    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A domain of a listener as a client asks for it.

    Attributes:
        domain: as the manifest has it.
        host: a name that the domain matches; empty where none is known.
        authority: whose clients it admits.
    """

    domain: str
    host: str
    authority: ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a listener is tried, and for what.

    Attributes:
        address: an IP address, or a name that leads to one.
        sites: the domains; the first one is what is shown to clients that name none of them.
        certificates: SHA-256 of the server certificates that may be shown; empty where that is not known.
        bound: what the load balancer admits clients by, so that a change leads to new trials.
    """

    address: str
    port: int
    path: str
    sites: tuple[Site, ...]
    certificates: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()

    @property
    def authorities(self) -> tuple[ObjectRef, ...]:
        """The authorities whose clients the domains admit, each once."""
        return tuple(dict.fromkeys(site.authority for site in self.sites))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One request.

    Attributes:
        domain: which domain of the manifest it is about.
        host: the Host that is asked for.
        sni: the name in the handshake; None sends none.
        shows: the certificate.
        authority: whose certificate, or whose name a foreign one bears.
        what: the trial in words, for people.
    """

    domain: str
    host: str
    sni: str | None
    shows: Shows
    authority: ObjectRef
    what: str


def sites_of(listener: MutualTLSListener) -> tuple[Site, ...]:
    """Return the domains of a listener, the default one first.

    Raises:
        SpecError: a domain admits no authority.
    """
    default = listener.spec.default_domain()
    ordered = sorted(listener.spec.domains, key=lambda domain: domain != default)
    return tuple(
        Site(
            domain=domain.domain,
            host=_host(domain),
            authority=listener.ca_for(domain if listener.spec.sni else None),
        )
        for domain in ordered
    )


def _host(domain: Domain) -> str:
    """Return a name that the domain matches: its own, that of its health checks, or a made-up one."""
    name = domain.domain
    if not name.startswith("~") and "*" not in name:
        return name
    checked = next((r.health_check.domain for r in domain.routes if r.health_check.domain), "")
    if checked or name.startswith("~"):
        return checked or ""
    return name.replace("*", _LABEL if name.startswith("*") else "com")


def control_of(site: Site) -> Trial:
    """Return the request that has to get through."""
    return _trial(site, site.host, Shows.GOOD, "a good certificate")


def trials_of(door: Door, site: Site, shown: Collection[Shows] = tuple(Shows)) -> tuple[Trial, ...]:
    """Return the requests for a domain that have to be refused.

    Args:
        door: the listener.
        site: one of its domains.
        shown: the certificates that can be had.
    """
    planned = (*_without_a_good_one(site), *_by_way_of_others(door.sites, site))
    return tuple(trial for trial in planned if trial.shows in shown)


def _without_a_good_one(site: Site) -> Iterator[Trial]:
    yield _trial(site, site.host, Shows.NONE, "no certificate")
    yield _trial(site, site.host, Shows.FOREIGN, "a certificate of another CA with the same name")
    yield _trial(site, site.host, Shows.EXPIRED, "an expired certificate")
    yield _trial(site, UNKNOWN_NAME, Shows.NONE, "no certificate, an unknown name in the handshake")
    yield _trial(site, None, Shows.NONE, "no certificate, no name in the handshake")


def _by_way_of_others(sites: Sequence[Site], site: Site) -> Iterator[Trial]:
    """Yield a handshake for each other authority's domain with that authority's own good certificate."""
    default = sites[0]
    if default.authority != site.authority:
        what = f"a certificate for {default.domain}, no name in the handshake"
        yield _trial(site, None, Shows.GOOD, what, default.authority)
    seen = {site.authority}
    for other in sites:
        if other.authority in seen or not other.host:
            continue
        seen.add(other.authority)
        what = f"a certificate for {other.domain}, whose name is in the handshake"
        yield _trial(site, other.host, Shows.GOOD, what, other.authority)
    beside = next((one for one in sites if one.host and one.domain != site.domain), None)
    if beside is not None:
        what = f"no certificate, the name of {beside.domain} in the handshake"
        yield _trial(site, beside.host, Shows.NONE, what)


def _trial(site: Site, sni: str | None, shows: Shows, what: str, authority: ObjectRef | None = None) -> Trial:
    return Trial(
        domain=site.domain,
        host=site.host,
        sni=sni,
        shows=shows,
        authority=authority or site.authority,
        what=what,
    )


def differing(sites: Sequence[Site]) -> str:
    """Return how the domains of a listener differ in whom they admit; empty when they do not."""
    admitted: dict[ObjectRef, list[str]] = {}
    for site in sites:
        admitted.setdefault(site.authority, []).append(site.domain)
    if len(admitted) < 2:  # noqa: PLR2004 - with one there is nothing to differ
        return ""
    return "; ".join(
        f"{', '.join(sorted(domains))} admits {ref}" for ref, domains in sorted(admitted.items())
    )


def parse_address(text: str, port: int) -> tuple[str, int]:
    """Read HOST, HOST:PORT, or [IPv6]:PORT.

    Args:
        text: what somebody wrote.
        port: the one that counts when none is given.

    Raises:
        ValueError: it is none of these.
    """
    if text.count(":") > 1 and not text.startswith("["):
        return text, port
    host, colon, given = text.removeprefix("[").partition("]:" if text.startswith("[") else ":")
    host = host.removesuffix("]")
    if not host or any(character.isspace() for character in host) or (colon and not given.isdecimal()):
        raise ValueError(f"{text!r} is no address: write HOST, HOST:PORT or [IPv6]:PORT")
    if colon and not 0 < int(given) <= 65535:  # noqa: PLR2004 - the ports that there are
        raise ValueError(f"{text!r} has a port that does not exist")
    return host, int(given) if colon else port
