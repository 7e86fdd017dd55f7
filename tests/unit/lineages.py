"""Lineages of roots, made in no time: keys of P-256, and the same ones for every test of a run."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from builders import NOW
from cryptography import x509

from mtls_operator.api.authority_rotation import RotationStrategy
from mtls_operator.core.lineage import Generation, Lineage, Record
from mtls_operator.pki.issue import Issuer, issue_leaf
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, SERVER, Usage
from mtls_operator.pki.roots import cross_sign, issue_root, renew_root

CROSS_SIGN, SAME_KEY, BUNDLE = RotationStrategy
YEAR = timedelta(days=365)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
NAME = Subject("Root clients")


@cache
def key_of(number: int) -> PrivateKey:
    return generate_key(P256)


def first(*, source: str = "", now: datetime = NOW, duration: timedelta = 10 * YEAR) -> Lineage:
    certificate = issue_root(subject=NAME, key=key_of(1), duration=duration, now=now)
    record = Record(source=source, made_at=now)
    key = None if source else key_of(1)
    return Lineage((Generation(number=1, certificate=certificate, key=key, record=record),))


def begun(
    lineage: Lineage,
    strategy: RotationStrategy = CROSS_SIGN,
    *,
    now: datetime = NOW,
    duration: timedelta = 10 * YEAR,
    evicting: bool = False,
    source: str = "",
) -> Lineage:
    """Return the lineage with a next root, in the phase Prepare."""
    newest, number = lineage.newest, lineage.newest.number + 1
    record = Record(strategy=strategy, evicting=evicting, made_at=now, source=source)
    if strategy is SAME_KEY:
        assert newest.key is not None
        root = renew_root(root=newest.certificate, key=newest.key, duration=duration, now=now)
        made = Generation(number=number, certificate=root, key=newest.key, record=record)
    else:
        root = issue_root(subject=NAME, key=key_of(number), duration=duration, now=now)
        made = Generation(number=number, certificate=root, key=key_of(number), record=record)
    if strategy is CROSS_SIGN and newest.key is not None:
        cross = cross_sign(root=root, issuer=Issuer(newest.certificate, newest.key), now=now)
        made = replace(made, cross=cross)
    return Lineage((*lineage.generations, replace(made, key=None) if source else made))


def reached(lineage: Lineage, phase: str, now: datetime = NOW) -> Lineage:
    """Return the lineage with its newest root in a phase."""
    passed = {"Prepare": 0, "Reissue": 1, "Soak": 2, "Switch": 3, "Drain": 3, "Stable": 4}[phase]
    names = ("prepared_at", "reissued_at", "switched_at", "finished_at")[:passed]
    times: dict[str, Any] = dict.fromkeys(names, now)
    return lineage.with_record(replace(lineage.newest.record, **times))


def rotated(lineage: Lineage, strategy: RotationStrategy = CROSS_SIGN, *, now: datetime = NOW) -> Lineage:
    """Return the lineage after a whole rotation."""
    return reached(begun(lineage, strategy, now=now), "Stable", now)


def leaf(lineage: Lineage, usage: Usage = Usage.CLIENT, now: datetime = NOW) -> tuple[x509.Certificate, ...]:
    """Return a chain that the lineage's signer makes now."""
    signer = lineage.signer(usage)
    names = SubjectAltNames(dns_names=("api.acme.example",)) if usage is Usage.SERVER else SubjectAltNames()
    certificate = issue_leaf(
        profile=SERVER if usage is Usage.SERVER else CLIENT,
        subject=Subject("api.acme.example" if usage is Usage.SERVER else "payments.edge"),
        names=names,
        public_key=key_of(0).public_key(),
        issuer=Issuer(signer.certificate, signer.key or key_of(signer.number)),
        duration=timedelta(days=30),
        now=now,
    )
    return (certificate, *lineage.tail(signer))
