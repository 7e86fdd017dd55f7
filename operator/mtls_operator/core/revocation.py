"""Which revocation lists have to be signed anew, and what is on them.

Pure. There is a list for each root, since a verifier looks for one by the key that signed; what is on
it follows from the ledger. Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.pki.crl import (
    CrlFacts,
    RevokedSerial,
    crl_signed_by,
    estimated_pem_size,
    inspect_crl,
    load_crls,
)
from mtls_operator.pki.error import PkiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.lineage import Generation, Lineage

CA_CRL: Final = "ca.crl"
MOST_BYTES: Final = 950_000
"""Of the 1,048,576 that a ConfigMap may have; the roots and the names need the rest."""
_CLOCK_SKEW: Final = timedelta(minutes=5)
"""The list of an operator whose clock was ahead of ours is as good as ours."""


def list_name(generation: Generation) -> str:
    """Return the ConfigMap's key for the list of one root."""
    return f"g{generation.number}.crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListToSign:
    """A revocation list that has to be signed.

    Attributes:
        number: higher than that of every list before.
        next_update: None = after the usual validity.
    """

    generation: Generation
    revoked: tuple[RevokedSerial, ...]
    number: int
    next_update: datetime | None = None


def revoked_under(
    lineage: Lineage, generation: Generation, entries: Iterable[Entry], now: datetime
) -> tuple[RevokedSerial, ...]:
    """Return what the list of a root holds: what its key signed, is revoked and has not ended."""
    numbers = lineage.with_key_of(generation)
    return tuple(
        RevokedSerial(serial=int(e.serial, 16), revoked_at=e.revoked.at, reason=e.revoked.reason)
        for e in entries
        if e.revoked is not None and e.generation in numbers and now < e.not_after
    )


def lists_due(
    lineage: Lineage,
    entries: Iterable[Entry],
    published: Mapping[str, str],
    *,
    validity: timedelta,
    known_number: int,
    now: datetime,
) -> tuple[ListToSign, ...]:
    """Return the lists to sign: missing, damaged, changed, half through, or valid for longer than asked.

    Args:
        lineage: the roots; one whose key was dropped has had its last list.
        entries: the ledger.
        published: the ConfigMap's data.
        validity: of a new list.
        known_number: the number in the status, for when the ConfigMap was lost.
        now: the time.
    """
    kept = tuple(entries)
    number = 1 + highest_number(lineage, published, known_number)
    due: list[ListToSign] = []
    for generation in lineage.generations:
        if not _still_signs(lineage, generation, kept, now):
            continue
        revoked = revoked_under(lineage, generation, kept, now)
        if _is_due(read_list(generation, published), revoked, validity, now):
            due.append(ListToSign(generation=generation, revoked=revoked, number=number))
    return tuple(due)


def _still_signs(lineage: Lineage, generation: Generation, entries: tuple[Entry, ...], now: datetime) -> bool:
    """Tell whether a root has a key for lists, and work for it.

    We never drop somebody else's key, so what ends its work is that all it signed for us has ended.
    """
    if generation.key is not None or generation is lineage.newest or generation is lineage.retiring:
        return True
    if not generation.record.source:
        return False
    numbers = lineage.with_key_of(generation)
    return any(entry.generation in numbers and now < entry.not_after for entry in entries)


def highest_number(lineage: Lineage, published: Mapping[str, str], known_number: int) -> int:
    """Return the highest number that any list has had, by what is published and what the status knows."""
    found = (read_list(generation, published) for generation in lineage.generations)
    return max([known_number, *(facts.number for facts in found if facts is not None)])


def last_list(
    lineage: Lineage,
    generation: Generation,
    published: Mapping[str, str],
    known_number: int,
) -> ListToSign | None:
    """Return the list that a root signs before its key is dropped, valid as long as the root is.

    None when it has been signed. Nothing that the root signed is left, so the list is empty.
    """
    end = generation.certificate.not_valid_after_utc
    facts = read_list(generation, published)
    if facts is not None and facts.next_update == end:
        return None
    number = 1 + highest_number(lineage, published, known_number)
    return ListToSign(generation=generation, revoked=(), number=number, next_update=end)


def earliest_update(lineage: Lineage, published: Mapping[str, str]) -> datetime | None:
    """Return when the first of the lists ends that are still signed anew, None when there is none."""
    signing = (g for g in lineage.generations if g.key is not None or g is lineage.newest)
    found = (read_list(generation, published) for generation in signing)
    return min((facts.next_update for facts in found if facts is not None), default=None)


def read_list(generation: Generation, published: Mapping[str, str]) -> CrlFacts | None:
    """Return what the published list of a root says, None when it is missing or damaged."""
    try:
        lists = load_crls(published.get(list_name(generation), ""))
        if len(lists) != 1 or not crl_signed_by(lists[0], generation.certificate):
            return None
        return inspect_crl(lists[0])
    except PkiError:
        return None


def _is_due(
    facts: CrlFacts | None, revoked: tuple[RevokedSerial, ...], validity: timedelta, now: datetime
) -> bool:
    if facts is None or not validity / 2 < facts.next_update - now <= validity + _CLOCK_SKEW:
        return True
    return facts.serials != {(f"{one.serial:x}", one.reason) for one in revoked}


def lists_together(lineage: Lineage, published: Mapping[str, str]) -> str:
    """Return `ca.crl`: one list for each key, oldest first."""
    parts = []
    for generation in lineage.generations:
        is_last_with_key = generation.number == max(lineage.with_key_of(generation))
        if is_last_with_key:
            parts.append(published.get(list_name(generation), ""))
    return "".join(parts)


def expected_bytes(lineage: Lineage, published: Mapping[str, str], due: Iterable[ListToSign]) -> int:
    """Return how large all lists will be at most, each being published twice, once these are signed."""
    sizes = {list_name(g): len(published.get(list_name(g), "")) for g in lineage.generations}
    sizes |= {list_name(one.generation): estimated_pem_size(len(one.revoked)) for one in due}
    return 2 * sum(sizes.values())
