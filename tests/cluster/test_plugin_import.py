"""`kubectl mtls import`: what it prints is taken by the API server and adopted without a change."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import hand_made
from cluster.cloud_console import Reply
from cluster.hand_made import HandMade, bring, follow_the_guide
from cluster.tenant import PORT, Tenant

from mtls_devcluster.traffic import Keeping, Traffic

pytestmark = pytest.mark.cluster

KIND = "MutualTLSListener"


def run(tenant: Tenant, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Run kubectl as a person does who has a key of the cloud's account in the environment."""
    kubectl, simulator = tenant.world.environment.kubectl, tenant.world.environment.simulator
    return subprocess.run(
        [str(kubectl.program), *arguments],
        env={
            **os.environ,
            **simulator.environment(),
            "TENCENTCLOUD_ENDPOINT": simulator.api,
            "NO_PROXY": "*",
            "no_proxy": "*",
            "KUBECONFIG": str(kubectl.kubeconfig),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def imported(tenant: Tenant, *arguments: str) -> "subprocess.CompletedProcess[str]":
    place = (tenant.balancer, str(PORT), "-n", tenant.namespace, "--name", "api")
    return run(tenant, "mtls", "import", *place, *arguments)


def behaviour(listener: Reply) -> Reply:
    rules = [{**rule, "Certificate": None} for rule in listener["Rules"]]
    return {**listener, "ListenerName": "", "Certificate": None, "Rules": rules}


def the_listener(tenant: Tenant) -> Reply:
    (found,) = tenant.world.cloud.listeners(tenant.balancer)
    return found


def remove(tenant: Tenant, made: HandMade) -> None:
    tenant.change(KIND, "api", {"spec": {"drainPeriod": "0s"}})
    tenant.delete(KIND, "api")
    tenant.wait_gone(KIND, "api")
    for one in (made.ca, made.server):
        tenant.world.cloud.call("ssl", "DeleteCertificate", CertificateId=one)


@pytest.mark.parametrize("sni", [False, True], ids=["method 1", "method 2"])
def test_what_is_printed_is_adopted_without_a_change_for_clients(
    tenant: Tenant, tmp_path: Path, *, sni: bool
) -> None:
    check = {**hand_made.PROBE, "HttpCode": 2, "HttpCheckDomain": "probe.acme.example"}
    made = follow_the_guide(tenant, tmp_path, sni=sni, SessionExpireTime=60, HealthCheck=check)
    cloud = tenant.world.cloud
    before, targets = the_listener(tenant), cloud.weights(tenant.balancer)
    bring(tenant, made)
    mark = cloud.mark()
    printed = imported(tenant, "--ca", "clients")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "NOTE" not in printed.stdout
    assert f"cloudCertificateId: {made.server}" in printed.stdout
    assert [call for call in cloud.writes(mark) if tenant.balancer in call] == []
    with Traffic([made.site]) as traffic:
        traffic.add("a client of the root", Keeping(made.client), interval=0.01)
        applied = run(tenant, "apply", "-f", "-", given=printed.stdout)
        assert applied.returncode == 0, applied.stderr
        tenant.wait_ready(KIND, "api")
        traffic.wait_for_round()
    assert [str(one) for one in traffic.failures()] == []
    after = the_listener(tenant)
    assert behaviour(after) == behaviour(before)
    assert cloud.weights(tenant.balancer) == targets
    bound = after["Certificate"] or after["Rules"][0]["Certificate"]
    assert bound["CertId"] == made.server
    again = imported(tenant)
    assert "an operator made it for" in again.stdout
    assert f"caRef:\n{' ' * (8 if sni else 6)}name: clients" in again.stdout
    remove(tenant, made)


def test_what_cannot_be_printed_is_a_sentence(tenant: Tenant) -> None:
    nothing = imported(tenant)
    assert nothing.returncode == 1
    assert f"load balancer {tenant.balancer} has no listener on port {PORT}" in nothing.stderr
    nowhere = run(tenant, "mtls", "import", "lb-nowhere", "443")
    assert nowhere.returncode == 1
    assert "knows no load balancer lb-nowhere in region ap-guangzhou" in nowhere.stderr
