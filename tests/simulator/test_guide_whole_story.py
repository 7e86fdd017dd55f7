"""The whole guide through the official SDK: certificates, listener, rule, targets, read back, delete.

Source: documented (the guide's steps 4 to 8).
"""

from simulator.cloud import Cloud
from simulator.pki import Authority, issue_leaf

from clb_simulator.auth import SecretKey


async def test_mutual_listener_from_upload_to_deletion(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer(tags={"team": "payments"})
    rs_1, rs_2 = await cloud.instance("127.0.0.11"), await cloud.instance("127.0.0.12")
    ca_id = await cloud.upload_ca(authority, Alias="root", Repeatable=False)
    server_id = await cloud.upload_server(issue_leaf(authority, "a.example.com"), Alias="server")

    certificate = {"SSLMode": "MUTUAL", "CertId": server_id, "CertCaId": ca_id}
    listener = await cloud.listener(lb, ListenerNames=["front"], Certificate=certificate, Scheduler="WRR")
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    targets = [
        {"ListenerId": listener, "LocationId": rule, "InstanceId": one, "Port": 30080, "Weight": 50}
        for one in (rs_1, rs_2)
    ]
    bound = await cloud.clb("BatchRegisterTargets", LoadBalancerId=lb, Targets=targets)
    assert bound.FailListenerIdSet == []

    described = await cloud.describe_listener(lb, listener)
    assert (described.Protocol, described.Port, described.SniSwitch) == ("HTTPS", 443, 0)
    assert described.Certificate.SSLMode == "MUTUAL"
    assert described.Certificate.SSLVerifyClient == "ON"
    assert (described.Certificate.CertId, described.Certificate.CertCaId) == (server_id, ca_id)
    assert [one.LocationId for one in described.Rules] == [rule]
    read = await cloud.clb("DescribeTargets", LoadBalancerId=lb, ListenerIds=[listener])
    assert [(t.InstanceId, t.Port, t.Weight) for t in read.Listeners[0].Rules[0].Targets] == [
        (rs_1, 30080, 50),
        (rs_2, 30080, 50),
    ]
    health = await cloud.clb("DescribeTargetHealth", LoadBalancerIds=[lb])
    assert health.LoadBalancers[0].Listeners[0].Rules[0].Targets[0].HealthStatusDetail == "Unknown"
    used = await cloud.clb("DescribeLoadBalancerListByCertId", CertIds=[ca_id])
    assert [one.LoadBalancerId for one in used.CertSet[0].LoadBalancers] == [lb]

    await cloud.change("DeleteListener", LoadBalancerId=lb, ListenerId=listener)
    for certificate_id in (server_id, ca_id):
        deleted = await cloud.ssl("DeleteCertificate", CertificateId=certificate_id)
        assert deleted.DeleteResult is True
    left = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert left.TotalCount == 0
    assert (await cloud.ssl("DescribeCertificates")).TotalCount == 0


def test_secret_key_is_not_in_a_representation() -> None:
    assert "hush" not in repr(SecretKey("id", "hush", "1"))
