"""25. ReplaceCertForLoadBalancers answers in ap-guangzhou only and reaches every region.

Source: documented (the region; server or CA certificate); that it is synchronous is inferred, and that an
unused certificate is refused is a guess.
"""

from typing import Any

from simulator.cloud import Cloud, refused
from simulator.pki import Authority, issue_leaf


async def test_server_certificate_changes_everywhere_and_the_mode_stays(
    cloud: Cloud, authority: Authority
) -> None:
    near, far = await cloud.load_balancer(), await cloud.load_balancer(region="ap-beijing")
    binding = {**await cloud.mutual(authority), "SSLVerifyClient": "OPTIONAL"}
    listener = await cloud.listener(near, SniSwitch=1)
    await cloud.rules(near, listener, {"Domain": "a.example.com", "Url": "/", "Certificate": binding})
    fields = {"Ports": [443], "Protocol": "HTTPS", "Certificate": binding}
    await cloud.change("CreateListener", region="ap-beijing", LoadBalancerId=far, **fields)
    new = await cloud.upload_server(issue_leaf(authority, "a.example.com"))
    wanted = {"SSLMode": "UNIDIRECTIONAL", "CertId": new}
    await cloud.clb("ReplaceCertForLoadBalancers", OldCertificateId=binding["CertId"], Certificate=wanted)
    domain = (await cloud.describe_listener(near, listener)).Rules[0].Certificate
    assert (domain.CertId, domain.CertCaId) == (new, binding["CertCaId"])
    assert (domain.SSLMode, domain.SSLVerifyClient) == ("MUTUAL", "OPTIONAL")
    read = await cloud.clb("DescribeListeners", region="ap-beijing", LoadBalancerId=far)
    assert read.Listeners[0].Certificate.CertId == new
    assert (await cloud.ssl("DeleteCertificate", CertificateId=binding["CertId"])).DeleteResult is True


async def test_ca_is_replaced_by_a_ca(cloud: Cloud, authority: Authority, other_authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=binding)
    with refused("MissingParameter"):
        await cloud.clb(
            "ReplaceCertForLoadBalancers",
            OldCertificateId=binding["CertCaId"],
            Certificate={"SSLMode": "MUTUAL"},
        )
    wanted = {"CertCaName": "new", "CertCaContent": other_authority.pem}
    await cloud.clb("ReplaceCertForLoadBalancers", OldCertificateId=binding["CertCaId"], Certificate=wanted)
    bound = (await cloud.describe_listener(lb, listener)).Certificate
    assert bound.CertId == binding["CertId"]
    assert bound.CertCaId not in (None, binding["CertCaId"])


async def test_other_region_unused_certificate_and_busy_load_balancer_are_refused(
    cloud: Cloud, authority: Authority
) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    wanted = {"CertId": await cloud.upload_server(issue_leaf(authority, "a.example.com"))}
    with refused("InvalidParameter"):
        await cloud.clb("ReplaceCertForLoadBalancers", OldCertificateId=binding["CertId"], Certificate=wanted)
    await cloud.listener(lb, Certificate=binding)
    fields: dict[str, Any] = {"OldCertificateId": binding["CertId"], "Certificate": wanted}
    with refused("UnsupportedRegion"):
        await cloud.clb("ReplaceCertForLoadBalancers", region="ap-beijing", **fields)
    await cloud.admin("POST", f"/load-balancers/{lb}/busy", seconds=60)
    with refused("FailedOperation.ResourceInOperating"):
        await cloud.clb("ReplaceCertForLoadBalancers", **fields)
