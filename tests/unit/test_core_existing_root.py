"""A root that somebody else made: what is refused, and that each refusal says what to do."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import NOW, authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from unit.lineages import BUNDLE, NAME, YEAR, begun, first, key_of, reached, rotated

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.existing_root import read_source, require_same_source, take_up
from mtls_operator.core.lineage import Lineage
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.keys import key_to_pem
from mtls_operator.pki.roots import issue_root

CLIENTS = ObjectRef("edge", "clients")
ROOT = first().newest.certificate
OTHER = issue_root(subject=NAME, key=key_of(2), duration=YEAR, now=NOW)
ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"


def secret(certificate: x509.Certificate = ROOT, key: int = 1, **data: bytes) -> Secret:
    found = {"tls.crt": chain_to_pem((certificate,)), "tls.key": key_to_pem(key_of(key))}
    return Secret(
        ref=ObjectRef("edge", "corp"),
        type="kubernetes.io/tls",
        data={**found, **{name.replace("_", "."): value for name, value in data.items()}},
    )


def no_ca() -> x509.Certificate:
    name = NAME.to_x509()
    return (
        x509.CertificateBuilder(subject_name=name, issuer_name=name)
        .public_key(key_of(1).public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + YEAR)
        .sign(key_of(1), hashes.SHA256())
    )


REFUSED: list[tuple[str, Secret | None, datetime, str]] = [
    (
        "no Secret",
        None,
        NOW,
        "does not exist. Create it, of type kubernetes.io/tls, with tls.crt and tls.key",
    ),
    ("no certificate", secret(tls_crt=b""), NOW, "Store the root's certificate in it as tls.crt"),
    ("a damaged certificate", secret(tls_crt=b"-----BEGIN"), NOW, "Store the root's certificate in it as"),
    ("no key", secret(tls_key=b""), NOW, "and its private key as tls.key, both as PEM"),
    ("an encrypted key", secret(tls_key=ENCRYPTED), NOW, "private key"),
    ("another certificate's key", secret(key=2), NOW, "store the two that belong together"),
    ("a leaf", secret(no_ca()), NOW, "which is made with openssl req -x509 -new"),
    ("a root that has ended", secret(), NOW + 10 * YEAR, "renew it or bring another"),
    ("a root of the future", secret(), NOW - timedelta(days=1), "it is not valid before"),
]


@pytest.mark.parametrize(("found", "now", "said"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_an_authority_is_refused_with_what_to_do(
    found: Secret | None, now: datetime, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        take_up(found, CLIENTS, "corp", now)
    assert caught.value.reason == Reason.SOURCE_INVALID
    assert "Secret edge/corp" in str(caught.value)
    assert said in str(caught.value)
    assert "MIIB" not in str(caught.value)


def test_a_good_root_is_taken_up() -> None:
    issuer = take_up(secret(), CLIENTS, "corp", NOW)
    assert issuer.certificate == ROOT


def test_a_root_that_has_ended_since_can_still_be_read() -> None:
    assert read_source(secret(), CLIENTS, "corp", expected=ROOT).certificate == ROOT


@pytest.mark.parametrize(
    "found",
    [
        secret(OTHER, key=2),
        secret(OTHER),
        secret(issue_root(subject=NAME, key=key_of(1), duration=YEAR, now=NOW)),
    ],
    ids=["another root", "another root without its key", "another certificate for the same key"],
)
def test_another_content_is_a_swap(found: Secret) -> None:
    with pytest.raises(SpecError) as caught:
        read_source(found, CLIENTS, "corp", expected=ROOT)
    assert caught.value.reason == Reason.SOURCE_SWAPPED
    assert "restore the Secret, put the new root into another one" in str(caught.value)
    assert "name that one in spec.source.nextSecretRef" in str(caught.value)


def test_a_secret_that_is_gone_is_to_be_restored() -> None:
    with pytest.raises(SpecError, match="where it existed before, restore it from a backup"):
        read_source(None, CLIENTS, "corp", expected=ROOT)


def source(**members: str) -> dict[str, Any]:
    return {"source": {name: {"name": value} for name, value in members.items()}}


OURS, THEIRS = first(), first(source="corp")
ROTATING = begun(THEIRS, BUNDLE, source="corp-2")
FINISHED = reached(ROTATING, "Stable")
OLD_GONE = FINISHED.without(FINISHED.generations[0])
SPECS: list[tuple[str, Lineage, dict[str, Any], str | None]] = [
    ("ours, as ever", OURS, {}, None),
    ("ours, said in words", OURS, {"source": {"selfSigned": {}}}, None),
    ("ours, after a rotation", rotated(OURS), {}, None),
    ("theirs, as ever", THEIRS, source(secretRef="corp"), None),
    ("theirs, with a successor named", THEIRS, source(secretRef="corp", nextSecretRef="corp-2"), None),
    ("in the rotation", ROTATING, source(secretRef="corp", nextSecretRef="corp-2"), None),
    ("in the rotation, no longer named", ROTATING, source(secretRef="corp"), None),
    ("after it", FINISHED, source(secretRef="corp", nextSecretRef="corp-2"), None),
    ("after it, moved on", FINISHED, source(secretRef="corp-2"), None),
    (
        "when the old root is gone, never moved on",
        OLD_GONE,
        source(secretRef="corp", nextSecretRef="corp-2"),
        None,
    ),
    (
        "ours, now theirs",
        OURS,
        source(secretRef="corp"),
        "was made by the operator, and spec.source names Secret corp",
    ),
    (
        "theirs, now ours",
        THEIRS,
        {},
        "is that of Secret corp, and spec.source asks for one made by the operator",
    ),
    (
        "another Secret",
        THEIRS,
        source(secretRef="x"),
        "is that of Secret corp, and spec.source names Secret x",
    ),
    ("another Secret, with a successor", THEIRS, source(secretRef="x", nextSecretRef="y"), "names Secret x"),
]


@pytest.mark.parametrize(
    ("lineage", "spec", "said"), [row[1:] for row in SPECS], ids=[row[0] for row in SPECS]
)
def test_a_root_is_never_swapped_by_a_change_of_the_manifest(
    lineage: Lineage, spec: dict[str, Any], said: str | None
) -> None:
    wanted = authority(**spec).spec
    if said is None:
        require_same_source(wanted, lineage)
        return
    with pytest.raises(SpecError) as caught:
        require_same_source(wanted, lineage)
    assert caught.value.reason == Reason.SOURCE_SWAPPED
    assert said in str(caught.value)
    assert "change spec.source back" in str(caught.value)
