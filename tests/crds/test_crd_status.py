"""Statuses go through the status subresource by server-side apply, and the columns show them."""

import datetime as dt
import json

import pytest
from crds.manifests import AUTHORITY, CLIENT_CERT, LISTENER, CrdKubectl, Manifest, changed

from mtls_devcluster.cluster import KubectlError
from mtls_operator.api.authority import AuthorityStatus, CertificateAuthority
from mtls_operator.api.authority_rotation import RootGeneration, RotationPhase, RotationStatus
from mtls_operator.api.client_cert import ClientCert, ClientCertStatus
from mtls_operator.api.condition import Condition, ConditionStatus
from mtls_operator.api.listener import MutualTLSListener
from mtls_operator.api.listener_status import DomainStatus, ListenerStatus, RouteStatus, TargetCounts
from mtls_operator.api.resource import Resource, Status

pytestmark = pytest.mark.cluster

START = dt.datetime(2026, 11, 23, 8, 0, 0, tzinfo=dt.UTC)
END = START + dt.timedelta(days=90)


def condition(type_: str, *, message: str = "All is well.") -> Condition:
    return Condition(
        type=type_,
        status=ConditionStatus.TRUE,
        reason="Succeeded",
        message=message,
        observed_generation=1,
        last_transition_time=START,
    )


READY = (condition("Ready"),)

FULL: dict[str, tuple[Manifest, type[Resource], Status]] = {
    "authority": (
        AUTHORITY,
        CertificateAuthority,
        AuthorityStatus(
            conditions=READY,
            active=RootGeneration(
                generation=1,
                serial_number="0a1b",
                fingerprint_sha256="ab" * 32,
                not_before=START,
                not_after=END,
                cloud_certificate_id="LtIaSxlb",
            ),
            rotation=RotationStatus(phase=RotationPhase.STABLE),
        ),
    ),
    "client certificate": (
        CLIENT_CERT,
        ClientCert,
        ClientCertStatus(
            conditions=READY,
            serial_number="0a1b",
            fingerprint_sha256="ab" * 32,
            not_before=START,
            not_after=END,
            renewal_time=START + dt.timedelta(days=60),
            revision=3,
            issuer_generation=1,
        ),
    ),
    "listener": (
        LISTENER,
        MutualTLSListener,
        ListenerStatus(
            conditions=READY,
            listener_id="lbl-1a2b3c4d",
            create_time="2026-11-23 16:00:00",
            addresses=("203.0.113.7",),
            not_after=END,
            healthy="2/2",
            domains=(
                DomainStatus(
                    domain="api.acme.example",
                    certificate_id="LtIaSxlb",
                    ca_certificate_id="LtIaSxlc",
                    routes=(
                        RouteStatus(
                            path="/",
                            location_id="loc-1a2b3c4d",
                            targets=TargetCounts(desired=2, registered=2, healthy=0),
                        ),
                    ),
                ),
            ),
        ),
    ),
}


def apply_status(api: CrdKubectl, manifest: Manifest, status: Status, manager: str = "tests") -> Manifest:
    body = {**manifest, "status": status.render()}
    del body["spec"]
    arguments = ("--server-side", "--subresource=status", f"--field-manager={manager}", "--force-conflicts")
    answer = api.run("apply", "-f", "-", "-o", "json", *arguments, stdin=json.dumps(body))
    applied: Manifest = json.loads(answer)
    return applied


@pytest.mark.parametrize(("manifest", "resource", "status"), FULL.values(), ids=FULL.keys())
def test_a_status_comes_back_as_it_was_written(
    api: CrdKubectl, manifest: Manifest, resource: type[Resource], status: Status
) -> None:
    api.apply(manifest)
    applied = apply_status(api, manifest, status)
    assert resource.parse(applied).model_dump()["status"] == status.model_dump()


def test_the_same_status_again_writes_nothing(api: CrdKubectl) -> None:
    manifest, _, status = FULL["listener"]
    api.apply(manifest)
    first = apply_status(api, manifest, status)
    second = apply_status(api, manifest, status)
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_condition_of_ours_goes_when_it_is_left_out_and_a_strangers_stays(api: CrdKubectl) -> None:
    api.apply(CLIENT_CERT)
    apply_status(api, CLIENT_CERT, ClientCertStatus(conditions=(*READY, condition("Reconciling"))))
    apply_status(api, CLIENT_CERT, ClientCertStatus(conditions=(condition("Audited"),)), manager="auditor")
    seen = ClientCert.parse(apply_status(api, CLIENT_CERT, ClientCertStatus(conditions=READY)))
    assert {c.type for c in seen.status.conditions} == {"Ready", "Audited"}


def test_an_empty_message_is_taken(api: CrdKubectl) -> None:
    api.apply(CLIENT_CERT)
    apply_status(api, CLIENT_CERT, ClientCertStatus(conditions=(condition("Ready", message=""),)))


def test_a_status_in_a_manifest_is_ignored(api: CrdKubectl) -> None:
    applied = api.apply(changed(CLIENT_CERT, {"status": {"revision": 7}}))
    assert "status" not in applied


def test_a_condition_that_is_neither_true_nor_false_nor_unknown_is_refused(api: CrdKubectl) -> None:
    api.apply(CLIENT_CERT)
    body = {"status": {"conditions": [{**condition("Ready").render(), "status": "Perhaps"}]}}
    with pytest.raises(KubectlError, match="supported values"):
        api.run(
            "patch", "clientcert", "payments", "--subresource=status", "--type=merge", "-p", json.dumps(body)
        )


COLUMNS = {
    "authority": (
        "ca",
        ["NAME", "READY", "REASON", "ROTATION", "EXPIRES", "AGE"],
        "True Succeeded Stable 2027-02-21T08:00:00Z",
    ),
    "client certificate": (
        "ccert",
        ["NAME", "READY", "REASON", "AUTHORITY", "EXPIRES", "AGE"],
        "True Succeeded clients 2027-02-21T08:00:00Z",
    ),
    "listener": (
        "mtl",
        ["NAME", "READY", "REASON", "ADDRESS", "PORT", "HEALTHY", "EXPIRES", "AGE"],
        "True Succeeded 203.0.113.7 443 2/2 2027-02-21T08:00:00Z",
    ),
}


@pytest.mark.parametrize("which", FULL)
def test_the_columns_show_what_a_person_looks_for(api: CrdKubectl, which: str) -> None:
    manifest, _, status = FULL[which]
    short_name, headers, cells = COLUMNS[which]
    api.apply(manifest)
    apply_status(api, manifest, status)
    header, row = api.run("get", short_name).splitlines()
    assert header.split() == headers
    assert " ".join(row.split()).startswith(f"{manifest['metadata']['name']} {cells} ")


def test_the_category_lists_all_three_kinds(api: CrdKubectl) -> None:
    for manifest in (AUTHORITY, CLIENT_CERT, LISTENER):
        api.apply(manifest)
    listed = api.run("get", "mtls", "-o", "name").split()
    assert listed == [
        "certificateauthority.mtls.clb-operator.dev/clients",
        "clientcert.mtls.clb-operator.dev/payments",
        "mutualtlslistener.mtls.clb-operator.dev/api",
    ]
