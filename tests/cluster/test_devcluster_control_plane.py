import json
import os
import stat
from pathlib import Path

import pytest
from eventually import eventually

from mtls_devcluster.cluster import (
    Cluster,
    Kubectl,
    KubectlError,
    service_account_kubeconfig,
    write_kubeconfig,
)
from mtls_devcluster.controlplane import ControlPlane

pytestmark = pytest.mark.cluster

CLIENT_CERT = {"caRef": {"name": "clients"}}


def test_serves_the_version_that_go_mod_asks_for(kubectl: Kubectl) -> None:
    if os.environ.get("KUBEBUILDER_ASSETS"):
        expected = json.loads(kubectl("get", "--raw", "/version"))["gitVersion"]
        assert not expected.startswith("v0.0.0")
        return
    version = json.loads(kubectl("get", "--raw", "/version"))
    assert (version["gitVersion"], version["major"], version["minor"]) == ("v1.36.3", "1", "36")


def test_a_service_account_may_do_nothing_until_a_role_is_bound(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    kubectl("create", "serviceaccount", "robot", "-n", namespace)
    kubeconfig = service_account_kubeconfig(
        tmp_path / "robot", control_plane.cluster, kubectl, namespace=namespace, name="robot"
    )
    robot = Kubectl(program=kubectl.program, kubeconfig=kubeconfig)

    with pytest.raises(KubectlError, match=rf'"system:serviceaccount:{namespace}:robot" cannot list'):
        robot("get", "secrets")

    kubectl("create", "role", "reader", "--verb=list", "--resource=secrets", "-n", namespace)
    binding = f"--serviceaccount={namespace}:robot"
    kubectl("create", "rolebinding", "reader", "--role=reader", binding, "-n", namespace)
    eventually(lambda: robot("get", "secrets", "-o", "name"), until=lambda answer: answer == "")
    with pytest.raises(KubectlError, match="Forbidden"):
        robot("get", "secrets", "-n", "kube-system")
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600


def test_a_stranger_without_a_credential_is_unauthorized(
    control_plane: ControlPlane, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "stranger", control_plane.cluster, {"token": "made-up"})
    stranger = Kubectl(program=kubectl.program, kubeconfig=kubeconfig)
    with pytest.raises(KubectlError, match="must be logged in"):
        stranger("get", "configmaps")


def test_a_deleted_namespace_goes_with_all_that_is_in_it(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "thing", "-n", namespace)
    kubectl("delete", "namespace", namespace, "--wait=false")
    eventually(
        lambda: kubectl("get", "namespace", namespace, "--ignore-not-found"),
        until=lambda answer: answer == "",
        within=30,
    )


@pytest.mark.parametrize(
    "owner",
    [
        {"apiVersion": "v1", "kind": "ConfigMap"},
        # Fails when the controllers start before the kinds are there: then it takes 41 s.
        {"apiVersion": "mtls.clb-operator.dev/v1alpha1", "kind": "ClientCert", "spec": CLIENT_CERT},
    ],
    ids=["built-in", "ours"],
)
def test_an_owned_secret_goes_with_its_owner(
    kubectl: Kubectl, namespace: str, owner: dict[str, object]
) -> None:
    manifest = {**owner, "metadata": {"name": "owner", "namespace": namespace}}
    created = json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(manifest)))
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {
        "name": "owner",
        "uid": created["metadata"]["uid"],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "owned", "namespace": namespace, "ownerReferences": [reference]},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(secret))
    kubectl("create", "secret", "generic", "unowned", "-n", namespace)

    kubectl("delete", str(owner["kind"]).lower(), "owner", "-n", namespace)

    eventually(
        lambda: kubectl("get", "secrets", "-n", namespace, "-o", "name"),
        until=lambda answer: answer == "secret/unowned\n",
        within=15,
    )


def test_the_audit_log_has_each_write_and_who_made_it(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "audited", "-n", namespace)
    lines = control_plane.audit_log.read_text().splitlines()
    events = [event for event in map(json.loads, lines) if "objectRef" in event]
    writes = [
        event
        for event in events
        if (event["objectRef"].get("namespace"), event["objectRef"].get("name")) == (namespace, "audited")
    ]
    assert [(event["verb"], event["user"]["username"]) for event in writes] == [("create", "admin")]
    assert "requestObject" not in writes[0], "the level is Metadata: no Secret's content in a log"


def test_a_nodeport_service_gets_a_port(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "service", "nodeport", "web", "--tcp=80:8080", "-n", namespace)
    port = kubectl("get", "service", "web", "-n", namespace, "-o", "jsonpath={.spec.ports[0].nodePort}")
    assert 30000 <= int(port) <= 32767


def test_the_kubeconfig_can_be_given_as_an_existing_cluster(
    control_plane: ControlPlane, kubectl: Kubectl
) -> None:
    assert Cluster.existing(control_plane.cluster.kubeconfig, kubectl.program) == control_plane.cluster
