"""With approval by hand nothing is issued but what an entry beside the authority names, to the letter."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from builders import authority_manifest, client_cert_manifest
from cryptography import x509
from unit.fakes.world import World

from mtls_operator.api.client_cert import ClientCert
from mtls_operator.api.meta import RENEW_ANNOTATION, Kind, ObjectRef
from mtls_operator.core.approval import approval_key, approval_value, denial_value
from mtls_operator.core.cluster import ConfigMap

CA, CERT = Kind.CERTIFICATE_AUTHORITY, Kind.CLIENT_CERT
PAYMENTS, APPROVALS = ObjectRef("edge", "payments"), ObjectRef("edge", "clients-approvals")
POLICY = {"approval": "Manual", "allowedDNSNames": ["*.acme.example"]}


async def pending(**spec: Any) -> World:
    world = World()
    world.apply(authority_manifest(clientCertPolicy=POLICY), client_cert_manifest(**spec))
    await world.settle()
    return world


def stored(world: World) -> ClientCert:
    return ClientCert.parse(world.kube.objects[CERT, PAYMENTS])


def decide(world: World, value: str) -> None:
    """Write the entry as `kubectl mtls approve` or `deny` does."""
    world.kube.config_maps[APPROVALS] = ConfigMap(
        ref=APPROVALS, data={approval_key(PAYMENTS): value}, uid="u"
    )


async def approved(**spec: Any) -> World:
    world = await pending(**spec)
    decide(world, approval_value(stored(world)))
    await world.settle()
    return world


def reasons(world: World) -> dict[str, tuple[str, str]]:
    found = world.status(CERT, "payments")["conditions"]
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def dns_names(world: World) -> list[str]:
    certificate = x509.load_pem_x509_certificate(world.kube.secrets[PAYMENTS].data["tls.crt"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names.get_values_for_type(x509.DNSName))


async def test_nothing_is_issued_before_an_approval_and_the_command_is_named() -> None:
    world = await pending()
    assert reasons(world) == {
        "Ready": ("False", "ApprovalPending"),
        "Reconciling": ("True", "ApprovalPending"),
        "Approved": ("False", "ApprovalPending"),
    }
    message = world.status(CERT, "payments")["conditions"][0]["message"]
    assert "kubectl mtls approve edge/payments" in message
    assert PAYMENTS not in world.kube.secrets
    written = world.written()
    await world.settle()
    assert world.written() == written


async def test_an_approval_issues() -> None:
    world = await approved()
    assert reasons(world) == {"Ready": ("True", "Succeeded"), "Approved": ("True", "ManuallyApproved")}


async def test_a_denial_is_stuck_until_it_is_taken_back() -> None:
    world = await pending()
    decide(world, denial_value(stored(world)))
    await world.settle()
    assert reasons(world) == {
        "Ready": ("False", "ManuallyDenied"),
        "Stalled": ("True", "ManuallyDenied"),
        "Denied": ("True", "ManuallyDenied"),
    }
    decide(world, approval_value(stored(world)))
    await world.settle()
    assert reasons(world)["Ready"] == ("True", "Succeeded")


async def test_the_approved_manifest_is_renewed_without_a_person() -> None:
    world = await approved()
    world.clock.advance(timedelta(days=70))
    await world.settle()
    assert world.status(CERT, "payments")["revision"] == 2


async def test_another_manifest_waits_and_what_was_issued_stays() -> None:
    world = await approved(dnsNames=["a.acme.example"])
    issued = world.kube.secrets[PAYMENTS]
    world.apply(client_cert_manifest(dnsNames=["b.acme.example"]))
    world.clock.advance(timedelta(days=80))
    await world.settle()
    assert reasons(world)["Ready"] == ("False", "ApprovalPending")
    assert world.kube.secrets[PAYMENTS] == issued


async def test_neither_an_annotation_nor_an_empty_secret_gets_a_certificate_past_a_lost_approval() -> None:
    world = await approved()
    del world.kube.config_maps[APPROVALS]
    world.apply(client_cert_manifest(annotations={RENEW_ANNOTATION: "1"}))
    emptied = replace(world.kube.secrets[PAYMENTS], data={})
    world.kube.put_secret(emptied)
    await world.settle()
    assert reasons(world)["Ready"] == ("False", "ApprovalPending")
    assert world.kube.secrets[PAYMENTS].data == {}


async def test_an_approval_in_status_or_annotations_is_none() -> None:
    world = await pending(annotations={"mtls.clb-operator.dev/approved": "true"})
    body = world.kube.objects[CERT, PAYMENTS]
    for condition in body["status"]["conditions"]:
        condition |= {"type": "Approved", "status": "True", "reason": "ManuallyApproved"}
    body["status"] |= {"revision": 1, "issuerGeneration": 1}
    await world.settle()
    assert reasons(world)["Approved"] == ("False", "ApprovalPending")
    assert PAYMENTS not in world.kube.secrets


async def test_approvals_of_another_namespace_than_the_authoritys_say_nothing() -> None:
    world = World()
    world.apply(
        authority_manifest(clientCertPolicy=POLICY, access={"clientCerts": {"namespaces": {"from": "All"}}}),
        client_cert_manifest(namespace="prod", caRef={"name": "clients", "namespace": "edge"}),
    )
    cert = ClientCert.parse(world.kube.objects[CERT, ObjectRef("prod", "payments")])
    forged = ObjectRef("prod", "clients-approvals")
    world.kube.config_maps[forged] = ConfigMap(
        ref=forged, data={approval_key(cert.ref): approval_value(cert)}, uid="u"
    )
    await world.settle()
    assert ObjectRef("prod", "payments") not in world.kube.secrets


async def test_a_manifest_that_is_changed_between_check_and_issue_gets_what_was_approved() -> None:
    world = await pending(dnsNames=["a.acme.example"])
    decide(world, approval_value(stored(world)))
    changed = client_cert_manifest(dnsNames=["bank.acme.example"])
    world.kube.interrupt(f"config map {APPROVALS}", lambda: world.apply(changed))
    await world.reconcile(CERT, "payments")
    assert dns_names(world) == ["a.acme.example"]
    await world.settle()
    assert dns_names(world) == ["a.acme.example"]
    assert reasons(world)["Ready"] == ("False", "ApprovalPending")


async def test_approvals_are_not_read_while_approval_is_automatic() -> None:
    world = World()
    world.apply(authority_manifest(), client_cert_manifest())
    world.kube.interrupt(f"config map {APPROVALS}", world.kube.secrets.clear)
    await world.settle()
    assert reasons(world)["Approved"] == ("True", "PolicyAllows")
    assert PAYMENTS in world.kube.secrets
