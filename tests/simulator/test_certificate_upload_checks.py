"""23. Uploads are parsed: CA attribute against type, key, chain order, stray blanks, lost newlines.

Source: documented and seen (codes); the direction of WithCaAttr and the refusal of blanks are guesses.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from simulator.cloud import Cloud, refused
from simulator.pki import Authority, issue_leaf

Start = Callable[..., Awaitable[Cloud]]


async def upload(cloud: Cloud, public: str, key: str | None = None, **fields: Any) -> Any:
    private = {} if key is None else {"CertificatePrivateKey": key}
    return await cloud.ssl("UploadCertificate", CertificatePublicKey=public, **private, **fields)


async def test_type_and_ca_attribute_must_agree(cloud: Cloud, authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    with refused("FailedOperation.CertificateCaError"):
        await upload(cloud, leaf.pem, CertificateType="CA")
    with refused("InvalidParameter.WithCaAttr"):
        await upload(cloud, authority.pem, authority.key_pem)


async def test_server_certificate_needs_its_own_key(cloud: Cloud, authority: Authority) -> None:
    leaf, other = issue_leaf(authority, "a.example.com"), issue_leaf(authority, "b.example.com")
    with refused("MissingParameter"):
        await upload(cloud, leaf.pem)
    with refused("FailedOperation.CertificateMatchError"):
        await upload(cloud, leaf.pem, other.key_pem)
    with refused("FailedOperation.CertificateParseError"):
        await upload(cloud, leaf.pem, "not a key")


async def test_chain_must_be_in_order(cloud: Cloud, authority: Authority, other_authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    with refused("FailedOperation.CertificateChainError"):
        await upload(cloud, f"{leaf.pem}\n{other_authority.pem}", leaf.key_pem)
    await upload(cloud, f"{leaf.pem}\n{authority.pem}", leaf.key_pem)


async def test_text_must_be_clean(cloud: Cloud, authority: Authority) -> None:
    for text in (authority.pem + "\n", "\n" + authority.pem, "x" + authority.pem, authority.pem[:-40]):
        with refused("FailedOperation.CertificateParseError"):
            await upload(cloud, text, CertificateType="CA")
    with refused("FailedOperation.CertificateInvalid"):
        await upload(cloud, authority.pem.replace("\n", " "), CertificateType="CA")


async def test_edges_can_be_accepted(start_cloud: Start, authority: Authority) -> None:
    cloud = await start_cloud(upload_edge_whitespace="accepted")
    await upload(cloud, authority.pem + "\n", CertificateType="CA")


async def test_repeatable_false_returns_the_certificate_that_exists(
    cloud: Cloud, authority: Authority
) -> None:
    first = await upload(cloud, authority.pem, CertificateType="CA")
    assert first.RepeatCertId == ""
    again = await upload(cloud, authority.pem, CertificateType="CA", Repeatable=False)
    assert (again.CertificateId, again.RepeatCertId) == (first.CertificateId, first.CertificateId)
    copy = await upload(cloud, authority.pem, CertificateType="CA")
    assert copy.CertificateId != first.CertificateId
    found = await cloud.ssl("CheckCertificateExist", CertificatePublicKey=authority.pem)
    assert found.RepeatCertId == first.CertificateId


async def test_read_back(cloud: Cloud, authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    tags = [{"TagKey": "owner", "TagValue": "me"}]
    server = await cloud.upload_server(leaf, Alias="mine", Tags=tags)
    detail = await cloud.ssl("DescribeCertificateDetail", CertificateId=server)
    assert detail.CertificatePublicKey == leaf.pem + "\n"
    assert (detail.CertBeginTime, detail.CertEndTime) == ("2026-01-01 08:00:00", "2046-01-01 08:00:00")
    assert (detail.Status, detail.From, detail.ProjectId, detail.Domain) == (
        1,
        "upload",
        "0",
        "a.example.com",
    )
    assert detail.EncryptAlgorithm == "ECC 256"
    ca = await cloud.upload_ca(authority)
    short = await cloud.ssl("DescribeCertificate", CertificateId=ca)
    assert (short.Domain, short.ProductZhName) == ("Simulator Test Root", "Simulator Test Root")
    assert (short.CertificateType, short.CACommonNames) == ("CA", ["Simulator Test Root"])
    for search in ("mine", "a.example", server):
        listed = await cloud.ssl("DescribeCertificates", SearchKey=search)
        assert [one.CertificateId for one in listed.Certificates] == [server]
        assert [one.TagValue for one in listed.Certificates[0].Tags] == ["me"]


async def test_review_takes_a_moment(start_cloud: Start, authority: Authority) -> None:
    cloud = await start_cloud(certificate_review_seconds=10.0)
    ca = await cloud.upload_ca(authority)
    assert (await cloud.ssl("DescribeCertificate", CertificateId=ca)).Status == 0
    cloud.clock.advance(11)
    assert (await cloud.ssl("DescribeCertificate", CertificateId=ca)).Status == 1


async def test_missing_certificate(cloud: Cloud) -> None:
    for action in (
        "DescribeCertificate",
        "DescribeCertificateDetail",
        "DeleteCertificate",
        "ModifyCertificateAlias",
    ):
        with refused("FailedOperation.CertificateNotFound"):
            await cloud.ssl(action, CertificateId="nonesuch")
