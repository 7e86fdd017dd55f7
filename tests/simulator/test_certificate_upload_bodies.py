"""23. A damaged, foreign or huge certificate text is refused with a code of the product and leaves nothing.

Source: documented and seen (codes); the limit of a request's size is a property of the simulator.
"""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from simulator.cloud import Cloud, refused
from simulator.pki import Authority, issue_leaf

PARSE_ERROR = "FailedOperation.CertificateParseError"


def damaged(pem: str) -> str:
    """The same length, with letters in the middle of the base64 exchanged."""
    middle = len(pem) // 2
    return pem[:middle] + "AAAAAAAA" + pem[middle + 8 :]


@pytest.mark.parametrize("kind", ["der", "megabyte", "truncated", "damaged", "key", "empty block", "nul"])
async def test_bad_text(cloud: Cloud, authority: Authority, kind: str) -> None:
    der = authority.certificate.public_bytes(serialization.Encoding.DER)
    texts = {
        "der": der.decode("latin-1"),
        "megabyte": "A" * 1_000_000,
        "truncated": authority.pem[: len(authority.pem) // 2],
        "damaged": damaged(authority.pem),
        "key": authority.key_pem,
        "empty block": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "nul": authority.pem.replace("M", "\0", 1),
    }
    before = await cloud.admin("GET", "/state")
    with refused(PARSE_ERROR):
        await cloud.ssl("UploadCertificate", CertificatePublicKey=texts[kind], CertificateType="CA")
    assert await cloud.admin("GET", "/state") == before


async def test_base64_without_armour_is_refused(cloud: Cloud, authority: Authority) -> None:
    der = authority.certificate.public_bytes(serialization.Encoding.DER)
    with refused(PARSE_ERROR):
        await cloud.ssl(
            "UploadCertificate", CertificatePublicKey=base64.b64encode(der).decode(), CertificateType="CA"
        )


async def test_chain_whose_second_part_is_damaged(cloud: Cloud, authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    with refused(PARSE_ERROR):
        await cloud.ssl(
            "UploadCertificate",
            CertificatePublicKey=f"{leaf.pem}\n{authority.pem[:-30]}",
            CertificatePrivateKey=leaf.key_pem,
        )


async def test_encrypted_key_needs_its_password(cloud: Cloud, authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    locked = leaf.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    fields = {"CertificatePublicKey": leaf.pem, "CertificatePrivateKey": locked.decode().strip()}
    for password in ({}, {"KeyPassword": "wrong"}):
        with refused(PARSE_ERROR):
            await cloud.ssl("UploadCertificate", **fields, **password)


async def test_request_above_the_limit(cloud: Cloud) -> None:
    with refused("RequestSizeLimitExceeded"):
        await cloud.ssl("UploadCertificate", CertificatePublicKey="A" * 11_000_000)
