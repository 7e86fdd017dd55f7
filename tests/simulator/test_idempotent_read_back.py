"""What a client wrote comes back, with the server's defaults filled in: a difference finds nothing.

Source: documented (fields and defaults) and seen (which fields clients dereference without a check).
Every field that the simulator honours is written once; a list of what the API never gives back says why.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from simulator.cloud import Cloud
from simulator.pki import Authority, issue_leaf

CHECK = {
    "HealthSwitch": 1,
    "TimeOut": 3,
    "IntervalTime": 30,
    "HealthNum": 4,
    "UnHealthNum": 5,
    "HttpCode": 7,
    "HttpCheckPath": "/ready",
    "HttpCheckDomain": "probe.example.com",
    "HttpCheckMethod": "GET",
    "CheckType": "HTTP",
    "SourceIpType": 1,
}
LAYER_4_CHECK = {
    "HealthSwitch": 1,
    "TimeOut": 3,
    "IntervalTime": 30,
    "HealthNum": 4,
    "UnHealthNum": 5,
    "CheckPort": 8080,
    "CheckType": "TCP",
}


def plain(model: Any) -> Any:
    """A reply's model as JSON."""
    return json.loads(model.to_json_string())


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What a client that compares each field it wrote would change, by path."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        held = found.get(name)
        if isinstance(value, dict) and isinstance(held, dict):
            changes |= {f"{name}.{path}": one for path, one in differences(value, held).items()}
        elif held != value:
            changes[name] = (value, held)
    return changes


async def read_listener(cloud: Cloud, lb: str, listener: str) -> Any:
    return plain(await cloud.describe_listener(lb, listener))


async def test_listener_with_a_mutual_certificate(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    written: dict[str, Any] = {
        "Protocol": "HTTPS",
        "Certificate": {**await cloud.mutual(authority), "SSLVerifyClient": "OPTIONAL"},
        "SniSwitch": 0,
        "KeepaliveEnable": 1,
        "SessionExpireTime": 0,
    }
    listener = await cloud.listener(lb, ListenerNames=["front"], **written)
    found = await read_listener(cloud, lb, listener)
    assert differences({**written, "ListenerName": "front", "Port": 443}, found) == {}
    assert found["SniSwitch"] is not None
    changed: dict[str, Any] = {
        "ListenerName": "back",
        "KeepaliveEnable": 0,
        "Certificate": {**await cloud.mutual(authority), "SSLVerifyClient": "ON"},
    }
    await cloud.change("ModifyListener", LoadBalancerId=lb, ListenerId=listener, **changed)
    assert differences({**written, **changed}, await read_listener(cloud, lb, listener)) == {}


async def test_dual_certificate_comes_back_as_main_and_further_ids(
    cloud: Cloud, authority: Authority
) -> None:
    lb = await cloud.load_balancer()
    ecc = await cloud.upload_server(issue_leaf(authority, "a.example.com"))
    rsa = await cloud.upload_server(issue_leaf(authority, "a.example.com", rsa_key=True))
    ca = await cloud.upload_ca(authority)
    listed = [{"CertId": one} for one in (rsa, ecc, ca)]
    listener = await cloud.listener(lb, MultiCertInfo={"SSLMode": "MUTUAL", "CertList": listed})
    expected = {"SSLMode": "MUTUAL", "SSLVerifyClient": "ON", "CertId": rsa, "ExtCertIds": [ecc]}
    found = await read_listener(cloud, lb, listener)
    assert differences({**expected, "CertCaId": ca}, found["Certificate"]) == {}


async def test_layer_4_listener(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    written: dict[str, Any] = {
        "Scheduler": "LEAST_CONN",
        "SessionExpireTime": 30,
        "HealthCheck": LAYER_4_CHECK,
    }
    listener = await cloud.listener(lb, Protocol="TCP", port=80, **written)
    found = await read_listener(cloud, lb, listener)
    assert differences(written, found) == {}
    assert (found["Certificate"], found["Rules"]) == (None, None)


async def test_rule_with_everything(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, SniSwitch=1)
    written: dict[str, Any] = {
        "Url": "^~ /api",
        "Domains": ["a.example.com", "*.example.org"],
        "SessionExpireTime": 60,
        "CookieName": "sticky",
        "HealthCheck": CHECK,
        "Certificate": {**await cloud.mutual(authority), "SSLVerifyClient": "ON"},
        "Scheduler": "WRR",
        "ForwardType": "HTTPS",
        "DefaultServer": True,
        "Http2": True,
        "TargetType": "NODE",
    }
    [rule] = await cloud.rules(lb, listener, {**written, "Quic": True})
    found = (await read_listener(cloud, lb, listener))["Rules"][0]
    assert differences(written, found) == {}
    assert (found["LocationId"], found["QuicStatus"]) == (rule, "QUIC_ACTIVE")
    changed: dict[str, Any] = {
        "Url": "/v2",
        "ForwardType": "HTTP",
        "SessionExpireTime": 0,
        "Scheduler": "IP_HASH",
    }
    place = {"LoadBalancerId": lb, "ListenerId": listener}
    await cloud.change("ModifyRule", **place, LocationId=rule, HealthCheck=CHECK, **changed)
    attributes: dict[str, Any] = {"Http2": False, "Certificate": await cloud.mutual(authority)}
    await cloud.change("ModifyDomainAttributes", **place, Domain="a.example.com", **attributes)
    found = (await read_listener(cloud, lb, listener))["Rules"][0]
    assert differences({**written, **changed, **attributes}, found) == {}


async def test_second_write_of_what_was_read_changes_nothing(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Certificate=await cloud.mutual(authority))
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    before = await read_listener(cloud, lb, listener)
    held = {name: value for name, value in before["Rules"][0]["HealthCheck"].items() if value is not None}
    place = {"LoadBalancerId": lb, "ListenerId": listener}
    fields = {name: before["Rules"][0][name] for name in ("Url", "Scheduler", "SessionExpireTime")}
    await cloud.change("ModifyRule", **place, LocationId=rule, HealthCheck=held, **fields)
    bound = {name: value for name, value in before["Certificate"].items() if value and name != "ExtCertIds"}
    await cloud.change("ModifyListener", **place, Certificate=bound)
    assert await read_listener(cloud, lb, listener) == before


async def test_targets(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    place = {"LoadBalancerId": lb, "ListenerId": listener, "LocationId": rule}
    instance = await cloud.instance("127.0.0.12")
    by_id = {"InstanceId": instance, "Port": 8080, "Weight": 0, "Tag": "blue"}
    by_address = {"EniIp": "127.0.0.13", "Port": 8080}
    await cloud.change("RegisterTargets", **place, Targets=[by_id, by_address])

    async def read() -> list[dict[str, Any]]:
        reply = await cloud.clb("DescribeTargets", LoadBalancerId=lb)
        return [plain(one) for one in reply.Listeners[0].Rules[0].Targets]

    first, second = await read()
    assert differences({**by_id, "Type": "CVM", "PrivateIpAddresses": ["127.0.0.12"]}, first) == {}
    expected = {"Port": 8080, "Weight": 10, "Type": "ENI", "PrivateIpAddresses": ["127.0.0.13"]}
    assert differences(expected, second) == {}
    await cloud.change(
        "ModifyTargetWeight", **place, Targets=[{"EniIp": "127.0.0.13", "Port": 8080}], Weight=7
    )
    assert (await read())[1]["Weight"] == 7


async def test_certificates(cloud: Cloud, authority: Authority) -> None:
    leaf = issue_leaf(authority, "a.example.com")
    tags = [{"TagKey": "owner", "TagValue": "me"}]
    written: dict[str, Any] = {"Alias": "server", "ProjectId": 3, "Tags": tags}
    server = await cloud.upload_server(leaf, **written)
    ca = await cloud.upload_ca(authority, Alias="root")
    for identifier, kind, pem in ((server, "SVR", leaf.pem), (ca, "CA", authority.pem)):
        found = plain(await cloud.ssl("DescribeCertificateDetail", CertificateId=identifier))
        # Seen: the text comes back with a newline at its end, and clients trim it.
        assert found["CertificatePublicKey"] == pem + "\n"
        assert found["CertificateType"] == kind
        absent = [name for name in DEREFERENCED if found[name] is None]
        assert absent == []
        listed = plain(await cloud.ssl("DescribeCertificates", SearchKey=identifier))["Certificates"][0]
        shared = {name: found[name] for name in DEREFERENCED if name != "CertificatePublicKey"}
        assert differences(shared, listed) == {}
    found = plain(await cloud.ssl("DescribeCertificate", CertificateId=server))
    assert differences({**written, "ProjectId": "3"}, found) == {}
    assert dt.datetime.fromisoformat(found["CertEndTime"]) == dt.datetime(2046, 1, 1, 8)  # noqa: DTZ001
    root = plain(await cloud.ssl("DescribeCertificate", CertificateId=ca))
    assert (root["Domain"], root["ProductZhName"]) == ("Simulator Test Root", "Simulator Test Root")
    await cloud.ssl("ModifyCertificateAlias", CertificateId=ca, Alias="renamed")
    assert (await cloud.ssl("DescribeCertificate", CertificateId=ca)).Alias == "renamed"


DEREFERENCED = (
    "Alias",
    "CertificateType",
    "ProjectId",
    "CertificatePublicKey",
    "ProductZhName",
    "Domain",
    "Status",
    "CertBeginTime",
    "CertEndTime",
    "InsertTime",
)
"""What a client uses of a certificate, CA type included, without looking whether it is there."""


async def test_what_clients_dereference_of_rules_and_load_balancers_is_never_null(
    cloud: Cloud, authority: Authority
) -> None:
    created = await cloud.clb("CreateLoadBalancer", LoadBalancerType="OPEN")
    await cloud.wait(created.RequestId)
    [lb] = created.LoadBalancerIds
    listener = await cloud.listener(lb, Certificate=await cloud.mutual(authority))
    rules = [{"Domain": "~^x[.]example", "Url": "~* /a"}, {"Domain": "*.example.com", "Url": "= /b"}]
    await cloud.rules(lb, listener, *rules)
    for rule in (await read_listener(cloud, lb, listener))["Rules"]:
        assert None not in [rule[name] for name in ("Domain", "Url", "LocationId", "DefaultServer")]
        assert None not in [rule["HealthCheck"][name] for name in ("HealthSwitch", "HttpCheckMethod")]
    [one] = plain(await cloud.clb("DescribeLoadBalancers", LoadBalancerIds=[lb]))["LoadBalancerSet"]
    assert None not in [one[name] for name in ("LoadBalancerType", "LoadBalancerVips", "VpcId", "Tags")]
    assert None not in [one["TargetRegionInfo"][name] for name in ("Region", "VpcId")]
