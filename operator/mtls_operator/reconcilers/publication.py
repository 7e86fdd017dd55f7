"""What an authority publishes, in a ConfigMap that everybody may read: roots, and revocation lists.

    ca.crt      the roots to trust, oldest first
    ca.crl      what is revoked: a list for each key, one after the other
    g<N>.crl    the list of one root, for distribution points

Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mtls_operator.core.authority import CA_CRT
from mtls_operator.core.lineage import issuer_of
from mtls_operator.core.outcome import STUCK_RETRY, Stuck
from mtls_operator.core.reasons import Reason
from mtls_operator.core.revocation import (
    CA_CRL,
    MOST_BYTES,
    expected_bytes,
    last_list,
    list_name,
    lists_due,
    lists_together,
)
from mtls_operator.errors import SpecError
from mtls_operator.pki.crl import build_crl, crls_to_pem
from mtls_operator.pki.inspect import chain_to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.lineage import Generation
    from mtls_operator.core.revocation import ListToSign
    from mtls_operator.ports import Clock, Kube
    from mtls_operator.reconcilers.roots import Ground
    from mtls_operator.reconcilers.signers import Signers

_OUR_LIST: Final = re.compile(r"g[0-9]+\.crl")


class Publication:
    """Keeps the ConfigMap of each authority right."""

    def __init__(self, kube: Kube, signers: Signers, clock: Clock) -> None:
        self._kube = kube
        self._signers = signers
        self._clock = clock

    async def publish(
        self, authority: CertificateAuthority, ground: Ground, entries: Iterable[Entry]
    ) -> tuple[Ground, Stuck | None]:
        """Write the ConfigMap where it differs from what should be in it.

        Returns:
            What is published, and how the pass has to end when a list does not fit, or the key of an
            earlier root is out of reach: all else goes on, since a rotation is one of the ways out.

        Raises:
            SpecError: the newest root's key is missing or damaged.
        """
        lineage, published = ground.lineage, ground.config_map.data
        due = lists_due(
            lineage,
            entries,
            published,
            validity=authority.spec.crl.validity,
            known_number=_known_number(authority),
            now=self._clock.now(),
        )
        if expected_bytes(lineage, published, due) > MOST_BYTES:
            return await self._write(ground, {}), _too_large(due)
        signed: dict[str, str] = {}
        unsigned: Stuck | None = None
        for one in due:
            try:
                signed[list_name(one.generation)] = await self._sign(authority, one)
            except SpecError as error:
                if one.generation is lineage.newest:
                    raise
                unsigned = _not_signed(one.generation, error)
        return await self._write(ground, signed), unsigned

    async def close(self, authority: CertificateAuthority, ground: Ground, generation: Generation) -> Ground:
        """Publish the last list of a root whose key is to be dropped: it is valid as long as the root."""
        published = ground.config_map.data
        last = last_list(ground.lineage, generation, published, _known_number(authority))
        if last is None:
            return ground
        return await self._write(ground, {list_name(generation): await self._sign(authority, last)})

    async def _sign(self, authority: CertificateAuthority, wanted: ListToSign) -> str:
        key = await self._signers.key_of(authority, wanted.generation)
        crl = await asyncio.to_thread(
            build_crl,
            issuer=issuer_of(wanted.generation, key),
            revoked=wanted.revoked,
            number=wanted.number,
            validity=authority.spec.crl.validity,
            now=self._clock.now(),
            next_update=wanted.next_update,
        )
        return crls_to_pem((crl,)).decode()

    async def _write(self, ground: Ground, signed: Mapping[str, str]) -> Ground:
        lineage, before = ground.lineage, ground.config_map.data
        lists = {name: text for name, text in {**before, **signed}.items() if _OUR_LIST.fullmatch(name)}
        kept = {name: text for name, text in lists.items() if name in map(list_name, lineage.generations)}
        others = {name: text for name, text in before.items() if name not in lists}
        data = {
            **others,
            **kept,
            CA_CRT: chain_to_pem(lineage.roots()).decode(),
            CA_CRL: lists_together(lineage, kept),
        }
        if data == before:
            return ground
        written = await self._kube.update_config_map(replace(ground.config_map, data=data))
        return replace(ground, config_map=written)


def _known_number(authority: CertificateAuthority) -> int:
    crl = authority.status.crl
    return crl.number if crl is not None else 0


def _too_large(due: tuple[ListToSign, ...]) -> Stuck:
    count = sum(len(one.revoked) for one in due)
    return Stuck(
        reason=Reason.LIST_TOO_LARGE,
        message=f"the revocation list would hold {count} certificates, more than a ConfigMap takes; the list "
        "published last stays. Shorten durations, so that revoked certificates end sooner, or evict them: "
        "kubectl mtls rotate ca --evict.",
        after=STUCK_RETRY,
    )


def _not_signed(generation: Generation, error: SpecError) -> Stuck:
    return Stuck(
        reason=Reason(error.reason),
        message=f"the revocation list of the earlier root {generation.number} cannot be signed anew, and the "
        f"one published last stays: {error}",
        after=STUCK_RETRY,
    )
