"""Replace a root, move by move: look, decide, do one thing, look again.

Called by the CertificateAuthority reconciler once roots are there and published.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from mtls_operator.api.authority_rotation import RotationPhase, RotationStrategy
from mtls_operator.api.meta import ROTATE_ANNOTATION, ObjectRef
from mtls_operator.core import dependants
from mtls_operator.core.existing_root import take_up
from mtls_operator.core.lineage import Generation, Lineage, Record, issuer_of
from mtls_operator.core.reasons import Reason
from mtls_operator.core.rotation import Advance, DropKey, DropRoot, Situation, Start, has_ended, next_move
from mtls_operator.errors import SpecError
from mtls_operator.pki.inspect import fingerprint_of
from mtls_operator.pki.roots import cross_sign, renew_root
from mtls_operator.reconcilers.roots import new_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.core.ledger import Entry
    from mtls_operator.core.rotation import Move
    from mtls_operator.ports import Clock, Kube, Recorder, View
    from mtls_operator.reconcilers.publication import Publication
    from mtls_operator.reconcilers.root_uploads import RootUploads, Uploads
    from mtls_operator.reconcilers.roots import Ground, Roots
    from mtls_operator.reconcilers.signers import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a pass looked at, and how far things are by that."""

    ground: Ground
    uploads: Uploads
    situation: Situation


class Rotation:
    """Gathers what a rotation depends on, and makes its moves."""

    def __init__(
        self,
        *,
        kube: Kube,
        view: View,
        signers: Signers,
        roots: Roots,
        publication: Publication,
        uploads: RootUploads,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        """Take the ports and the parts that write."""
        self._kube = kube
        self._view = view
        self._signers = signers
        self._roots = roots
        self._publication = publication
        self._uploads = uploads
        self._recorder = recorder
        self._clock = clock

    async def look(
        self, authority: CertificateAuthority, ground: Ground, uploads: Uploads, entries: Mapping[str, Entry]
    ) -> Seen:
        """Return how things are; uploads that nobody should trust any more are taken out on the way.

        Raises:
            CloudError: the cloud refused or could not be asked.
        """
        now, lineage, issued = self._clock.now(), ground.lineage, entries.values()
        listeners = self._uploads.listeners(authority)
        behind = dependants.behind(authority.ref, listeners, uploads.admitted)
        users = await self._uploads.drain(uploads) if uploads.others and not behind else ()
        pending, excused = dependants.Holders(lineage, issued, now).pending(
            authority.ref, self._view.requests_to(authority.ref), self._view.listeners()
        )
        successor, problem = await self._successor(authority, lineage)
        situation = Situation(
            spec=authority.spec,
            token=authority.metadata.annotations.get(ROTATE_ANNOTATION, ""),
            successor=successor,
            successor_problem=problem,
            lineage=lineage,
            pending=pending,
            excused=excused,
            old_leaves=dependants.names(dependants.old_leaves(lineage, issued, now)),
            behind=behind or tuple(f"load balancer {user} still has the old root" for user in users),
            is_drained=not uploads.others or not (behind or users),
            idle=dependants.idle(lineage, issued, now),
            now=now,
        )
        return Seen(ground=ground, uploads=uploads, situation=situation)

    async def _successor(self, authority: CertificateAuthority, lineage: Lineage) -> tuple[str, str]:
        """Return the fingerprint of the root that is named as successor, and why it cannot be used."""
        ref = authority.spec.source.next_secret_ref
        if ref is None or lineage.newest.record.source == ref.name:
            return "", ""
        secret = await self._kube.get_secret(ObjectRef(authority.metadata.namespace, ref.name))
        try:
            issuer = take_up(secret, authority.ref, ref.name, self._clock.now())
        except SpecError as error:
            return "", str(error)
        return fingerprint_of(issuer.certificate), ""

    async def advance(self, authority: CertificateAuthority, seen: Seen) -> Ground | None:
        """Make the next move and return what came of it, None when none can be made."""
        move = next_move(seen.situation)
        if move is None:
            return None
        ground = await self._perform(authority, seen.ground, move)
        await self._announce(authority, move)
        return ground

    async def _perform(self, authority: CertificateAuthority, ground: Ground, move: Move) -> Ground:
        lineage = ground.lineage
        match move:
            case Start():
                made = await self._next_root(authority, lineage, move)
                return await self._roots.write(ground, Lineage((*lineage.generations, made)))
            case Advance():
                return await self._roots.write(ground, lineage.with_record(move.record))
            case DropKey():
                closed = await self._publication.close(authority, ground, move.generation)
                return await self._roots.write(closed, lineage.without_key(move.generation))
            case DropRoot():
                return await self._roots.write(ground, lineage.without(move.generation))
            case _:
                assert_never(move)

    async def _next_root(self, authority: CertificateAuthority, lineage: Lineage, move: Start) -> Generation:
        newest, now = lineage.newest, self._clock.now()
        request = move.request
        record = Record(
            strategy=request.strategy,
            token=move.token,
            evicting=request.evicting,
            soak=request.soak,
            made_at=now,
        )
        if request.from_source:
            return await self._taken_up(authority, newest.number + 1, record)
        key = await self._signers.key_of(authority, newest)
        if request.strategy is RotationStrategy.SAME_KEY:
            root = await asyncio.to_thread(
                renew_root, root=newest.certificate, key=key, duration=authority.spec.duration, now=now
            )
            return Generation(number=newest.number + 1, certificate=root, key=key, record=record)
        made = await asyncio.to_thread(new_root, authority, newest.number + 1, record, self._clock)
        if request.strategy is RotationStrategy.BUNDLE or has_ended(newest, now):
            return made
        issuer = issuer_of(newest, key)
        cross = await asyncio.to_thread(cross_sign, root=made.certificate, issuer=issuer, now=now)
        return replace(made, cross=cross)

    async def _taken_up(self, authority: CertificateAuthority, number: int, record: Record) -> Generation:
        ref = authority.spec.source.next_secret_ref
        name = ref.name if ref is not None else ""
        secret = await self._kube.get_secret(ObjectRef(authority.metadata.namespace, name))
        issuer = take_up(secret, authority.ref, name, self._clock.now())
        return Generation(number=number, certificate=issuer.certificate, record=replace(record, source=name))

    async def _announce(self, authority: CertificateAuthority, move: Move) -> None:
        """Say it in an event; what is not waited for any more is worth a warning."""
        if isinstance(move, Start):
            await self._recorder.normal(authority, Reason.ROTATION_STARTED, str(move))
        elif isinstance(move, Advance) and move.left:
            await self._recorder.warning(authority, Reason.ROTATION_ADVANCED, str(move))
        elif isinstance(move, Advance):
            finished = move.phase is RotationPhase.STABLE
            reason = Reason.ROTATION_FINISHED if finished else Reason.ROTATION_ADVANCED
            await self._recorder.normal(authority, reason, str(move))
