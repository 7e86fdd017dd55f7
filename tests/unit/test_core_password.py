"""A password is taken from a Secret only when it can be nothing else."""

import pytest
from builders import client_cert

from mtls_operator.api.meta import OWNER_KIND_LABEL, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.password import referenced_password
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady, SpecError

REFERRING = client_cert(pkcs12={"passwordSecretRef": {"name": "pw"}})


def password_secret(labels: dict[str, str] | None = None, **data: bytes) -> Secret:
    return Secret(ref=ObjectRef("edge", "pw"), type="Opaque", data=data, labels=labels or {})


def test_a_manifest_that_refers_to_none_has_none() -> None:
    assert referenced_password(client_cert(), None) is None


def test_a_password_loses_the_editors_line_break() -> None:
    assert referenced_password(REFERRING, password_secret(password=b"hunter two\r\n")) == "hunter two"


def test_a_password_may_be_as_long_as_256_characters_of_any_language() -> None:
    assert referenced_password(REFERRING, password_secret(password="密".encode() * 256)) == "密" * 256


@pytest.mark.parametrize("secret", [None, password_secret(other=b"x")], ids=["no Secret", "no such key"])
def test_a_password_that_is_not_there_yet_is_waited_for(secret: Secret | None) -> None:
    with pytest.raises(NotReady, match=r"edge/pw.*'password'") as caught:
        referenced_password(REFERRING, secret)
    assert caught.value.reason == Reason.SECRET_NOT_FOUND


REFUSED = [
    (
        "a key in PEM",
        b"-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n",
        "more than one line",
    ),
    ("a key in one line", b"-----BEGIN PRIVATE KEY-----MIGHAgEA", "is a private key"),
    ("a key in DER", bytes.fromhex("308187020100ff"), "is not text"),
    ("two lines", b"MIGHAgEA\nsecond", "more than one line"),
    ("two lines with another break", "MIGHAgEA\u2028second".encode(), "more than one line"),
    ("a token", b"MIGHAgEA" * 33, "longer than 256"),
    ("nothing but a line break", b"\n", "is empty"),
]


@pytest.mark.parametrize(("value", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_password_is_refused_and_not_quoted(value: bytes, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence) as caught:
        referenced_password(REFERRING, password_secret(password=value))
    assert caught.value.reason == Reason.PASSWORD_NOT_ALLOWED
    assert "MIGHAgEA" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_nothing_is_taken_from_an_authoritys_key() -> None:
    key = password_secret({OWNER_KIND_LABEL: "CertificateAuthority"}, password=b"looks harmless")
    with pytest.raises(SpecError, match=r"edge/pw holds the key of a CertificateAuthority") as caught:
        referenced_password(REFERRING, key)
    assert "harmless" not in str(caught.value)
