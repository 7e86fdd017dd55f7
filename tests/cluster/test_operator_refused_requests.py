"""A ClientCert that cannot be served says why, and is served when the cause is gone."""

import pytest
from cluster.tenant import NewTenant, Tenant

from mtls_devcluster.cluster import KubectlError

pytestmark = pytest.mark.cluster

ADMIT_LABELLED = {
    "clientCerts": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"mtls": "allowed"}}}}
}


def test_an_authority_that_does_not_exist_yet(tenant: Tenant) -> None:
    tenant.client_cert()
    said = tenant.wait_reason("ClientCert", "payments", "AuthorityNotFound")
    assert f"CertificateAuthority {tenant.namespace}/clients does not exist" in said
    tenant.authority()
    tenant.wait_ready("ClientCert", "payments")


def test_a_namespace_that_the_authority_does_not_admit(new_tenant: NewTenant) -> None:
    platform, team = new_tenant(), new_tenant()
    platform.authority(access=ADMIT_LABELLED)
    team.client_cert(caRef={"name": "clients", "namespace": platform.namespace})
    said = team.wait_reason("ClientCert", "payments", "NamespaceNotAllowed")
    assert f"{platform.namespace}/clients does not admit namespace {team.namespace}" in said
    assert "access.clientCerts.namespaces is Selector" in said
    team.world.kube.merge("Namespace", "", team.namespace, {"metadata": {"labels": {"mtls": "allowed"}}})
    team.wait_ready("ClientCert", "payments")


def test_a_namespace_that_is_admitted_no_longer_keeps_what_it_has(
    new_tenant: NewTenant,
) -> None:
    platform, team = new_tenant(), new_tenant()
    platform.authority(access=ADMIT_LABELLED)
    team.world.kube.merge("Namespace", "", team.namespace, {"metadata": {"labels": {"mtls": "allowed"}}})
    team.client_cert(caRef={"name": "clients", "namespace": platform.namespace})
    team.wait_ready("ClientCert", "payments")
    issued = team.get("Secret", "payments")
    team.world.kube.merge("Namespace", "", team.namespace, {"metadata": {"labels": {"mtls": None}}})
    team.wait_reason("ClientCert", "payments", "NamespaceNotAllowed")
    assert team.get("Secret", "payments") == issued


def test_a_name_that_the_policy_does_not_allow(tenant: Tenant) -> None:
    tenant.authority()
    tenant.client_cert(subject={"commonName": "root.kube-system"})
    said = tenant.wait_reason("ClientCert", "payments", "NameNotAllowed")
    assert "clientCertPolicy.allowedCommonNames does not allow 'root.kube-system'" in said
    assert "allowed: *.${namespace}" in said
    assert tenant.secret("payments") is None
    policy = {"allowedCommonNames": ["*.kube-system"]}
    tenant.change("CertificateAuthority", "clients", {"spec": {"clientCertPolicy": policy}})
    tenant.wait_ready("ClientCert", "payments")


def test_a_common_name_that_is_the_authoritys_own(tenant: Tenant) -> None:
    tenant.authority(subject={"commonName": f"payments.{tenant.namespace}"})
    tenant.client_cert()
    said = tenant.wait_reason("ClientCert", "payments", "NameConflict")
    assert "is the authority's own" in said
    tenant.change("ClientCert", "payments", {"spec": {"subject": {"commonName": f"api.{tenant.namespace}"}}})
    tenant.wait_ready("ClientCert", "payments")


def test_a_secret_of_that_name_which_somebody_else_made(tenant: Tenant) -> None:
    theirs = tenant.create_secret("payments")
    tenant.authority()
    tenant.client_cert()
    said = tenant.wait_reason("ClientCert", "payments", "SecretNameTaken")
    assert f"Secret {tenant.namespace}/payments exists and belongs to somebody else" in said
    tenant.provoke_pass("ClientCert", "payments")
    assert tenant.get("Secret", "payments") == theirs
    tenant.delete("Secret", "payments")
    tenant.poke("ClientCert", "payments")
    tenant.wait_ready("ClientCert", "payments")


def test_a_schema_error_is_refused_by_kubectl_with_a_sentence(tenant: Tenant) -> None:
    manifest = f"""
apiVersion: mtls.clb-operator.dev/v1alpha1
kind: ClientCert
metadata: {{name: payments, namespace: {tenant.namespace}}}
spec:
  caRef: {{name: clients}}
  duration: 24h
  renewBefore: 48h
"""
    with pytest.raises(KubectlError, match=r"renewBefore \(48h\) must be shorter than duration \(24h\)"):
        tenant.world.environment.kubectl("apply", "-f", "-", stdin=manifest)
