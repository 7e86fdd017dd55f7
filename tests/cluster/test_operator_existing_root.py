"""A root that somebody brought in a Secret: used where it is, replaced by its successor, never swapped."""

import base64
import subprocess
from pathlib import Path

import pytest
from cluster.doors import one_door, wait_until_open
from cluster.kube_api import Manifest
from cluster.rotation_log import AUTHORITY, PHASES, RotationLog, is_subsequence
from cluster.tenant import Tenant

from mtls_devcluster.identity import Identity, why_not_served
from mtls_devcluster.traffic import Following, Keeping, Mount, Traffic

pytestmark = pytest.mark.cluster

FOLLOWER, KEEPER = "takes up its Secret", "keeps its certificate"
QUICK = {"strategy": "Bundle", "minimumSoak": "2s", "overlap": "3s"}


def root(folder: Path, name: str) -> Manifest:
    """Make a root with OpenSSL, as the members of a Secret."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = (
        *("openssl", "req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-sha256", "-days", "3650", "-subj", f"/CN={name}"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate),
    )
    subprocess.run(command, check=True, capture_output=True)
    members = {"tls.crt": certificate, "tls.key": key}
    return {member: base64.b64encode(path.read_bytes()).decode() for member, path in members.items()}


def bring(tenant: Tenant, name: str, data: Manifest) -> None:
    """Make the Secret, as `kubectl create secret tls` does."""
    metadata = {"name": name, "namespace": tenant.namespace}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}
    tenant.world.kube.create({**body, "data": data})


def test_a_root_is_replaced_by_the_one_that_is_named_as_its_successor(tenant: Tenant, tmp_path: Path) -> None:
    doors = one_door(tenant)
    for name in ("corporate-1", "corporate-2"):
        bring(tenant, name, root(tmp_path, name))
    tenant.authority(source={"secretRef": {"name": "corporate-1"}}, rotation=QUICK)
    tenant.client_cert()
    wait_until_open(doors)
    tenant.wait_reason(AUTHORITY, "clients", "ForeignIssuance", "TrustsForeignIssuance")
    old = Identity.from_secret(doors.data())
    with Mount(doors.data) as mount, RotationLog(tenant) as log, Traffic(doors.sites) as traffic:
        traffic.add(FOLLOWER, Following(mount))
        traffic.add(KEEPER, Keeping(old))
        tenant.change(AUTHORITY, "clients", {"spec": {"source": {"nextSecretRef": {"name": "corporate-2"}}}})
        log.wait_finished()
    assert [str(one) for one in traffic.failures(FOLLOWER)] == []
    assert [str(one) for one in traffic.failures(KEEPER, until=log.not_switched_at)] == []
    assert is_subsequence(log.phases, PHASES)
    (site,) = doors.sites
    assert why_not_served(site, old.context()) != ""
    assert [name for name in tenant.get("Secret", "clients-ca-key")["data"] if name.endswith(".key")] == []


def test_a_root_that_somebody_swaps_is_refused_until_it_is_back(tenant: Tenant, tmp_path: Path) -> None:
    """What was issued goes on being served: the listener trusts what was taken up."""
    doors = one_door(tenant)
    good, other = root(tmp_path, "corporate"), root(tmp_path, "another")
    bring(tenant, "corporate", good)
    tenant.authority(source={"secretRef": {"name": "corporate"}}, rotation=QUICK)
    tenant.client_cert()
    wait_until_open(doors)
    before, client = doors.bound_roots(), Identity.from_secret(doors.data())
    tenant.change("Secret", "corporate", {"data": other})
    tenant.poke(AUTHORITY, "clients")
    said = tenant.wait_reason(AUTHORITY, "clients", "SourceSwapped", "Stalled")
    assert f"Secret {tenant.namespace}/corporate holds another root" in said
    tenant.client_cert("latecomer")
    tenant.wait_reason("ClientCert", "latecomer", "SourceSwapped")
    assert tenant.secret("latecomer") is None
    assert [why_not_served(site, client.context()) for site in doors.sites] == [""]
    assert doors.bound_roots() == before
    tenant.change("Secret", "corporate", {"data": good})
    tenant.poke(AUTHORITY, "clients")
    tenant.wait_ready(AUTHORITY, "clients")
    tenant.poke("ClientCert", "latecomer")
    tenant.wait_ready("ClientCert", "latecomer")
