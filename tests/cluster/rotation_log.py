"""Follow the replacement of a root as a person with `kubectl get --watch` would, and see what was recorded.

I/O: a thread that reads an authority's status and Secret many times a second.
"""

import base64
import json
import threading
import time
from types import TracebackType
from typing import Final, Self

from cluster.kube_api import Manifest, condition
from cluster.tenant import Tenant
from eventually import eventually

from mtls_operator.api.meta import ROTATE_ANNOTATION

AUTHORITY: Final = "CertificateAuthority"
PHASES: Final = ("Stable", "Prepare", "Reissue", "Soak", "Switch", "Drain", "Stable")
ROTATION_SECONDS: Final = 40.0
_INTERVAL: Final = 0.03


def ask_for_rotation(tenant: Tenant, value: str = "now") -> None:
    """Set the annotation, as `kubectl annotate` does."""
    tenant.change(AUTHORITY, "clients", {"metadata": {"annotations": {ROTATE_ANNOTATION: value}}})


def record(tenant: Tenant, generation: int = 2) -> Manifest:
    """Return what is recorded beside a root; empty while there is none."""
    secret = tenant.secret("clients-ca-key")
    text = (secret or {}).get("data", {}).get(f"g{generation}.json")
    found: Manifest = json.loads(base64.b64decode(text)) if text else {}
    return found


class RotationLog:
    """What the status of the authority `clients` said one after the other, until the end of the block."""

    def __init__(self, tenant: Tenant, generation: int = 2) -> None:
        self._tenant = tenant
        self._generation = generation
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rotation log")
        self.seen: list[Manifest] = []
        self.not_switched_at = 0.0
        """The last moment of the monotonic clock at which the listeners were to keep the old root."""

    @property
    def phases(self) -> list[str]:
        """The phases in their order, each once in a row."""
        found = [str(status["rotation"]["phase"]) for status in self.seen]
        return [one for number, one in enumerate(found) if number == 0 or found[number - 1] != one]

    def during(self, phase: str) -> list[Manifest]:
        """Return what the status said of the rotation in a phase."""
        return [status["rotation"] for status in self.seen if status["rotation"]["phase"] == phase]

    def complete(self) -> list[str]:
        """Return what the condition RotationComplete was, one after the other."""
        found = [
            (condition({"status": status}, "RotationComplete") or {}).get("status") for status in self.seen
        ]
        return [str(one) for number, one in enumerate(found) if number == 0 or found[number - 1] != one]

    def wait_for(self, phase: str, within: float = ROTATION_SECONDS) -> Manifest:
        """Wait until the status shows a phase."""
        return eventually(
            lambda: self.seen[-1]["rotation"] if self.seen else {},
            until=lambda rotation: rotation.get("phase") == phase,
            within=within,
            what=f"the rotation is in the phase {phase}",
        )

    def wait_recorded(self, *moments: str, within: float = ROTATION_SECONDS) -> None:
        """Wait until the times of these names are recorded."""
        eventually(
            lambda: record(self._tenant, self._generation).keys(),
            until=lambda known: set(moments) <= known,
            within=within,
            what=f"{', '.join(moments)} is recorded",
        )

    def wait_finished(self, within: float = ROTATION_SECONDS) -> None:
        """Wait until the rotation is over, and the status says so."""
        self.wait_recorded("finishedAt", within=within)
        self.wait_for("Stable")

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            begun = time.monotonic()
            if "switchedAt" not in record(self._tenant, self._generation):
                self.not_switched_at = begun
            status = self._tenant.get(AUTHORITY, "clients")["status"]
            if not self.seen or status != self.seen[-1]:
                self.seen.append(status)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


def is_subsequence(found: list[str], whole: tuple[str, ...]) -> bool:
    """Whether what was found is in the order of the whole, with nothing besides; some may be missing."""
    rest = iter(whole)
    return all(one in rest for one in found)
