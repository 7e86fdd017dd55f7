"""deploy/kustomize/base on a real API server: it applies, it is restricted, it may do what it needs."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from eventually import eventually

from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.paths import REPOSITORY

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]

BASE = str(REPOSITORY / "deploy" / "kustomize" / "base")
NAMESPACE = "clb-mtls-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:clb-mtls-operator"
OURS = "mtls.clb-operator.dev"
EVERY_VERB = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.fixture(scope="module")
def rendered(kubectl: Kubectl) -> Sequence[Manifest]:
    return [item for item in yaml.safe_load_all(kubectl("kustomize", BASE)) if item]


@pytest.fixture(scope="module")
def installed(kubectl: Kubectl) -> Kubectl:
    """The base, applied. It stays: other tests may use the same ServiceAccount."""
    kubectl("apply", "-k", BASE)
    return kubectl


def _pod_template(rendered: Sequence[Manifest]) -> Manifest:
    (deployment,) = (item for item in rendered if item["kind"] == "Deployment")
    template: Manifest = deployment["spec"]["template"]
    return template


def test_the_readmes_installation_sets_image_and_region(kubectl: Kubectl, tmp_path: Path) -> None:
    (overlay,) = re.findall(
        r"```yaml\n(.*?)```", (REPOSITORY / "deploy" / "README.md").read_text(), re.DOTALL
    )
    (tmp_path / "clb-mtls-operator").symlink_to(REPOSITORY)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(overlay)

    rendered = kubectl("kustomize", str(tmp_path / "mine"))

    by_kind = {item["kind"]: item for item in yaml.safe_load_all(rendered)}
    assert by_kind["ConfigMap"]["data"]["region"] == "ap-hongkong"
    assert "config.yaml" in by_kind["ConfigMap"]["data"]
    container = _pod_template([by_kind["Deployment"]])["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/clb-mtls-operator:0.1.0"
    region = container["env"][2]["valueFrom"]["configMapKeyRef"]["name"]
    assert region == by_kind["ConfigMap"]["metadata"]["name"]


def test_every_namespaced_object_is_in_the_namespace_that_comes_with_it(
    rendered: Sequence[Manifest],
) -> None:
    kinds = sorted(item["kind"] for item in rendered)
    assert kinds == [
        *("ClusterRole", "ClusterRoleBinding", "ConfigMap"),
        *("CustomResourceDefinition",) * 3,
        *("Deployment", "Namespace", "Service", "ServiceAccount"),
    ]
    namespaces = {item["metadata"]["namespace"] for item in rendered if "namespace" in item["metadata"]}
    assert namespaces == {NAMESPACE}


def test_the_api_server_knows_every_field(installed: Kubectl) -> None:
    answer = installed("apply", "-k", BASE, "--dry-run=server", "--validate=strict")
    assert "deployment.apps/clb-mtls-operator unchanged (server dry run)" in answer


def test_a_second_apply_changes_nothing(installed: Kubectl) -> None:
    answer = installed("apply", "-k", BASE).splitlines()
    assert len(answer) == 10
    assert [line for line in answer if not line.endswith(" unchanged")] == []


def test_the_deployment_gets_its_pod_past_the_restricted_profile(installed: Kubectl) -> None:
    """No container is started here, but the pod is admitted: the ServiceAccount and the profile are right."""
    selector = ("-l", "app.kubernetes.io/name=clb-mtls-operator")
    pods = eventually(
        lambda: json.loads(installed("get", "pods", "-n", NAMESPACE, *selector, "-o", "json"))["items"],
        what="the Deployment's pod is there",
    )
    (container,) = pods[0]["spec"]["containers"]
    assert container["image"] == "clb-mtls-operator:0.1.0"
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in mounts


@pytest.mark.parametrize(
    ("relaxed", "complaint"),
    [
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation != false"),
        ({"capabilities": {}}, "unrestricted capabilities"),
        ({"runAsNonRoot": False}, "runAsNonRoot != true"),
    ],
)
def test_the_namespace_refuses_a_pod_that_asks_for_more(
    installed: Kubectl, rendered: Sequence[Manifest], relaxed: Mapping[str, object], complaint: str
) -> None:
    template = _pod_template(rendered)
    container = template["spec"]["containers"][0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "relaxed", "namespace": NAMESPACE},
        "spec": {
            **template["spec"],
            "containers": [{**container, "securityContext": {**container["securityContext"], **relaxed}}],
        },
    }
    with pytest.raises(Exception, match=complaint):
        installed("create", "-f", "-", "--dry-run=server", stdin=json.dumps(pod))


def test_the_root_file_system_is_read_only(rendered: Sequence[Manifest]) -> None:
    """The restricted profile does not ask for it."""
    (container,) = _pod_template(rendered)["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


Right = tuple[str, str, str, str, str]
"""Group, resource (with its subresource), namespace, name, verb."""


def _rights(
    group: str, resource: str, verbs: Sequence[str], *, namespace: str = "", name: str = ""
) -> set[Right]:
    return {(group, resource, namespace, name, verb) for verb in verbs}


def _answers(kubectl: Kubectl, questions: set[Right]) -> dict[Right, bool]:
    """Ask the API server what the account may do."""
    ordered = sorted(questions)
    reviews = [_review(*question) for question in ordered]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews})
    answer = kubectl("create", "-f", "-", "-o", r"jsonpath={.status.allowed}{'\n'}", stdin=manifest)
    allowed = [{"true": True, "false": False}[line] for line in answer.split()]
    return dict(zip(ordered, allowed, strict=True))


def _review(group: str, resource: str, namespace: str, name: str, verb: str) -> Manifest:
    plural, _, subresource = resource.partition("/")
    attributes = {
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
        "verb": verb,
    }
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"]
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "groups": groups, "resourceAttributes": attributes},
    }


KINDS = ("certificateauthorities", "clientcerts", "mutualtlslisteners")
ALLOWED: set[Right] = set().union(
    *(_rights(OURS, kind, ("get", "list", "watch"), namespace="team-a") for kind in KINDS),
    *(_rights(OURS, kind, ("patch",), namespace="team-a") for kind in KINDS),
    *(_rights(OURS, f"{kind}/status", ("patch",), namespace="team-a") for kind in KINDS),
    *(
        _rights("", plural, ("get", "list", "watch", "create", "update", "delete"), namespace="team-a")
        for plural in ("secrets", "configmaps")
    ),
    _rights("", "configmaps", ("patch",), namespace="team-a"),
    *(_rights("", plural, ("list", "watch")) for plural in ("nodes", "services")),
    _rights("", "namespaces", ("get", "list", "watch")),
    _rights("", "namespaces", ("get", "list", "watch"), name="kube-system"),
    _rights("", "namespaces", ("get", "list", "watch"), name="team-a"),
    _rights("events.k8s.io", "events", ("create",), namespace="team-a"),
)
"""Everything that the operator may do with what it works with; every other verb on it is refused."""

REFUSED: set[Right] = set().union(
    *(_rights(OURS, f"{kind}/finalizers", EVERY_VERB, namespace="team-a") for kind in KINDS),
    _rights("", "pods", EVERY_VERB, namespace="team-a"),
    _rights("", "pods/exec", ("create", "get"), namespace="team-a"),
    _rights("", "serviceaccounts", (*EVERY_VERB, "impersonate"), namespace=NAMESPACE),
    _rights("", "serviceaccounts/token", ("create",), namespace=NAMESPACE),
    _rights("", "users", ("impersonate",)),
    _rights("", "events", EVERY_VERB, namespace="team-a"),
    _rights("", "nodes/proxy", ("get", "create")),
    _rights("apps", "deployments", EVERY_VERB, namespace=NAMESPACE),
    _rights("rbac.authorization.k8s.io", "clusterroles", (*EVERY_VERB, "bind", "escalate")),
    _rights("rbac.authorization.k8s.io", "clusterrolebindings", EVERY_VERB),
    _rights("apiextensions.k8s.io", "customresourcedefinitions", EVERY_VERB),
    _rights("certificates.k8s.io", "certificatesigningrequests", EVERY_VERB),
    _rights("admissionregistration.k8s.io", "mutatingwebhookconfigurations", EVERY_VERB),
)


def _all_verbs(rights: set[Right]) -> set[Right]:
    return {(*right[:4], verb) for right in rights for verb in EVERY_VERB}


def test_the_account_may_do_what_it_needs_and_nothing_besides(installed: Kubectl) -> None:
    questions = _all_verbs(ALLOWED) | REFUSED
    answers = eventually(
        lambda: _answers(installed, questions),
        until=lambda seen: all(seen[right] for right in ALLOWED),  # the authorizer follows by a watch
        within=5,
        what="every right that is needed is there",
    )
    assert {right for right, allowed in answers.items() if allowed} == ALLOWED


def test_no_rule_has_a_wildcard(rendered: Sequence[Manifest]) -> None:
    (role,) = (item for item in rendered if item["kind"] == "ClusterRole")
    assert role["rules"]
    assert "*" not in {value for rule in role["rules"] for values in rule.values() for value in values}
