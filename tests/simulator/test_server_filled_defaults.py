"""18. Reads show the defaults that the server filled in, and null where the API has null.

Source: documented (field defaults) and the API's own examples.
"""

import json

from simulator.cloud import Cloud
from simulator.pki import Authority
from simulator.signing import hand_made, json_body, send


async def test_rule_and_target_defaults(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Certificate=await cloud.mutual(authority))
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    described = await cloud.describe_listener(lb, listener)
    assert described.Certificate.SSLVerifyClient == "ON"
    one = described.Rules[0]
    assert (one.Scheduler, one.ForwardType, one.SessionExpireTime) == ("WRR", "HTTP", 0)
    assert (one.DefaultServer, one.Http2, one.QuicStatus) == (True, False, "QUIC_INACTIVE")
    check = one.HealthCheck
    assert (check.HealthSwitch, check.TimeOut, check.IntervalTime) == (1, 2, 5)
    assert (check.HealthNum, check.UnHealthNum, check.HttpCode) == (3, 3, 31)
    assert (check.HttpCheckMethod, check.HttpCheckPath, check.CheckType) == ("HEAD", "/", "HTTP")
    place = {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}
    await cloud.change("RegisterTargets", **place, Targets=[{"EniIp": "127.0.0.11", "Port": 1}])
    read = await cloud.clb("DescribeTargets", LoadBalancerId=lb)
    target = read.Listeners[0].Rules[0].Targets[0]
    assert (target.Weight, target.Type, target.PrivateIpAddresses) == (10, "ENI", ["127.0.0.11"])


async def test_absent_values_are_null_and_present_as_fields(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    await cloud.listener(lb, Protocol="TCP", port=80)
    reply = await send(cloud, hand_made(cloud, "DescribeListeners", body=json_body(LoadBalancerId=lb)))
    listener = json.loads(reply.content)["Response"]["Listeners"][0]
    assert listener["Certificate"] is None
    assert listener["Rules"] is None
    assert listener["SniSwitch"] == 0
    assert "TargetGroupList" in listener


async def test_what_clients_dereference_of_a_load_balancer_is_there(cloud: Cloud) -> None:
    lb = await cloud.load_balancer(tags={"team": "payments"})
    [one] = (await cloud.clb("DescribeLoadBalancers", LoadBalancerIds=[lb])).LoadBalancerSet
    assert (one.Status, one.Forward, one.LoadBalancerType) == (1, 1, "OPEN")
    assert one.LoadBalancerVips[0].startswith("127.77.")
    assert one.TargetRegionInfo.Region == "ap-guangzhou"
    assert [(tag.TagKey, tag.TagValue) for tag in one.Tags] == [("team", "payments")]
