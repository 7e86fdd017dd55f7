"""PEM text for the cloud has one form, and garbage is refused."""

from __future__ import annotations

import base64

import pytest

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.text import normalise_pem

LEAF = bytes([0x30, 0x81, 100]) + b"l" * 100
ROOT = bytes([0x30, 0x81, 100]) + b"r" * 100


def _block(der: bytes, columns: int = 64, newline: str = "\n", label: str = "CERTIFICATE") -> str:
    encoded = base64.b64encode(der).decode()
    lines = [encoded[start : start + columns] for start in range(0, len(encoded), columns)]
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


CLEAN = f"{_block(LEAF)}\n{_block(ROOT)}"


@pytest.mark.parametrize(
    "text",
    [
        CLEAN,
        CLEAN + "\n",
        "\n\n" + CLEAN + "\n\n\n",
        _block(LEAF, newline="\r\n") + "\r\n\r\n" + _block(ROOT, newline="\r\n") + "\r\n",
        _block(LEAF, columns=76) + "\n\n" + _block(ROOT, columns=1000),
        "subject=CN = leaf\n" + _block(LEAF) + "\nBag Attributes\n    friendlyName: x\n" + _block(ROOT),
        "\ufeff" + CLEAN,
    ],
)
def test_the_same_certificates_become_the_same_text(text: str) -> None:
    assert normalise_pem(text) == CLEAN


def test_there_is_no_line_break_at_the_end_and_no_blank_line() -> None:
    lines = normalise_pem(CLEAN + "\n\n").split("\n")
    assert all(lines)
    assert max(len(line) for line in lines) == 64


def test_the_order_is_kept() -> None:
    assert normalise_pem(f"{_block(ROOT)}\n{_block(LEAF)}") == f"{_block(ROOT)}\n{_block(LEAF)}"


def test_a_private_key_is_normalised_too() -> None:
    key = _block(LEAF, label="RSA PRIVATE KEY")
    assert normalise_pem(key + "\n") == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        CLEAN[:-5],
        CLEAN[5:],
        _block(LEAF).replace("END CERTIFICATE", "END PRIVATE KEY"),
        _block(LEAF).replace("\n", "\n!", 1),
        _block(LEAF)[:-40] + _block(ROOT),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        _block(b"no DER"),
        _block(LEAF).replace("=", ""),
    ],
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(PkiError):
        normalise_pem(text)


def test_a_refusal_quotes_nothing_of_a_key() -> None:
    key = _block(LEAF, label="PRIVATE KEY")
    body = key.split("\n")[1]
    with pytest.raises(PkiError) as caught:
        normalise_pem(key.replace("=", "").replace("bA", "b", 1))
    assert body[:16] not in str(caught.value)
