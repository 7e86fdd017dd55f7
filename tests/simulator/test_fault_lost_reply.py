"""28. A reply that is lost: the write took effect, and the client cannot know it.

Source: documented for clients (an error of the network is ambiguous once the request is sent).
"""

from simulator.cloud import Cloud
from simulator.network import broken
from simulator.pki import Authority


async def test_write_took_effect_and_a_read_finds_it(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    await cloud.admin("POST", "/faults", kind="lost-reply", action="CreateListener")
    with broken():
        await cloud.clb("CreateListener", LoadBalancerId=lb, Ports=[80], Protocol="HTTP")
    found = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert [one.Port for one in found.Listeners] == [80]


async def test_repeated_upload_leaves_two_certificates(cloud: Cloud, authority: Authority) -> None:
    await cloud.admin("POST", "/faults", kind="lost-reply", action="UploadCertificate")
    with broken():
        await cloud.upload_ca(authority)
    await cloud.upload_ca(authority)
    assert (await cloud.ssl("DescribeCertificates")).TotalCount == 2


async def test_log_says_that_it_was_carried_out_and_struck(cloud: Cloud) -> None:
    await cloud.admin("POST", "/faults", kind="lost-reply")
    with broken():
        await cloud.clb("DescribeQuota")
    (call,) = (await cloud.admin("GET", "/calls"))["calls"]
    assert (call["action"], call["code"], call["faults"]) == ("DescribeQuota", None, ["lost-reply"])
