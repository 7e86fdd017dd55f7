"""28. A request that is delivered twice, as by a proxy that tries again after a lost reply.

Source: inferred (neither CreateListener nor UploadCertificate has an idempotency token).
"""

from simulator.cloud import Cloud, refused
from simulator.pki import Authority


async def test_client_gets_the_refusal_of_what_it_has_itself_made(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("PATCH", "/settings", task_seconds=60)
    await cloud.admin("POST", "/faults", kind="duplicate", action="CreateListener")
    with refused("FailedOperation.ResourceInOperating"):
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    cloud.clock.advance(61)
    (listed,) = (await cloud.admin("GET", "/calls"))["calls"][:1]
    assert (await cloud.wait(listed["request_id"])).Status == 0
    assert (await cloud.clb("DescribeListeners", LoadBalancerId=lb)).TotalCount == 1


async def test_upload_is_made_twice(cloud: Cloud, authority: Authority) -> None:
    await cloud.admin("POST", "/faults", kind="duplicate", action="UploadCertificate", reply="first")
    told = await cloud.upload_ca(authority)
    made = [one.CertificateId for one in (await cloud.ssl("DescribeCertificates")).Certificates]
    assert len(set(made)) == 2
    assert told in made
