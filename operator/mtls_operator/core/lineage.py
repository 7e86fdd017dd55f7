"""The roots of an authority, from the oldest that is still trusted to the newest.

    Secret <authority>-ca-key
      g1.crt g1.key             the first root
      g2.crt g2.key             its successor
      g2.cross.crt              the successor's certificate once more, signed by the first root
      g2.json                   how far the rotation from the first to the second has come

Pure. What has been decided in a rotation is recorded beside the key that it is about, so that it is
restored from a backup together with it, and no status has to be believed. Read by everything that
issues; written by the CertificateAuthority reconciler.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.api.model import render_time
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, fingerprint_of, load_chain
from mtls_operator.pki.issue import Issuer
from mtls_operator.pki.keys import PrivateKey, key_from_pem, key_to_pem, public_key_der
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography import x509

    from mtls_operator.core.cluster import Secret

FIRST: Final = 1
_CERTIFICATE: Final = re.compile(r"g([1-9][0-9]{0,5})\.crt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was decided about a generation, and when. Every time is written once and stays.

    Attributes:
        strategy: how it replaces the one before.
        token: the rotate annotation when it was made: that request has been served.
        source: the Secret that holds its key, where that is somebody else's; empty for our own.
        evicting: certificates of the one before are shut out without waiting for them.
        soak: what an eviction asked to wait, None for the manifest's.
        made_at: when it was made.
        prepared_at: it is published, so certificates may be issued under it.
        reissued_at: what had to be issued anew under it has been.
        switched_at: listeners are to trust it, and it alone.
        finished_at: no listener trusts the one before.
    """

    strategy: RotationStrategy = RotationStrategy.CROSS_SIGN
    token: str = ""
    source: str = ""
    evicting: bool = False
    soak: timedelta | None = None
    made_at: datetime | None = None
    prepared_at: datetime | None = None
    reissued_at: datetime | None = None
    switched_at: datetime | None = None
    finished_at: datetime | None = None


_TIMES: Final = {
    "madeAt": "made_at",
    "preparedAt": "prepared_at",
    "reissuedAt": "reissued_at",
    "switchedAt": "switched_at",
    "finishedAt": "finished_at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A root.

    Attributes:
        cross: the same key and name, certified by the root before; None for the first, and where
            keys are equal or both roots are trusted.
        key: None where somebody else's Secret holds it, or when it has nothing left to sign.
    """

    number: int
    certificate: x509.Certificate
    cross: x509.Certificate | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    record: Record = Record()

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256, lower-case hexadecimal."""
        return fingerprint_of(self.certificate)

    @property
    def public_key(self) -> bytes:
        """What equal keys have in common."""
        return public_key_der(self.certificate.public_key())


@dataclass(frozen=True, slots=True)
class Lineage:
    """All roots that are trusted, oldest first; at least one."""

    generations: tuple[Generation, ...]

    @property
    def newest(self) -> Generation:
        """The root made last."""
        return self.generations[-1]

    @property
    def previous(self) -> Generation | None:
        """The root before the newest, None where it is gone."""
        return self.generations[-2] if len(self.generations) > 1 else None

    @property
    def retiring(self) -> Generation | None:
        """The root that is being replaced, None while none is."""
        return self.previous if self.newest.record.finished_at is None else None

    def signer(self, usage: Usage) -> Generation:
        """Return the root that signs leaves of a kind now.

        By Bundle, servers keep the old root until the switch: a client that knows only that one could
        not verify the new, since there is no cross certificate.
        """
        newest, retiring = self.newest, self.retiring
        if retiring is None:
            return newest
        waits_for_switch = newest.record.strategy is RotationStrategy.BUNDLE and usage is Usage.SERVER
        ready = newest.record.switched_at if waits_for_switch else newest.record.prepared_at
        return newest if ready is not None else retiring

    def admitted(self) -> tuple[Generation, ...]:
        """Return the roots that listeners should trust now: one, or two during a rotation by Bundle."""
        newest, retiring = self.newest, self.retiring
        if retiring is None or newest.record.switched_at is not None:
            return (newest,)
        bundled = newest.record.strategy is RotationStrategy.BUNDLE and not newest.record.evicting
        return (retiring, newest) if bundled else (retiring,)

    def roots(self) -> tuple[x509.Certificate, ...]:
        """Return what a verifier should trust, oldest first: some programs read only the first."""
        return tuple(generation.certificate for generation in self.generations)

    def tail(self, signer: Generation) -> tuple[x509.Certificate, ...]:
        """Return what follows a leaf of this root in its chain, for verifiers that know only older roots."""
        return tuple(self._crosses(signer))

    def _crosses(self, signer: Generation) -> Iterator[x509.Certificate]:
        for generation in reversed(self.generations):
            if generation.number > signer.number:
                continue
            if generation.cross is not None:
                yield generation.cross
            elif not self._shares_its_key(generation):
                return

    def _shares_its_key(self, generation: Generation) -> bool:
        """Whether the root before has the same key, so that its crosses fit as well."""
        before = (g for g in self.generations if g.number == generation.number - 1)
        return any(g.public_key == generation.public_key for g in before)

    def with_key_of(self, generation: Generation) -> frozenset[int]:
        """Return the generations that have the same key: a leaf of one verifies under all of them."""
        return frozenset(g.number for g in self.generations if g.public_key == generation.public_key)

    def find(self, fingerprint: str) -> Generation | None:
        """Return a root by its fingerprint."""
        return next((g for g in self.generations if g.fingerprint == fingerprint), None)

    def with_record(self, record: Record) -> Lineage:
        """Return the lineage with another record of the newest root."""
        return Lineage((*self.generations[:-1], replace(self.newest, record=record)))

    def without_key(self, generation: Generation) -> Lineage:
        """Return the lineage without a root's key."""
        return Lineage(
            tuple(replace(g, key=None) if g.number == generation.number else g for g in self.generations)
        )

    def without(self, generation: Generation) -> Lineage:
        """Return the lineage without a root that has ended; what it cross-signed has ended with it."""
        left = tuple(g for g in self.generations if g.number != generation.number)
        return Lineage(
            tuple(replace(g, cross=None) if g.number == generation.number + 1 else g for g in left)
        )


def bundle_fingerprint(generations: tuple[Generation, ...]) -> str:
    """Return what identifies an upload: the root's fingerprint, or a digest over those of several."""
    if len(generations) == 1:
        return generations[0].fingerprint
    return hashlib.sha256("".join(g.fingerprint for g in generations).encode()).hexdigest()


def issuer_of(generation: Generation, key: PrivateKey) -> Issuer:
    """Return a root with its key.

    Raises:
        PkiError: they do not belong together.
    """
    return Issuer(generation.certificate, key)


def render_lineage(lineage: Lineage) -> dict[str, bytes]:
    """Return the Secret's data."""
    data: dict[str, bytes] = {}
    for generation in lineage.generations:
        name = f"g{generation.number}"
        data[f"{name}.crt"] = chain_to_pem((generation.certificate,))
        data[f"{name}.json"] = _render_record(generation.record)
        if generation.cross is not None:
            data[f"{name}.cross.crt"] = chain_to_pem((generation.cross,))
        if generation.key is not None:
            data[f"{name}.key"] = key_to_pem(generation.key)
    return data


def read_lineage(secret: Secret) -> Lineage:
    """Read the roots from an authority's Secret.

    Raises:
        SpecError: with reason CAKeyDamaged.
    """
    try:
        numbers = sorted(int(m[1]) for name in secret.data if (m := _CERTIFICATE.fullmatch(name)))
        generations = tuple(_read_generation(secret.data, number) for number in numbers)
        _require_signers(generations)
    except (PkiError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        what = str(error) if isinstance(error, PkiError) else "a record in it is damaged"
        raise SpecError(
            Reason.CA_KEY_DAMAGED,
            f"Secret {secret.ref} does not hold usable roots ({what}). "
            "Restore it from a backup; no new root is made.",
        ) from None
    return Lineage(generations)


def _read_generation(data: Mapping[str, bytes], number: int) -> Generation:
    name = f"g{number}"
    certificate = load_chain(data[f"{name}.crt"])[0]
    cross, key = data.get(f"{name}.cross.crt"), data.get(f"{name}.key")
    generation = Generation(
        number=number,
        certificate=certificate,
        cross=load_chain(cross)[0] if cross is not None else None,
        key=key_from_pem(key) if key is not None else None,
        record=_read_record(data.get(f"{name}.json")),
    )
    if generation.key is not None:
        issuer_of(generation, generation.key)
    return generation


def _require_signers(generations: tuple[Generation, ...]) -> None:
    """A rotation cannot be taken up where its record or a key that it needs has gone."""
    if not generations:
        raise PkiError("there is no certificate g1.crt in it")
    for successor in generations[1:]:
        if successor.record == Record():
            raise PkiError(f"the record g{successor.number}.json is missing")
    lineage = Lineage(generations)
    for signer in (lineage.newest, *map(lineage.signer, Usage)):
        if signer.key is None and not signer.record.source:
            raise PkiError(f"the key g{signer.number}.key is missing")


def _render_record(record: Record) -> bytes:
    fields: dict[str, object] = {"strategy": record.strategy.value}
    fields |= {"token": record.token} if record.token else {}
    fields |= {"source": record.source} if record.source else {}
    fields |= {"evicting": True} if record.evicting else {}
    fields |= {"soakSeconds": record.soak.total_seconds()} if record.soak is not None else {}
    for name, attribute in _TIMES.items():
        moment = getattr(record, attribute)
        if moment is not None:
            fields[name] = render_time(moment)
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _read_record(text: bytes | None) -> Record:
    """A first root may do without a record: nothing was decided about it."""
    if text is None:
        return Record()
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise TypeError("no record")
    soak = fields.get("soakSeconds")
    times = {attribute: _time(fields[name]) for name, attribute in _TIMES.items() if name in fields}
    return Record(
        strategy=RotationStrategy(fields.get("strategy", RotationStrategy.CROSS_SIGN)),
        token=str(fields.get("token", "")),
        source=str(fields.get("source", "")),
        evicting=fields.get("evicting") is True,
        soak=timedelta(seconds=float(soak)) if soak is not None else None,
        **times,
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
