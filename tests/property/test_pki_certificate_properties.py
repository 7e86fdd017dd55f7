"""Whatever is issued verifies at any time inside its validity, ends with its issuer, and reads back."""

from __future__ import annotations

import base64
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, inspect_certificate, load_chain, signed_by
from mtls_operator.pki.issue import Issuer, capped_not_after, is_capped, issue_leaf, issue_root
from mtls_operator.pki.keys import (
    KeyAlgorithm,
    KeySpec,
    generate_key,
    key_from_pem,
    key_to_pem,
    public_key_der,
    same_key,
)
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT, SERVER, Profile, Usage
from mtls_operator.pki.text import normalise_pem
from mtls_operator.pki.verify import verify_leaf

if TYPE_CHECKING:
    from cryptography import x509

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
ROOT_KEY = generate_key(P256)
LEAF_KEY = generate_key(P256)
LIFE = timedelta(days=3650)
ROOT = issue_root(subject=Subject("Acme Root"), key=ROOT_KEY, duration=LIFE, now=NOW)
ISSUER = Issuer(ROOT, ROOT_KEY)
BY_USAGE = {Usage.CLIENT: CLIENT, Usage.SERVER: SERVER}

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
TEXTS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=16)
SUBJECTS = st.builds(
    Subject,
    TEXTS.map(lambda text: f"x-{text}"),
    organizations=st.lists(TEXTS, max_size=2).map(tuple),
    organizational_units=st.lists(TEXTS, max_size=2).map(tuple),
    countries=st.lists(st.sampled_from(["CN", "DE"]), max_size=1).map(tuple),
    localities=st.lists(TEXTS, max_size=1).map(tuple),
    provinces=st.lists(TEXTS, max_size=1).map(tuple),
)
NAMES = st.builds(
    SubjectAltNames,
    dns_names=st.lists(HOSTS, min_size=1, max_size=3).map(tuple),
    uris=st.lists(HOSTS.map(lambda host: f"spiffe://{host}/ns/a"), max_size=2).map(tuple),
    email_addresses=st.lists(HOSTS.map(lambda host: f"ops@{host}"), max_size=2).map(tuple),
    ip_addresses=st.lists(
        st.one_of(
            st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))),
            st.integers(0, 2**128 - 1).map(lambda number: str(IPv6Address(number))),
        ),
        max_size=2,
    ).map(tuple),
)
MOMENTS = st.timedeltas(-timedelta(minutes=5), LIFE - timedelta(seconds=1)).map(lambda since: NOW + since)
DURATIONS = st.timedeltas(timedelta(seconds=1), timedelta(days=825))


def _issue(
    profile: Profile, subject: Subject, names: SubjectAltNames, duration: timedelta, now: datetime
) -> x509.Certificate:
    return issue_leaf(
        profile=profile,
        subject=subject,
        names=names,
        public_key=LEAF_KEY.public_key(),
        issuer=ISSUER,
        duration=duration,
        now=now,
    )


@settings(deadline=None)
@given(usage=st.sampled_from(Usage), now=MOMENTS, duration=DURATIONS, share=st.floats(0, 1))
def test_a_leaf_verifies_at_any_time_inside_its_validity(
    usage: Usage, now: datetime, duration: timedelta, share: float
) -> None:
    names = SubjectAltNames(dns_names=("api.acme.example",))
    leaf = _issue(BY_USAGE[usage], Subject("payments"), names, duration, now)
    moment = leaf.not_valid_before_utc + share * (leaf.not_valid_after_utc - leaf.not_valid_before_utc)
    assert verify_leaf([leaf], [ROOT], moment, usage) == (leaf, ROOT)


@settings(deadline=None)
@given(now=MOMENTS, duration=DURATIONS)
def test_no_leaf_outlives_or_precedes_its_issuer(now: datetime, duration: timedelta) -> None:
    leaf = _issue(CLIENT, Subject("payments"), SubjectAltNames(), duration, now)
    assert ROOT.not_valid_before_utc <= leaf.not_valid_before_utc < leaf.not_valid_after_utc
    assert leaf.not_valid_after_utc <= ROOT.not_valid_after_utc
    assert leaf.not_valid_after_utc == capped_not_after(duration=duration, issuer=ROOT, now=now)
    if is_capped(duration=duration, issuer=ROOT, now=now):
        assert leaf.not_valid_after_utc == ROOT.not_valid_after_utc
    else:
        assert abs(leaf.not_valid_after_utc - now - duration) < timedelta(seconds=1)


@settings(deadline=None)
@given(subject=SUBJECTS, names=NAMES)
def test_subject_and_names_read_back_from_the_certificate(subject: Subject, names: SubjectAltNames) -> None:
    leaf = _issue(SERVER, subject, names, timedelta(days=1), NOW)
    facts = inspect_certificate(leaf)
    assert facts.subject == subject
    assert facts.names == names
    assert load_chain(chain_to_pem([leaf, ROOT])) == (leaf, ROOT)
    text = normalise_pem(chain_to_pem([leaf, ROOT]).decode())
    assert load_chain(text) == (leaf, ROOT)
    assert normalise_pem(text) == text


@settings(deadline=None, max_examples=300)
@given(position=st.integers(0), value=st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused(position: int, value: int) -> None:
    names = SubjectAltNames(("a.example",), ("spiffe://a.example/x",), ("a@b.example",), ("::1",))
    leaf = _issue(SERVER, Subject("x", ("Acme",), countries=("CN",)), names, timedelta(days=1), NOW)
    der = bytearray(leaf.public_bytes(serialization.Encoding.DER))
    der[position % len(der)] = value
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
    with warnings.catch_warnings():
        # cryptography warns of what is against RFC 5280 and reads it none the less.
        warnings.simplefilter("ignore", UserWarning)
        try:
            (damaged,) = load_chain(pem)
        except PkiError:
            return
        same_key(damaged, LEAF_KEY)
        if damaged.tbs_certificate_bytes == leaf.tbs_certificate_bytes:
            return
        assert not signed_by(damaged, ROOT)
        with pytest.raises(PkiError):
            verify_leaf([damaged], [ROOT], NOW, Usage.SERVER)


@given(size=st.sampled_from([256, 384, 521]))
def test_a_key_reads_back(size: int) -> None:
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, size))
    assert public_key_der(key_from_pem(key_to_pem(key)).public_key()) == public_key_der(key.public_key())


@given(value=st.text())
def test_any_text_is_a_name_that_renders_or_a_refusal(value: str) -> None:
    try:
        subject = Subject(value, organizations=(value,))
    except PkiError:
        return
    assert Subject.from_x509(subject.to_x509()) == subject


@given(value=st.one_of(st.text(), st.from_regex(r"[a-z0-9.*:@/%\[\]-]{1,40}", fullmatch=True)))
def test_any_text_is_an_alternative_name_that_renders_or_a_refusal(value: str) -> None:
    for field in ("dns_names", "uris", "email_addresses", "ip_addresses"):
        try:
            names = SubjectAltNames(**{field: (value,)})
        except PkiError:
            continue
        leaf = _issue(SERVER, Subject("x"), names, timedelta(days=1), NOW)
        assert SubjectAltNames.from_certificate(leaf) == names


@given(value=st.text())
def test_any_text_is_normalised_or_refused(value: str) -> None:
    try:
        text = normalise_pem(value)
    except PkiError:
        return
    assert normalise_pem(text) == text
