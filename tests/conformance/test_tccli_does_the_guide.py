"""Tencent Cloud's own command line makes a mutual listener, reads it back, changes and deletes it.

An outside check of the wire protocol and of every field that comes back: nothing of tccli is ours.
"""

from conformance.conftest import Cloud
from simulator.pki import issue_authority, issue_leaf

LB = "lb-conform1"


def test_the_guide_by_tccli(cloud: Cloud) -> None:
    tccli = cloud.tccli
    cloud.load_balancer(LB)
    cloud.instance("ins-conform1", "127.0.0.11")
    authority = issue_authority("Conformance Root")
    leaf = issue_leaf(authority, "api.acme.example")

    ca = tccli("ssl", "UploadCertificate", CertificatePublicKey=authority.pem.strip(), CertificateType="CA")
    server = tccli(
        "ssl",
        "UploadCertificate",
        CertificatePublicKey=leaf.pem.strip(),
        CertificatePrivateKey=leaf.key_pem.strip(),
        CertificateType="SVR",
    )
    wanted = {
        "SSLMode": "MUTUAL",
        "SSLVerifyClient": "ON",
        "CertId": server["CertificateId"],
        "CertCaId": ca["CertificateId"],
    }
    made = tccli(
        "clb",
        "CreateListener",
        LoadBalancerId=LB,
        Ports=[443],
        Protocol="HTTPS",
        ListenerNames=["conformance"],
        SniSwitch=0,
        Certificate=wanted,
    )
    tccli.finish(made)
    listener = made["ListenerIds"][0]
    rule = tccli(
        "clb",
        "CreateRule",
        LoadBalancerId=LB,
        ListenerId=listener,
        Rules=[{"Domain": "api.acme.example", "Url": "/", "Scheduler": "WRR"}],
    )
    tccli.finish(rule)
    location = rule["LocationIds"][0]
    bound = tccli(
        "clb",
        "RegisterTargets",
        LoadBalancerId=LB,
        ListenerId=listener,
        LocationId=location,
        Targets=[{"InstanceId": "ins-conform1", "Port": 30080}],
    )
    tccli.finish(bound)

    (read,) = tccli("clb", "DescribeListeners", LoadBalancerId=LB)["Listeners"]
    assert {name: read["Certificate"][name] for name in wanted} == wanted
    assert (read["Port"], read["SniSwitch"], read["ListenerName"]) == (443, 0, "conformance")
    (read_rule,) = read["Rules"]
    assert (read_rule["Url"], read_rule["Scheduler"], read_rule["DefaultServer"]) == ("/", "WRR", True)
    assert read_rule["HealthCheck"]["HealthSwitch"] == 1
    (targets,) = tccli("clb", "DescribeTargets", LoadBalancerId=LB)["Listeners"]
    (target,) = targets["Rules"][0]["Targets"]
    assert (target["InstanceId"], target["Port"], target["Weight"]) == ("ins-conform1", 30080, 10)
    users = tccli("clb", "DescribeLoadBalancerListByCertId", CertIds=[ca["CertificateId"]])
    assert users["CertSet"][0]["LoadBalancers"][0]["LoadBalancerId"] == LB

    weighed = tccli(
        "clb",
        "ModifyTargetWeight",
        LoadBalancerId=LB,
        ListenerId=listener,
        LocationId=location,
        Targets=[{"InstanceId": "ins-conform1", "Port": 30080, "Weight": 3}],
    )
    tccli.finish(weighed)
    (targets,) = tccli("clb", "DescribeTargets", LoadBalancerId=LB)["Listeners"]
    assert targets["Rules"][0]["Targets"][0]["Weight"] == 3

    tccli.finish(tccli("clb", "DeleteListener", LoadBalancerId=LB, ListenerId=listener))
    assert tccli("clb", "DescribeListeners", LoadBalancerId=LB)["Listeners"] == []
    for certificate in (server, ca):
        deleted = tccli("ssl", "DeleteCertificate", CertificateId=certificate["CertificateId"])
        assert deleted["DeleteResult"] is True
