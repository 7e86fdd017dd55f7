"""The ledger: every certificate that an authority has issued, as entries of ConfigMaps.

    ConfigMap <authority>-ledger-<n>        a shard, at most 100 entries
      data:
        <serial, hexadecimal>: <JSON>       an entry; added once, changed only by a revocation

Pure. An entry is committed before its certificate is handed out, and stays until the certificate
has ended, whatever becomes of the object that asked for it. Written by `reconcilers.ledger`, read by
`kubectl mtls issued`; a rotation counts from it what still depends on the old root.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import LEDGER_LABEL, Kind, ObjectRef
from mtls_operator.api.model import render_time
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ownership import OWNER_ANNOTATION
from mtls_operator.pki.crl import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mtls_operator.api.authority import CertificateAuthority

ENTRIES_PER_SHARD: Final = 100
"""Some 350 bytes an entry: the API server reads and writes the whole shard for each commit, so that a
larger one costs it more than all else of an issue. With the longest names an entry has 1.5 KB."""
_SERIAL: Final = re.compile(r"[1-9a-f][0-9a-f]{0,39}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """That a certificate was revoked: since when, and why in the words of RFC 5280."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate that was issued.

    Attributes:
        serial: lower-case hexadecimal without leading zeros.
        kind: of the object that asked for it: ClientCert, MutualTLSListener for a server's, or
            CertificateAuthority for those by which the operator tries the doors of listeners.
        namespace: of that object, and of the Secret.
        uid: of that object; another object of the same name has another one.
        secret: the Secret that the certificate went to.
        common_name: the certificate's.
        generation: of the root that signed it.
        issued_at: a shard keeps whole seconds of it, as of every time.
        why: what led to it, such as a renewal.
    """

    serial: str
    kind: Kind
    namespace: str
    name: str
    uid: str
    secret: str
    common_name: str
    generation: int
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    why: str
    revoked: Revocation | None = None

    @property
    def is_client(self) -> bool:
        """Whether it is a client certificate."""
        return self.kind is Kind.CLIENT_CERT

    @property
    def is_probe(self) -> bool:
        """Whether the operator made it for its own trials: held in memory, and replaced every few minutes."""
        return self.kind is Kind.CERTIFICATE_AUTHORITY

    def is_live(self, now: datetime) -> bool:
        """Tell whether the certificate has neither ended nor been revoked."""
        return now < self.not_after and self.revoked is None

    def revoke(self, at: datetime, reason: str) -> Entry:
        """Return the entry with its revocation; the first one counts."""
        return self if self.revoked else replace(self, revoked=Revocation(at=at, reason=reason))


def render_entry(entry: Entry) -> str:
    """Return an entry's value in its shard."""
    fields: dict[str, object] = {
        "kind": entry.kind.value,
        "namespace": entry.namespace,
        "name": entry.name,
        "uid": entry.uid,
        "secret": entry.secret,
        "commonName": entry.common_name,
        "generation": entry.generation,
        "notBefore": render_time(entry.not_before),
        "notAfter": render_time(entry.not_after),
        "issuedAt": render_time(entry.issued_at),
        "why": entry.why,
    }
    if entry.revoked is not None:
        fields["revoked"] = {"at": render_time(entry.revoked.at), "reason": entry.revoked.reason}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def parse_entry(serial: str, text: str) -> Entry | None:
    """Read an entry; None for what is none, such as one that a person has damaged.

    What is read can be counted and can go on a revocation list: nothing that is half right passes.
    """
    try:
        return _entry(serial, json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _entry(serial: str, fields: object) -> Entry:
    if not isinstance(fields, dict) or not _SERIAL.fullmatch(serial):
        raise ValueError("no entry under a serial number")
    revoked = fields.get("revoked")
    return Entry(
        serial=serial,
        kind=Kind(_text(fields["kind"])),
        namespace=_text(fields["namespace"]),
        name=_text(fields["name"]),
        uid=_text(fields["uid"]),
        secret=_text(fields["secret"]),
        common_name=_text(fields["commonName"]),
        generation=_generation(fields["generation"]),
        not_before=_time(fields["notBefore"]),
        not_after=_time(fields["notAfter"]),
        issued_at=_time(fields["issuedAt"]),
        why=_text(fields["why"]),
        revoked=_revocation(revoked) if revoked is not None else None,
    )


def _revocation(fields: object) -> Revocation:
    if not isinstance(fields, dict) or fields["reason"] not in REASONS:
        raise ValueError("no revocation")
    return Revocation(at=_time(fields["at"]), reason=fields["reason"])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _generation(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("no generation")
    return value


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def shard_ref(authority: ObjectRef, number: int) -> ObjectRef:
    """Return where a shard is."""
    return ObjectRef(authority.namespace, f"{authority.name}-ledger-{number}")


def shard_number(authority: ObjectRef, shard: ObjectRef) -> int | None:
    """Return the number in a shard's name, None for another name."""
    prefix = f"{authority.name}-ledger-"
    number = shard.name.removeprefix(prefix)
    return int(number) if shard.name.startswith(prefix) and _NUMBER.fullmatch(number) else None


def new_shard(authority: CertificateAuthority, number: int, entries: Iterable[Entry]) -> ConfigMap:
    """Return a shard to create. It carries no label that is watched: it is read once, at the start."""
    return ConfigMap(
        ref=shard_ref(authority.ref, number),
        data={entry.serial: render_entry(entry) for entry in entries},
        labels={LEDGER_LABEL: "true"},
        annotations={OWNER_ANNOTATION: authority.metadata.name},
    )


def is_shard_of(authority: ObjectRef, found: ConfigMap) -> bool:
    """Tell whether a ConfigMap is a shard of an authority's ledger."""
    return (
        found.labels.get(LEDGER_LABEL) == "true"
        and found.annotations.get(OWNER_ANNOTATION) == authority.name
        and shard_number(authority, found.ref) is not None
    )


def entries_of(shards: Iterable[ConfigMap]) -> Iterator[Entry]:
    """Yield what can be read in shards."""
    for shard in shards:
        for serial, text in shard.data.items():
            entry = parse_entry(serial, text)
            if entry is not None:
                yield entry


def revoked_of(entries: Iterable[Entry], uid: str, reason: str, now: datetime) -> Mapping[str, Entry]:
    """Return the changed entries when all live client certificates of an object are revoked, by serial."""
    mine = (entry for entry in entries if entry.uid == uid and entry.is_client and entry.is_live(now))
    return {entry.serial: entry.revoke(now, reason) for entry in mine}
