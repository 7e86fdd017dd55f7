"""31. Every call is logged with its outcome, writes are counted, and private keys are hidden.

Source: a property of the simulator, which the tests of its users rely on.
"""

from simulator.cloud import Cloud, refused
from simulator.pki import Authority, issue_leaf


async def test_log_and_counter(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    leaf = issue_leaf(authority, "a.example.com")
    await cloud.upload_server(leaf)
    with refused("MissingParameter"):
        await cloud.listener(lb)
    await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    log = await cloud.admin("GET", "/calls")
    assert [(one["action"], one["write"], one["code"]) for one in log["calls"]] == [
        ("UploadCertificate", True, None),
        ("CreateListener", True, "MissingParameter"),
        ("DescribeListeners", False, None),
    ]
    assert (log["total"], log["writes"]) == (3, 2)
    assert log["calls"][0]["params"]["CertificatePublicKey"] == leaf.pem
    assert "PRIVATE KEY" not in str(log)
    # The body of the request, its key included, and of the reply.
    assert log["calls"][0]["size"] > len(leaf.pem) + len(leaf.key_pem)
    assert [one["number"] for one in (await cloud.admin("GET", "/calls?since=2"))["calls"]] == [3]
    await cloud.admin("DELETE", "/calls")
    assert await cloud.admin("GET", "/calls") == {"total": 0, "writes": 0, "calls": []}


async def test_state_dump_hides_private_keys(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    leaf = issue_leaf(authority, "a.example.com")
    inline = {"CertName": "inline", "CertContent": leaf.pem, "CertKey": leaf.key_pem}
    await cloud.listener(lb, Certificate=inline)
    dumped = await cloud.admin("GET", "/state")
    assert len(dumped["certificates"]) == 1
    assert "PRIVATE KEY" not in str(dumped)
