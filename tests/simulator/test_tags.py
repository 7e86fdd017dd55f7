"""Tags are set and read through the Tag product, and shown by CLB and SSL.

Source: documented (six-part resource names, seen in a production controller).
"""

from simulator.cloud import UIN, Cloud
from simulator.pki import Authority


async def test_tags_of_load_balancer_and_certificate(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    ca = await cloud.upload_ca(authority)
    names = [f"qcs::clb:ap-guangzhou:uin/{UIN}:clb/{lb}", f"qcs::ssl::uin/{UIN}:certificate/{ca}"]
    gone = f"qcs::ssl::uin/{UIN}:certificate/nonesuch"
    tags = [{"TagKey": "owner", "TagValue": "me"}]
    reply = await cloud.call("tag", "TagResources", ResourceList=[*names, gone], Tags=tags)
    assert [one.Resource for one in reply.FailedResources] == [gone]
    described = await cloud.clb("DescribeLoadBalancers", Filters=[{"Name": "tag:owner", "Values": ["me"]}])
    assert [one.LoadBalancerId for one in described.LoadBalancerSet] == [lb]
    certificate = await cloud.ssl("DescribeCertificate", CertificateId=ca)
    assert [(one.TagKey, one.TagValue) for one in certificate.Tags] == [("owner", "me")]
    read = await cloud.call(
        "tag",
        "DescribeResourceTagsByResourceIds",
        ServiceType="ssl",
        ResourcePrefix="certificate",
        ResourceIds=[ca],
        ResourceRegion="",
    )
    assert [(one.ResourceId, one.TagKey, one.TagValue) for one in read.Tags] == [(ca, "owner", "me")]


async def test_caller_identity_is_the_account_of_the_key(cloud: Cloud) -> None:
    assert (await cloud.call("sts", "GetCallerIdentity")).AccountId == UIN
