"""The last act of the demo: the root that the clients trust is replaced while they go on asking.

Changes the authority `clients` of the examples, runs clients, asks with curl when all is over. Used by
`demo`.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from mtls_devcluster.client_files import read_secret
from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.environment import Environment
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.identity import Identity
from mtls_devcluster.progress import Progress
from mtls_devcluster.proofs import Clients, Proof, Sites, Verdict, prove
from mtls_devcluster.traffic import Following, Mount, SecretData, Traffic

TITLE: Final = "Rotation under traffic"
_AUTHORITY: Final = ("certificateauthority/clients", "--namespace", "platform")
_TIMES: Final = {"spec": {"rotation": {"minimumSoak": "2s", "overlap": "5s"}}}
_ROTATE: Final = "mtls.clb-operator.dev/rotate=demo"
_FIRST_ROOT: Final = 1
_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_STABLE: Final = "Stable"
_MEANINGS: Final = {
    "Prepare": "the next root is made and published",
    "Reissue": "every certificate is issued anew under it",
    "Soak": "clients take up what is new, the listeners still trust the old root",
    "Switch": "the listeners are led to the new root",
    "Drain": "the old root is taken out of the cloud",
    "Stable": "nothing of the old root gets in any more",
}
_TAKES_UP: Final = "payments, takes up its new Secret"
_OLD_ROOT: Final = "payments, the same, but trusts the old root alone"
_BYSTANDER: Final = "reports, of another authority"


class RotationStuck(DevClusterError):
    """The rotation did not end in time; the message says what it waited for."""


def rotate_under_traffic(
    environment: Environment, clients: Clients, progress: Progress
) -> Iterator[tuple[str, Verdict]]:
    """Replace the root, telling each phase as it comes; yield what came of it for each client.

    Args:
        environment: With the examples applied and Ready.
        clients: Their files from before.
        progress: Where the phases are told.

    Raises:
        RotationStuck: It did not end within a minute.
    """
    sites, kubectl = Sites.at(environment.block.load_balancer), environment.kubectl
    progress.say(f"{TITLE}: a new root for the authority clients")
    progress.say(f"  $ kubectl annotate {' '.join(_AUTHORITY)} {_ROTATE}")
    own, others = Traffic((sites.api, sites.a)), Traffic((sites.b,))
    with _mount(kubectl, "payments") as payments, _mount(kubectl, "reports") as reports, own, others:
        own.add(_TAKES_UP, Following(payments))
        own.add(_OLD_ROOT, Following(payments, partial(_with_roots, payments.data["ca.crt"])))
        others.add(_BYSTANDER, Following(reports))
        kubectl("patch", *_AUTHORITY, "--type=merge", "--patch", json.dumps(_TIMES))
        kubectl("annotate", *_AUTHORITY, _ROTATE)
        _tell(kubectl, progress)
        for traffic in (own, others):
            traffic.wait_for_round()
    yield _TAKES_UP, _verdict(own, _TAKES_UP)
    yield _OLD_ROOT, _verdict(own, _OLD_ROOT)
    yield _BYSTANDER, _verdict(others, _BYSTANDER)
    for method, site in (("method 1", sites.api), ("method 2", sites.a)):
        claim = f"the old certificate after the switch, {method}"
        old = clients.payments
        yield claim, prove(Proof(claim=claim, site=site, client=old, trust=old, served=False))


def _mount(kubectl: Kubectl, name: str) -> Mount:
    return Mount(partial(read_secret, kubectl, namespace="team-a", name=name))


def _with_roots(roots: bytes, data: SecretData) -> Identity:
    """Take up a certificate and key, and go on verifying servers with other roots."""
    return replace(Identity.from_secret(data), trusted=roots)


def _tell(kubectl: Kubectl, progress: Progress) -> None:
    """Tell each phase as it comes, until the new root is all that is left."""
    begun, told = time.monotonic(), _STABLE
    while (passed := time.monotonic() - begun) < _SECONDS:
        status = json.loads(kubectl("get", *_AUTHORITY, "-o", "json"))["status"]
        phase = status["rotation"]["phase"]
        if phase != told:
            progress.say(f"  {passed:4.1f} s  {phase:8} {_MEANINGS[phase]}{_names(status['rotation'])}")
            told = phase
        if phase == _STABLE and status["active"]["generation"] > _FIRST_ROOT:
            return
        time.sleep(_POLL_SECONDS)
    raise RotationStuck(f"The rotation was still in the phase {told} after {_SECONDS:.0f} s.")


def _names(rotation: Mapping[str, Any]) -> str:
    """Return who is waited for, in parentheses."""
    waited = [*rotation.get("remaining", ()), *rotation.get("blockers", ())]
    return f" ({', '.join(waited)})" if waited else ""


def _verdict(traffic: Traffic, client: str) -> Verdict:
    failures = traffic.failures(client)
    seen = f"{traffic.requests(client)} requests, {len(failures)} failed"
    return Verdict(holds=not failures, seen=f"{seen}, the first: {failures[0]}" if failures else seen)
