"""The coverage page is what the code does: generated anew it is the same, and its fields are probed.

Source: a property of the simulator; fields and types are the official SDK's.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from simulator.cloud import UIN, Cloud, Refused, refused
from simulator.pki import Authority, issue_leaf

from clb_simulator.catalog import ACTIONS
from clb_simulator.coverage import cover_fields, render_page, simulated
from clb_simulator.schema import PRODUCTS, FieldType, defined_actions, fields_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "simulator-coverage.md"
VALUES: dict[str, object] = {"str": "x", "int": 1, "bool": True, "float": 1.0}
CHECK = {"HealthSwitch": 1}
SIMULATED = [(service, name) for service in ACTIONS for name in simulated(service)]
World = dict[str, dict[str, Any]]


def test_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run: python simulator/coverage.py"


def test_every_action_of_the_sdk_is_on_the_page() -> None:
    page = render_page()
    assert {name for service in ACTIONS for name in defined_actions(service)} <= set(
        page.replace(",", " ").split()
    )


async def build_world(cloud: Cloud, authority: Authority) -> World:
    """A request of every simulated action that succeeds, with as many of its objects as go together."""
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Protocol="HTTP", port=80)
    secure = await cloud.listener(lb, Certificate=binding)
    [rule] = await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    on_lb = {"LoadBalancerId": lb}
    place: dict[str, Any] = {**on_lb, "ListenerId": listener}
    target = {"EniIp": "127.0.0.11", "Port": 1}
    at_rule: dict[str, Any] = {**place, "LocationId": rule, "Targets": [target]}
    await cloud.change("RegisterTargets", **at_rule)
    spot = {"ListenerId": listener, "LocationId": rule, **target}
    spare = await cloud.upload_ca(authority)
    leaf = issue_leaf(authority, "b.example.com")
    pair = {"CertName": "new", "CertContent": leaf.pem, "CertKey": leaf.key_pem}
    role = {"RoleArn": f"qcs::cam::uin/{UIN}:roleName/r", "RoleSessionName": "session"}
    resource = f"qcs::clb:ap-guangzhou:uin/{UIN}:clb/{lb}"
    tags = [{"TagKey": "a", "TagValue": "b"}]
    task = (await cloud.change("ModifyListener", **place)).RequestId
    return {
        "DescribeLoadBalancers": {"Filters": [{"Name": "tag-key", "Values": ["a"]}]},
        "DescribeLoadBalancerListByCertId": {"CertIds": [spare]},
        "CreateLoadBalancer": {"LoadBalancerType": "OPEN", "InternetAccessible": {}},
        "ModifyLoadBalancerAttributes": {**on_lb, "InternetChargeInfo": {}},
        "SetLoadBalancerSecurityGroups": on_lb,
        "DeleteLoadBalancer": {"LoadBalancerIds": [lb]},
        "ReplaceCertForLoadBalancers": {"OldCertificateId": binding["CertId"], "Certificate": pair},
        "CreateListener": {**on_lb, "Ports": [81], "Protocol": "TCP", "HealthCheck": CHECK},
        "DescribeListeners": on_lb,
        "ModifyListener": {**on_lb, "ListenerId": secure, "Certificate": binding},
        "DeleteListener": place,
        "DeleteLoadBalancerListeners": on_lb,
        "ModifyDomain": {**place, "Domain": "a.example.com", "NewDomain": "b.example.com"},
        "ModifyDomainAttributes": {**place, "Domain": "a.example.com"},
        "CreateRule": {**place, "Rules": [{"Domain": "c.example.com", "Url": "/", "HealthCheck": CHECK}]},
        "ModifyRule": {**place, "LocationId": rule, "HealthCheck": CHECK},
        "DeleteRule": {**place, "LocationIds": [rule]},
        "RegisterTargets": at_rule,
        "DeregisterTargets": at_rule,
        "ModifyTargetWeight": at_rule,
        "BatchModifyTargetWeight": {
            **on_lb,
            "ModifyList": [{"ListenerId": listener, "LocationId": rule, "Targets": [target]}],
        },
        "BatchRegisterTargets": {**on_lb, "Targets": [spot]},
        "BatchDeregisterTargets": {**on_lb, "Targets": [spot]},
        "DescribeTargets": on_lb,
        "DescribeTargetHealth": {"LoadBalancerIds": [lb]},
        "DescribeTaskStatus": {"TaskId": task},
        "DescribeAsyncJobs": {},
        "DescribeQuota": {},
        "UploadCertificate": {"CertificatePublicKey": leaf.pem, "CertificatePrivateKey": leaf.key_pem},
        "CheckCertificateExist": {"CertificatePublicKey": leaf.pem},
        "DescribeCertificates": {"Tags": tags},
        "DescribeCertificate": {"CertificateId": spare},
        "DescribeCertificateDetail": {"CertificateId": spare},
        "ModifyCertificateAlias": {"CertificateId": spare},
        "DeleteCertificate": {"CertificateId": spare},
        "DeleteCertificates": {"CertificateIds": [spare]},
        "DescribeDeleteCertificatesTaskResult": {"TaskIds": [task]},
        "GetCallerIdentity": {},
        "AssumeRole": role,
        "AssumeRoleWithWebIdentity": {**role, "ProviderId": "p", "WebIdentityToken": "e30.e30.eA"},
        "TagResources": {"ResourceList": [resource], "Tags": tags},
        "UnTagResources": {"ResourceList": [resource], "TagKeys": ["a"]},
        "ModifyResourceTags": {"Resource": resource, "ReplaceTags": tags},
        "DescribeResourceTagsByResourceIds": {
            "ServiceType": "clb",
            "ResourcePrefix": "clb",
            "ResourceIds": [lb],
            "ResourceRegion": "ap-guangzhou",
        },
        "DescribeAddresses": {"Filters": [{"Name": "address-ip", "Values": ["127.0.0.1"]}]},
    }


def with_field(service: str, class_name: str, values: dict[str, Any], path: str) -> dict[str, Any] | None:
    """Return the request with one more field, or None when it lacks the object that the field is in."""
    name, _, rest = path.partition(".")
    kind = fields_of(service, class_name)[name.removesuffix("[]")]
    name = name.removesuffix("[]")
    if not rest:
        return {**values, name: sample(service, kind)}
    held = values.get(name)
    if not held:
        return None
    inner = with_field(service, kind.name, held[0] if kind.is_list else held, rest)
    return None if inner is None else {**values, name: [inner] if kind.is_list else inner}


def sample(service: str, kind: FieldType) -> object:
    value = VALUES.get(kind.name)
    if value is None:
        fields = fields_of(service, kind.name)
        required = PRODUCTS[service].required.get(kind.name, ())
        value = {name: sample(service, fields[name]) for name in required}
    return [value] if kind.is_list else value


async def message(cloud: Cloud, service: str, name: str, fields: dict[str, Any]) -> str:
    try:
        await cloud.call(service, name, **fields)
    except Refused as error:
        return error.message
    return ""


@pytest.mark.parametrize(("service", "name"), SIMULATED, ids=str)
async def test_fields_are_refused_or_accepted_as_the_page_says(
    start_cloud: Callable[..., Awaitable[Cloud]], authority: Authority, service: str, name: str
) -> None:
    cloud = await start_cloud()
    baseline = (await build_world(cloud, authority))[name]
    coverage = cover_fields(service, name)
    for path in coverage.unsupported:
        fields = with_field(service, f"{name}Request", baseline, path)
        if fields is None:
            continue
        with refused("UnsupportedOperation") as caught:
            await cloud.call(service, name, **fields)
        assert path.replace("[]", ".0").removesuffix(".0") in caught.message
    for path in coverage.honoured:
        fields = with_field(service, f"{name}Request", baseline, path)
        assert "does not simulate the parameters" not in await message(
            cloud, service, name, fields or baseline
        )


@pytest.mark.parametrize(("service", "name"), SIMULATED, ids=str)
async def test_baseline_of_the_probes_is_accepted(
    start_cloud: Callable[..., Awaitable[Cloud]], authority: Authority, service: str, name: str
) -> None:
    cloud = await start_cloud()
    await cloud.call(service, name, **(await build_world(cloud, authority))[name])
