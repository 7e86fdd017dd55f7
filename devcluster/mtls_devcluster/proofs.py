"""What the demo proves, as data: who asks what, and what has to come of it.

Runs curl through `curl.ask`. Used by `demo` and its last act, `rotation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from mtls_devcluster.client_files import ClientFiles
from mtls_devcluster.curl import Site, ask

_ROUND: Final = 4
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """The domains of the examples: one by method 1, two by method 2."""

    api: Site
    a: Site
    b: Site

    @classmethod
    def at(cls, address: str) -> Self:
        """Return them where the load balancer has this address."""
        return cls(
            api=Site(domain="api.acme.example", port=8443, address=address),
            a=Site(domain="a.acme.example", port=9443, address=address),
            b=Site(domain="b.acme.example", port=9443, address=address),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The two clients of the examples: each has a certificate of another authority."""

    payments: ClientFiles
    reports: ClientFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One line of step 8.

    Attributes:
        claim: Who asks.
        client: Whose certificate is presented; None presents none.
        trust: Whose ca.crt verifies the server.
        served: Whether the real servers must answer; otherwise the load balancer must refuse.
    """

    claim: str
    site: Site
    client: ClientFiles | None
    trust: ClientFiles
    served: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen, and whether it is what the proof asks for."""

    holds: bool
    seen: str


def guide_proofs(clients: Clients, address: str) -> Iterator[tuple[str, tuple[Proof, ...]]]:
    """Yield the proofs of both methods of the guide, with a title each."""
    payments, reports, sites = clients.payments, clients.reports, Sites.at(address)
    yield "Method 1, SNI off", _door(sites.api, payments, reports, "another CA's certificate")
    yield "Method 2, SNI on, domain A", _door(sites.a, payments, reports, "a certificate of B's CA")
    yield "Method 2, SNI on, domain B", _door(sites.b, reports, payments, "a certificate of A's CA")


def _door(site: Site, own: ClientFiles, foreign: ClientFiles, whose: str) -> tuple[Proof, ...]:
    """Return who has to get in at a site and who has not."""
    return (
        Proof(claim="its own client", site=site, client=own, trust=own, served=True),
        Proof(claim="no certificate", site=site, client=None, trust=own, served=False),
        Proof(claim=whose, site=site, client=foreign, trust=own, served=False),
    )


def prove(proof: Proof) -> Verdict:
    """Ask, and judge the answer."""
    return _prove_served(proof) if proof.served else _prove_refused(proof)


def _prove_served(proof: Proof) -> Verdict:
    """Look again when the order was broken: a health verdict in between starts the round anew."""
    verdict = Verdict(holds=False, seen="nothing")
    for _ in range(_TRIES):
        verdict = _one_round(proof)
        if verdict.holds:
            break
    return verdict


def _one_round(proof: Proof) -> Verdict:
    servers: list[str] = []
    for _ in range(_ROUND):
        answer = ask(proof.site, client=proof.client, trust=proof.trust)
        if answer.server is None:
            return Verdict(holds=False, seen=f"HTTP {answer.status} {answer.complaint}")
        servers.append(answer.server)
    in_turn = all(first != second for first, second in pairwise(servers))
    return Verdict(holds=in_turn, seen=f"served by {', '.join(servers)}")


def _prove_refused(proof: Proof) -> Verdict:
    answer = ask(proof.site, client=proof.client, trust=proof.trust)
    how = f"HTTP {answer.status}" if answer.status else "TLS alert"
    word = "refused" if answer.is_refused else "not refused"
    return Verdict(holds=answer.is_refused, seen=f"{word}: {how}, {answer.complaint}")
