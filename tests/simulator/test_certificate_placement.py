"""15. Certificates are placed by SNI, checked by type, and replaced as a whole.

Source: documented (CertificateInput, SniSwitch), inferred (whole-object replacement), seen (a certificate at
the wrong level reports success and changes nothing).
"""

from collections.abc import Awaitable, Callable

import pytest
from simulator.cloud import Cloud, refused
from simulator.pki import Authority, issue_leaf

Start = Callable[..., Awaitable[Cloud]]


async def test_listener_without_sni_needs_a_certificate(cloud: Cloud) -> None:
    lb = await cloud.load_balancer()
    with refused("MissingParameter"):
        await cloud.listener(lb)


async def test_domain_of_an_sni_listener_needs_a_certificate_of_its_own(
    cloud: Cloud, authority: Authority
) -> None:
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, SniSwitch=1)
    with refused("MissingParameter"):
        await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    binding = await cloud.mutual(authority)
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/", "Certificate": binding})
    described = await cloud.describe_listener(lb, listener)
    assert described.Certificate is None
    assert described.Rules[0].Certificate.CertCaId == binding["CertCaId"]


async def test_modify_without_ssl_mode_makes_the_listener_one_way(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=binding)
    renewed = await cloud.upload_server(issue_leaf(authority, "a.example.com"))
    await cloud.change(
        "ModifyListener", LoadBalancerId=lb, ListenerId=listener, Certificate={"CertId": renewed}
    )
    certificate = (await cloud.describe_listener(lb, listener)).Certificate
    assert (certificate.SSLMode, certificate.CertId, certificate.CertCaId) == (
        "UNIDIRECTIONAL",
        renewed,
        None,
    )


async def test_modify_of_something_else_keeps_the_certificate(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=binding)
    await cloud.change("ModifyListener", LoadBalancerId=lb, ListenerId=listener, ListenerName="renamed")
    described = await cloud.describe_listener(lb, listener)
    assert (described.ListenerName, described.Certificate.CertCaId) == ("renamed", binding["CertCaId"])


@pytest.mark.parametrize("swap", [("CertId", "CertCaId"), ("CertCaId", "CertId")])
async def test_certificate_of_the_wrong_type_is_refused(
    cloud: Cloud, authority: Authority, swap: tuple[str, str]
) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    with refused("InvalidParameter"):
        await cloud.listener(lb, Certificate={**binding, swap[0]: binding[swap[1]]})


async def test_mutual_needs_a_ca_and_ids_must_exist(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    with refused("MissingParameter"):
        await cloud.listener(lb, Certificate={"SSLMode": "MUTUAL", "CertId": binding["CertId"]})
    with refused("InvalidParameter"):
        await cloud.listener(lb, Certificate={**binding, "CertCaId": "nonesuch"})


async def test_certificate_and_multi_cert_info_exclude_each_other(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    both = {"SSLMode": "MUTUAL", "CertList": [{"CertId": binding["CertId"]}, {"CertId": binding["CertCaId"]}]}
    with refused("InvalidParameter"):
        await cloud.listener(lb, Certificate=binding, MultiCertInfo=both)
    listener = await cloud.listener(lb, MultiCertInfo=both)
    assert (await cloud.describe_listener(lb, listener)).Certificate.CertCaId == binding["CertCaId"]


async def test_two_server_certificates_must_differ_in_key_algorithm(
    cloud: Cloud, authority: Authority
) -> None:
    lb = await cloud.load_balancer()
    ecc = [await cloud.upload_server(issue_leaf(authority, "a.example.com")) for _ in range(2)]
    rsa = await cloud.upload_server(issue_leaf(authority, "a.example.com", rsa_key=True))
    with refused("InvalidParameter"):
        pair = {"SSLMode": "UNIDIRECTIONAL", "CertList": [{"CertId": one} for one in ecc]}
        await cloud.listener(lb, MultiCertInfo=pair)
    pair = {"SSLMode": "UNIDIRECTIONAL", "CertList": [{"CertId": ecc[0]}, {"CertId": rsa}]}
    listener = await cloud.listener(lb, MultiCertInfo=pair)
    certificate = (await cloud.describe_listener(lb, listener)).Certificate
    assert (certificate.CertId, certificate.ExtCertIds) == (ecc[0], [rsa])


async def test_sni_can_be_switched_on_and_not_off(cloud: Cloud, authority: Authority) -> None:
    lb = await cloud.load_balancer()
    binding = await cloud.mutual(authority)
    listener = await cloud.listener(lb, Certificate=binding)
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    await cloud.change("ModifyListener", LoadBalancerId=lb, ListenerId=listener, SniSwitch=1)
    described = await cloud.describe_listener(lb, listener)
    assert (described.SniSwitch, described.Rules[0].Certificate.CertCaId) == (1, binding["CertCaId"])
    with refused("InvalidParameterValue"):
        await cloud.clb("ModifyListener", LoadBalancerId=lb, ListenerId=listener, SniSwitch=0)


@pytest.mark.parametrize("mode", ["ignored", "refused"])
async def test_listener_certificate_with_sni(start_cloud: Start, authority: Authority, mode: str) -> None:
    cloud = await start_cloud(misplaced_certificate=mode)
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, SniSwitch=1)
    binding = await cloud.mutual(authority)
    create = {"LoadBalancerId": lb, "Ports": [444], "Protocol": "HTTPS", "SniSwitch": 1}
    modify = {"LoadBalancerId": lb, "ListenerId": listener}
    for action, fields in (("CreateListener", create), ("ModifyListener", modify)):
        if mode == "ignored":
            await cloud.change(action, **fields, Certificate=binding)
        else:
            with refused("InvalidParameter"):
                await cloud.clb(action, **fields, Certificate=binding)
    read = await cloud.clb("DescribeListeners", LoadBalancerId=lb)
    assert {one.Certificate for one in read.Listeners} == {None}


@pytest.mark.parametrize("mode", ["ignored", "refused"])
async def test_domain_certificate_without_sni(start_cloud: Start, authority: Authority, mode: str) -> None:
    cloud = await start_cloud(misplaced_certificate=mode)
    lb = await cloud.load_balancer()
    listener = await cloud.listener(lb, Certificate=await cloud.mutual(authority))
    await cloud.rules(lb, listener, {"Domain": "a.example.com", "Url": "/"})
    before = await cloud.admin("GET", "/state")
    other = await cloud.upload_server(issue_leaf(authority, "b.example.com"))
    fields = {"LoadBalancerId": lb, "ListenerId": listener, "Domain": "a.example.com"}
    if mode == "ignored":
        await cloud.change("ModifyDomainAttributes", **fields, Certificate={"CertId": other})
    else:
        with refused("InvalidParameter"):
            await cloud.clb("ModifyDomainAttributes", **fields, Certificate={"CertId": other})
    after = await cloud.admin("GET", "/state")
    assert (after["domains"], after["listeners"]) == (before["domains"], before["listeners"])
