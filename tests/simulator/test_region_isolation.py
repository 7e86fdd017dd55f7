"""25. CLB is regional; SSL is not.

Source: documented (Region is required for CLB and not needed for SSL).
"""

from simulator.cloud import Cloud, refused
from simulator.pki import Authority


async def test_load_balancer_of_another_region_does_not_exist(cloud: Cloud) -> None:
    lb = await cloud.load_balancer(region="ap-beijing")
    with refused("InvalidParameter.LBIdNotFound"):
        await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert (await cloud.clb("DescribeLoadBalancers")).TotalCount == 0
    assert (await cloud.clb("DescribeLoadBalancers", region="ap-beijing")).TotalCount == 1


async def test_certificate_is_seen_from_every_region(cloud: Cloud, authority: Authority) -> None:
    ca = await cloud.upload_ca(authority)
    reply = await cloud.call("ssl", "DescribeCertificate", region="ap-beijing", CertificateId=ca)
    assert reply.CertificateId == ca


async def test_use_of_a_certificate_is_told_per_region(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer(region="ap-beijing")
    binding = await cloud.mutual(authority)
    await cloud.change(
        "CreateListener",
        region="ap-beijing",
        LoadBalancerId=lb,
        Ports=[443],
        Protocol="HTTPS",
        Certificate=binding,
    )
    for region, count in (("ap-beijing", 1), ("ap-guangzhou", 0)):
        used = await cloud.clb("DescribeLoadBalancerListByCertId", region=region, CertIds=[binding["CertId"]])
        assert len(used.CertSet[0].LoadBalancers) == count
    with refused("FailedOperation.DeleteResourceFailed"):
        await cloud.ssl("DeleteCertificate", CertificateId=binding["CertId"])
