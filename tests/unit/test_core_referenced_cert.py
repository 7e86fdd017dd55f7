"""What a Secret of somebody else must hold to serve a listener, and the sentence when it does not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_pki import authority, server

from mtls_operator.api.meta import OWNER_KIND_LABEL, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.reasons import Reason
from mtls_operator.core.referenced_cert import covers, read_referenced, require_names
from mtls_operator.errors import NotReady, ReasonedError, SpecError

REF = ObjectRef("edge", "purchased")
ROOT = authority()
MIDDLE = authority("Foreign Intermediate", by=ROOT)
LEAF = server("a.example", by=MIDDLE, send=[MIDDLE, ROOT])
GOOD = LEAF.secret()
DAY = timedelta(days=1)
CLIENT_ONLY = (ExtendedKeyUsageOID.CLIENT_AUTH,)


def with_data(**data: bytes) -> Secret:
    return replace(
        GOOD, data={**GOOD.data, **{name.replace("_", "."): value for name, value in data.items()}}
    )


def test_a_purchased_certificate_is_read_with_its_whole_chain() -> None:
    read = read_referenced(REF, GOOD, NOW)
    assert read.chain == (LEAF.certificate, MIDDLE.certificate, ROOT.certificate)
    assert read.facts.fingerprint_sha256 == LEAF.fingerprint


@pytest.mark.parametrize(
    "usages",
    [None, (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), (*CLIENT_ONLY, ExtendedKeyUsageOID.SERVER_AUTH)],
    ids=["no extended key usage", "any", "server among others"],
)
def test_what_may_serve_is_taken(usages: tuple[object, ...] | None) -> None:
    read_referenced(REF, server("a.example", by=ROOT, usages=usages).secret(), NOW)  # type: ignore[arg-type]


REFUSED: list[tuple[str, Secret | None, Reason, str]] = [
    ("no Secret", None, Reason.SECRET_NOT_FOUND, "Secret edge/purchased with the server certificate"),
    ("another type", replace(GOOD, type="Opaque"), Reason.SECRET_NOT_USABLE, "it is of type Opaque"),
    ("no certificate", with_data(tls_crt=b""), Reason.SECRET_NOT_USABLE, "tls.crt: the text holds no"),
    ("a damaged certificate", with_data(tls_crt=b"x"), Reason.SECRET_NOT_USABLE, "tls.crt: the text holds"),
    ("a damaged key", with_data(tls_key=b"x"), Reason.SECRET_NOT_USABLE, "tls.key: the private key is not"),
    (
        "the key of another certificate",
        with_data(tls_key=server("a.example", by=ROOT).key_pem),
        Reason.SECRET_NOT_USABLE,
        "tls.key is not the key of the first certificate",
    ),
    (
        "a chain with a gap",
        server("a.example", by=MIDDLE, send=[ROOT]).secret(),
        Reason.SECRET_NOT_USABLE,
        "each certificate has to be signed by the one that follows it",
    ),
    (
        "an authority's certificate",
        ROOT.secret(),
        Reason.CERTIFICATE_NOT_FOR_SERVERS,
        "is an authority's, whose key never goes to the cloud",
    ),
    (
        "an authority's with a server's names",
        server("a.example", by=ROOT, is_authority=True).secret(),
        Reason.CERTIFICATE_NOT_FOR_SERVERS,
        "is an authority's",
    ),
    (
        "one that may sign others",
        server("a.example", by=ROOT, may_sign=True).secret(),
        Reason.CERTIFICATE_NOT_FOR_SERVERS,
        "is an authority's",
    ),
    (
        "one for clients only",
        server("a.example", by=ROOT, usages=CLIENT_ONLY).secret(),
        Reason.CERTIFICATE_NOT_FOR_SERVERS,
        "its extended key usage lacks serverAuth",
    ),
    (
        "the label of an authority's key, whatever is in it",
        replace(GOOD, labels={OWNER_KIND_LABEL: "CertificateAuthority"}),
        Reason.CERTIFICATE_NOT_FOR_SERVERS,
        "holds the key of a CertificateAuthority",
    ),
    (
        "an expired one",
        server("a.example", by=ROOT, begin=NOW - 2 * DAY, lasts=DAY).secret(),
        Reason.CERTIFICATE_EXPIRED,
        "expired at 2026-11-22 12:00 UTC. Renew it.",
    ),
    (
        "one that begins tomorrow",
        server("a.example", by=ROOT, begin=NOW + DAY).secret(),
        Reason.CERTIFICATE_NOT_YET_VALID,
        "valid from 2026-11-24 12:00 UTC on",
    ),
]


@pytest.mark.parametrize(
    ("secret", "reason", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_serve_is_refused_with(secret: Secret | None, reason: Reason, sentence: str) -> None:
    with pytest.raises(ReasonedError) as refused:
        read_referenced(REF, secret, NOW)
    assert refused.value.reason == reason
    assert sentence in refused.value.message
    assert "PRIVATE KEY" not in refused.value.message


def test_a_certificate_that_begins_tomorrow_is_looked_at_again_then() -> None:
    with pytest.raises(NotReady) as refused:
        read_referenced(REF, server("a.example", by=ROOT, begin=NOW + DAY).secret(), NOW)
    assert refused.value.retry_after == DAY


def test_it_expires_at_its_end_and_not_before() -> None:
    end = LEAF.certificate.not_valid_after_utc
    read_referenced(REF, GOOD, end - timedelta(seconds=1))
    with pytest.raises(SpecError):
        read_referenced(REF, GOOD, end)


COVERED = [
    ("a.example", "a.example", True),
    ("A.Example", "a.example", True),
    ("b.example", "a.example", False),
    ("*.a.example", "x.a.example", True),
    ("*.a.example", "a.example", False),
    ("*.a.example", "x.y.a.example", False),
    ("*.a.example", "*.a.example", True),
    ("*.a.example", "*.x.a.example", False),
    ("*.example", "*.a.example", False),
    ("x.a.example", "*.a.example", False),
    ("x*.a.example", "xy.a.example", False),
    ("*", "localhost", False),
    ("a.example", "www.a.*", True),
    ("a.example", "~^.*[.]example$", True),
    ("", "~^.*$", False),
]


@pytest.mark.parametrize(("name", "domain", "expected"), COVERED)
def test_a_certificates_name_is_good_for(name: str, domain: str, expected: bool) -> None:  # noqa: FBT001
    assert covers([name] if name else [], domain) == expected


def test_the_domains_that_are_not_covered_are_named_with_what_there_is() -> None:
    leaf = read_referenced(REF, server("a.example", "*.b.example", by=ROOT).secret(), NOW)
    require_names(REF, leaf, ["a.example", "x.b.example"])
    with pytest.raises(
        SpecError, match=r"not good for c\.example, b\.example; its DNS names are a\.example, \*"
    ):
        require_names(REF, leaf, ["a.example", "c.example", "b.example"])


def test_a_certificate_without_dns_names_covers_nothing() -> None:
    leaf = read_referenced(REF, server(by=ROOT).secret(), NOW)
    with pytest.raises(SpecError, match="its DNS names are none"):
        require_names(REF, leaf, ["~^.*$"])
