"""Private keys are made, written and read back; what cannot be used is refused without its text."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import (
    KeyAlgorithm,
    KeySpec,
    PrivateKey,
    generate_key,
    key_from_pem,
    key_to_pem,
    public_key_der,
)

P256 = KeySpec(KeyAlgorithm.ECDSA, 256)
RSA_2048 = KeySpec(KeyAlgorithm.RSA, 2048)


@pytest.fixture(scope="module")
def rsa_key() -> PrivateKey:
    return generate_key(RSA_2048)


@pytest.mark.parametrize("size", [256, 384, 521])
def test_an_ecdsa_key_has_the_curve_that_was_asked_for(size: int) -> None:
    spec = KeySpec(KeyAlgorithm.ECDSA, size)
    assert KeySpec.of(generate_key(spec)) == spec


def test_an_rsa_key_has_the_size_that_was_asked_for(rsa_key: PrivateKey) -> None:
    assert KeySpec.of(rsa_key) == RSA_2048
    assert KeySpec.of(rsa_key.public_key()) == RSA_2048


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [
        (KeyAlgorithm.RSA, 1024),
        (KeyAlgorithm.RSA, 256),
        (KeyAlgorithm.ECDSA, 2048),
        (KeyAlgorithm.ECDSA, 224),
    ],
)
def test_a_size_that_does_not_fit_the_algorithm_is_refused_with_those_that_do(
    algorithm: KeyAlgorithm, size: int
) -> None:
    with pytest.raises(PkiError, match=f"{algorithm} keys have one of the sizes .*not {size}"):
        KeySpec(algorithm, size)


@pytest.mark.parametrize(
    "private_format", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_a_key_is_read_in_every_form_that_openssl_writes(
    rsa_key: PrivateKey, private_format: serialization.PrivateFormat
) -> None:
    for key in (rsa_key, generate_key(P256)):
        pem = key.private_bytes(serialization.Encoding.PEM, private_format, serialization.NoEncryption())
        assert public_key_der(key_from_pem(pem).public_key()) == public_key_der(key.public_key())


def test_a_key_is_written_as_pkcs8() -> None:
    assert key_to_pem(generate_key(P256)).startswith(b"-----BEGIN PRIVATE KEY-----\n")


def test_an_encrypted_key_is_refused_with_what_to_do() -> None:
    pem = generate_key(P256).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(PkiError, match="encrypted; store it without a passphrase"):
        key_from_pem(pem)


def test_a_damaged_key_is_refused_without_quoting_it() -> None:
    pem = key_to_pem(generate_key(P256))
    body = pem.splitlines()[1]
    with pytest.raises(PkiError) as caught:
        key_from_pem(pem.replace(body, body[:20] + b"!" + body[21:]))
    assert body[:20].decode() not in str(caught.value)
    assert caught.value.__suppress_context__


GOOD = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def damaged(**changes: int) -> bytes:
    """Write an RSA key of which some numbers are wrong."""
    good = GOOD.private_numbers()
    known = {name: getattr(good, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    numbers = rsa.RSAPrivateNumbers(**{**known, **changes}, public_numbers=good.public_numbers)
    return key_to_pem(numbers.private_key(unsafe_skip_rsa_key_validation=True))


def with_a_factor_that_is_no_prime() -> bytes:
    """Write a key whose numbers fit each other, and which cannot sign all the same."""
    half = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_numbers()  # noqa: S505
    p, q, e = half.p * half.q, GOOD.private_numbers().p, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return key_to_pem(numbers.private_key(unsafe_skip_rsa_key_validation=True))


NUMBERS = GOOD.private_numbers()


@pytest.mark.parametrize(
    "pem",
    [
        damaged(d=NUMBERS.d + 2),
        damaged(dmp1=NUMBERS.dmp1 + 2),
        damaged(dmq1=NUMBERS.dmq1 + 2),
        damaged(iqmp=NUMBERS.iqmp + 1),
        with_a_factor_that_is_no_prime(),
    ],
    ids=["d", "dmp1", "dmq1", "iqmp", "a factor that is no prime"],
)
def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused(pem: bytes) -> None:
    with pytest.raises(PkiError, match="damaged"):
        key_from_pem(pem)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "neither RSA nor ECDSA"),
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), "not 1024"),  # noqa: S505 (too weak on purpose)
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1 is not supported"),
    ],
)
def test_a_key_of_a_kind_that_is_not_issued_for_is_refused(
    key: ed25519.Ed25519PrivateKey | PrivateKey, sentence: str
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(PkiError, match=sentence):
        key_from_pem(pem)
