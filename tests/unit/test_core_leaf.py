"""Each reason for a new certificate, on its own."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import NOW
from cryptography import x509

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.leaf import RENEWED_BY, TLS_CRT, TLS_KEY, WantedLeaf, read_leaf, why_issue
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.issue import Issuer, issue_leaf, issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_to_pem
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import CLIENT

P256 = KeySpec(KeyAlgorithm.ECDSA, 256)


def make_issuer(name: str = "Root", days: int = 3650) -> Issuer:
    key = generate_key(P256)
    return Issuer(issue_root(subject=Subject(name), key=key, duration=timedelta(days=days), now=NOW), key)


ISSUER = make_issuer()
WANTED = WantedLeaf(
    profile=CLIENT,
    subject=Subject("payments.edge"),
    names=SubjectAltNames(dns_names=("payments.acme.example",)),
    key=P256,
    duration=timedelta(days=90),
    renew_before=timedelta(days=30),
    keep_key=False,
    renew_token="",
    seed="uid-1",
)


def stored(
    wanted: WantedLeaf = WANTED, issuer: Issuer = ISSUER, now: datetime = NOW, token: str = ""
) -> Secret:
    key = generate_key(wanted.key)
    made = issue_leaf(
        profile=wanted.profile,
        subject=wanted.subject,
        names=wanted.names,
        public_key=key.public_key(),
        issuer=issuer,
        duration=wanted.duration,
        now=now,
    )
    data = {TLS_CRT: chain_to_pem((made,)), TLS_KEY: key_to_pem(key)}
    return Secret(
        ref=ObjectRef("edge", "x"), type="t", data=data, annotations={RENEWED_BY: token} if token else {}
    )


def why(
    secret: Secret, wanted: WantedLeaf = WANTED, issuer: Issuer = ISSUER, now: datetime = NOW
) -> str | None:
    return why_issue(wanted, read_leaf(secret), issuer.certificate, now)


GOOD = stored()


def test_a_certificate_that_fits_stays() -> None:
    assert why(GOOD) is None


OTHER_KEY = replace(GOOD, data={**GOOD.data, TLS_KEY: stored().data[TLS_KEY]})
DAY = timedelta(days=1)
REASONS: list[tuple[str, Secret, WantedLeaf, str]] = [
    ("nothing in the Secret", replace(GOOD, data={}), WANTED, "no usable certificate"),
    (
        "a damaged certificate",
        replace(GOOD, data={**GOOD.data, TLS_CRT: b"x"}),
        WANTED,
        "no usable certificate",
    ),
    ("a damaged key", replace(GOOD, data={**GOOD.data, TLS_KEY: b"x"}), WANTED, "no usable key"),
    ("a key of another certificate", OTHER_KEY, WANTED, "key does not belong"),
    ("another signer of the same name", stored(issuer=make_issuer()), WANTED, "signed by another authority"),
    ("another common name", GOOD, replace(WANTED, subject=Subject("other.edge")), "names"),
    ("an organization more", GOOD, replace(WANTED, subject=Subject("payments.edge", ("Acme",))), "names"),
    ("another DNS name", GOOD, replace(WANTED, names=SubjectAltNames()), "names"),
    ("another algorithm", GOOD, replace(WANTED, key=KeySpec(KeyAlgorithm.RSA, 2048)), "key algorithm"),
    ("another curve", GOOD, replace(WANTED, key=KeySpec(KeyAlgorithm.ECDSA, 384)), "key algorithm"),
    ("a longer duration", GOOD, replace(WANTED, duration=91 * DAY), "duration"),
    ("a shorter duration", GOOD, replace(WANTED, duration=89 * DAY), "duration"),
    ("a renew annotation", GOOD, replace(WANTED, renew_token="1"), "renew annotation"),
    ("another renew annotation", stored(token="1"), replace(WANTED, renew_token="2"), "renew annotation"),
]


@pytest.mark.parametrize(
    ("secret", "wanted", "sentence"), [row[1:] for row in REASONS], ids=[row[0] for row in REASONS]
)
def test_a_new_certificate_is_issued_for(secret: Secret, wanted: WantedLeaf, sentence: str) -> None:
    assert sentence in (why(secret, wanted) or "")


KEPT: list[tuple[str, Secret, WantedLeaf]] = [
    ("a renew annotation that was followed", stored(token="1"), replace(WANTED, renew_token="1")),
    ("a renew annotation that was taken away", stored(token="1"), WANTED),
    (
        "names in another spelling",
        stored(replace(WANTED, names=SubjectAltNames(dns_names=("A.example",), ip_addresses=("FD00::01",)))),
        replace(
            WANTED, names=SubjectAltNames(dns_names=("a.example", "a.example"), ip_addresses=("fd00::1",))
        ),
    ),
    ("another renewBefore that is not due", GOOD, replace(WANTED, renew_before=10 * DAY)),
]


@pytest.mark.parametrize(("secret", "wanted"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_a_certificate_is_kept_with(secret: Secret, wanted: WantedLeaf) -> None:
    assert why(secret, wanted) is None


def test_it_is_renewed_at_its_renewal_time_and_not_before() -> None:
    leaf = read_leaf(GOOD)
    assert leaf is not None
    due = leaf.renewal_time(WANTED)
    assert why(GOOD, now=due - timedelta(seconds=1)) is None
    assert why(GOOD, now=due) == "it is time to renew"


def test_a_leaf_cut_to_its_issuers_end_is_not_renewed_in_vain() -> None:
    short = make_issuer(days=40)
    cut = stored(issuer=short)
    end = short.certificate.not_valid_after_utc
    for days in (0, 10, 39):
        assert why(cut, issuer=short, now=NOW + timedelta(days=days)) is None
    assert _end(cut) == end


def _end(secret: Secret) -> datetime:
    return x509.load_pem_x509_certificate(secret.data[TLS_CRT]).not_valid_after_utc
