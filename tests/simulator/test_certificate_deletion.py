"""24. Deletion, unchecked and checked, agrees with the bindings in listeners and domains, server and CA.

Source: documented (IsCheckResource, task result codes); the refusal of an unchecked one is a guess.
"""

from collections.abc import Awaitable, Callable

import pytest
from eventually import eventually_async
from simulator.cloud import Cloud, refused
from simulator.pki import Authority

Start = Callable[..., Awaitable[Cloud]]


async def bind(cloud: Cloud, authority: Authority, *, sni: bool) -> dict[str, str]:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    if not sni:
        await cloud.listener(lb, Certificate=binding)
        return binding
    listener = await cloud.listener(lb, SniSwitch=1)
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/", "Certificate": binding})
    return binding


async def result(cloud: Cloud, task_id: str) -> int:
    async def status() -> int:
        reply = await cloud.ssl("DescribeDeleteCertificatesTaskResult", TaskIds=[task_id])
        return int(reply.DeleteTaskResult[0].Status)

    return await eventually_async(status, until=lambda seen: seen != 0)


@pytest.mark.parametrize("sni", [False, True])
@pytest.mark.parametrize("role", ["CertId", "CertCaId"])
async def test_bound_certificate_is_kept(cloud: Cloud, authority: Authority, role: str, *, sni: bool) -> None:
    certificate = (await bind(cloud, authority, sni=sni))[role]
    used = await cloud.clb("DescribeLoadBalancerListByCertId", CertIds=[certificate])
    assert len(used.CertSet[0].LoadBalancers) == 1
    with refused("FailedOperation.DeleteResourceFailed"):
        await cloud.ssl("DeleteCertificate", CertificateId=certificate)
    reply = await cloud.ssl("DeleteCertificate", CertificateId=certificate, IsCheckResource=True)
    assert reply.DeleteResult is False
    assert await result(cloud, reply.TaskId) == 4
    await cloud.ssl("DescribeCertificate", CertificateId=certificate)


async def test_unbound_certificate_goes_either_way(cloud: Cloud, authority: Authority) -> None:
    first, second = await cloud.upload_ca(authority), await cloud.upload_ca(authority)
    assert (await cloud.ssl("DeleteCertificate", CertificateId=first)).DeleteResult is True
    reply = await cloud.ssl("DeleteCertificate", CertificateId=second, IsCheckResource=True)
    assert await result(cloud, reply.TaskId) == 1
    assert (await cloud.ssl("DescribeCertificates")).TotalCount == 0


async def test_checked_deletion_needs_the_service_role(start_cloud: Start, authority: Authority) -> None:
    cloud = await start_cloud(deletion_role_granted=False)
    ca = await cloud.upload_ca(authority)
    with refused("FailedOperation.RoleNotFoundAuthorization"):
        await cloud.ssl("DeleteCertificate", CertificateId=ca, IsCheckResource=True)


async def test_allowed_deletion_of_a_bound_certificate_leaves_the_binding(
    start_cloud: Start, authority: Authority
) -> None:
    cloud = await start_cloud(bound_certificate_deletion="allowed")
    binding = await bind(cloud, authority, sni=False)
    assert (await cloud.ssl("DeleteCertificate", CertificateId=binding["CertCaId"])).DeleteResult is True
    with refused("FailedOperation.CertificateNotFound"):
        await cloud.ssl("DescribeCertificate", CertificateId=binding["CertCaId"])
    used = await cloud.clb("DescribeLoadBalancerListByCertId", CertIds=[binding["CertCaId"]])
    assert len(used.CertSet[0].LoadBalancers) == 1
