"""A rotation leaves no moment at which a chain that should verify does not, whenever it is begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.existing import check_existing_root
from mtls_operator.pki.issue import Issuer, cross_sign, issue_leaf, issue_root, renew_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, SERVER, Usage
from mtls_operator.pki.verify import verify_leaf

if TYPE_CHECKING:
    from cryptography import x509

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SUBJECT = Subject("Acme Root", ("Acme",))
HOST = SubjectAltNames(dns_names=("api.acme.example",))
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
KEYS = tuple(generate_key(P256) for _ in range(4))
LEAF_KEY = KEYS[-1]
BY_USAGE = {Usage.CLIENT: CLIENT, Usage.SERVER: SERVER}

LIVES = st.timedeltas(timedelta(hours=1), 3650 * DAY)
SHARES = st.floats(0, 1)


@dataclass(frozen=True)
class Rotation:
    """Three roots of one name, each made and cross-signed while the one before is valid."""

    roots: tuple[Issuer, ...]
    crosses: tuple[x509.Certificate, ...]
    leaf: x509.Certificate
    usage: Usage

    def moment(self, share: float, *certificates: x509.Certificate) -> datetime:
        """A moment at which the leaf and all of these are valid."""
        both = (self.leaf, *certificates)
        start = max(certificate.not_valid_before_utc for certificate in both)
        end = min(certificate.not_valid_after_utc for certificate in both)
        assume(start <= end)
        return start + share * (end - start)


def _within(certificate: x509.Certificate, share: float) -> datetime:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return min(start + share * (end - start), end - timedelta(seconds=1))


@st.composite
def rotations(draw: st.DrawFn) -> Rotation:
    now = NOW
    roots: list[Issuer] = []
    crosses: list[x509.Certificate] = []
    for key in KEYS[:3]:
        if roots:
            now = _within(roots[-1].certificate, draw(SHARES))
        new = Issuer(issue_root(subject=SUBJECT, key=key, duration=draw(LIVES), now=now), key)
        if roots:
            crosses.append(cross_sign(root=new.certificate, issuer=roots[-1], now=now))
        roots.append(new)
    usage = draw(st.sampled_from(Usage))
    leaf = issue_leaf(
        profile=BY_USAGE[usage],
        subject=Subject("payments"),
        names=HOST,
        public_key=LEAF_KEY.public_key(),
        issuer=roots[-1],
        duration=draw(LIVES),
        now=_within(roots[-1].certificate, draw(SHARES)),
    )
    return Rotation(tuple(roots), tuple(crosses), leaf, usage)


@settings(deadline=None, max_examples=50)
@given(rotation=rotations(), share=SHARES)
def test_a_leaf_verifies_with_any_one_of_the_roots_at_any_time_inside_the_validity(
    rotation: Rotation, share: float
) -> None:
    oldest, old, new = (root.certificate for root in rotation.roots)
    first, second = rotation.crosses
    for path in ((new,), (second, old), (second, first, oldest)):
        moment = rotation.moment(share, *path)
        verified = verify_leaf([rotation.leaf, second, first], [path[-1]], moment, rotation.usage)
        assert verified == (rotation.leaf, *path)


@settings(deadline=None, max_examples=50)
@given(rotation=rotations())
def test_no_leaf_outlives_its_issuer_and_no_cross_certificate_either_of_its_roots(rotation: Rotation) -> None:
    pairs = [(rotation.leaf, rotation.roots[-1].certificate)]
    for cross, older, newer in zip(rotation.crosses, rotation.roots, rotation.roots[1:], strict=False):
        pairs += [(cross, older.certificate), (cross, newer.certificate)]
        ends = (older.certificate.not_valid_after_utc, newer.certificate.not_valid_after_utc)
        assert cross.not_valid_after_utc == min(ends)
    for inner, outer in pairs:
        assert outer.not_valid_before_utc <= inner.not_valid_before_utc <= inner.not_valid_after_utc
        assert inner.not_valid_after_utc <= outer.not_valid_after_utc


@settings(deadline=None, max_examples=50)
@given(life=LIVES, renewed_at=SHARES, renewed_life=LIVES, share=SHARES)
def test_a_leaf_verifies_with_the_renewed_root_while_both_are_valid(
    life: timedelta, renewed_at: float, renewed_life: timedelta, share: float
) -> None:
    key = KEYS[0]
    old = Issuer(issue_root(subject=SUBJECT, key=key, duration=life, now=NOW), key)
    leaf = issue_leaf(
        profile=CLIENT,
        subject=Subject("payments"),
        names=HOST,
        public_key=LEAF_KEY.public_key(),
        issuer=old,
        duration=life,
        now=NOW,
    )
    later = _within(old.certificate, renewed_at)
    renewed = renew_root(root=old.certificate, key=key, duration=renewed_life, now=later)
    check_existing_root(renewed, key, later)
    moment = Rotation((old,), (), leaf, Usage.CLIENT).moment(share, renewed)
    assert verify_leaf([leaf], [renewed], moment, Usage.CLIENT) == (leaf, renewed)


@settings(deadline=None)
@given(older=LIVES, newer=LIVES, offset=st.timedeltas(-3650 * DAY, 7300 * DAY))
def test_a_cross_certificate_is_made_while_both_roots_are_valid_and_else_refused(
    older: timedelta, newer: timedelta, offset: timedelta
) -> None:
    old = Issuer(issue_root(subject=SUBJECT, key=KEYS[0], duration=older, now=NOW), KEYS[0])
    new = issue_root(subject=SUBJECT, key=KEYS[1], duration=newer, now=NOW + DAY)
    now = NOW + offset
    roots = (old.certificate, new)
    if all(root.not_valid_before_utc <= now < root.not_valid_after_utc for root in roots):
        cross = cross_sign(root=new, issuer=old, now=now)
        assert cross.not_valid_before_utc <= now < cross.not_valid_after_utc
        return
    with pytest.raises(PkiError, match=r"not valid before|expired"):
        cross_sign(root=new, issuer=old, now=now)
