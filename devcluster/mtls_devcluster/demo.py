"""`make demo`: the whole guide by itself, proved, and a root replaced under traffic, in half a minute.

Starts everything, applies examples/, runs the guide's step 8, replaces the clients' root, prints what was
proved, stops everything.
"""

import datetime as dt
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from mtls_devcluster.client_files import ClientFiles, export_client
from mtls_devcluster.cluster import Kubectl
from mtls_devcluster.curl import curl_line
from mtls_devcluster.environment import EXAMPLES, Environment, start_environment
from mtls_devcluster.processes import Supervisor
from mtls_devcluster.progress import Progress
from mtls_devcluster.proofs import Clients, Proof, Verdict, guide_proofs, prove
from mtls_devcluster.rotation import TITLE, rotate_under_traffic

_READY_TIMEOUT: Final = "60s"
_STEPS: Final = (
    (
        "authority.yaml",
        "Step 1, the authority; step 4, its upload",
        ("platform", "certificateauthority/clients"),
    ),
    ("client-cert.yaml", "Step 3, a client certificate", ("team-a", "clientcert/payments")),
    (
        "listener.yaml",
        "Steps 2, 5 and 6, a listener by method 1",
        ("platform", "mutualtlslistener/api"),
    ),
    (
        "method-2.yaml",
        "Steps 1 to 6 again, a listener by method 2",
        ("platform", "mutualtlslistener/shared"),
        ("team-a", "clientcert/reports"),
    ),
)


@dataclass(slots=True)
class Report:
    """What was proved and how long each part took."""

    parts: list[tuple[str, float]] = field(default_factory=list)
    proofs: list[tuple[str, str, str, bool]] = field(default_factory=list)
    rotation: list[tuple[str, str, str, bool]] = field(default_factory=list)

    @contextmanager
    def timed(self, title: str) -> Iterator[None]:
        """Take the time of the block."""
        start = time.monotonic()
        yield
        self.parts.append((title, time.monotonic() - start))

    @property
    def failed(self) -> list[str]:
        """The proofs that did not hold, a sentence each."""
        return [
            f"{title}: {claim}, but came {seen}"
            for title, claim, seen, holds in (*self.proofs, *self.rotation)
            if not holds
        ]


def run_demo(now: dt.datetime, progress: Progress, console: Console, switches: Sequence[str] = ()) -> int:
    """Run the demo and return the exit status: 0 when every proof holds.

    Args:
        now: The time, for certificates.
        progress: Where each step is shown.
        console: Where the tables go.
        switches: What the simulated cloud assumes, as `name=value`.
    """
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="clb-mtls-demo-") as folder,
        Supervisor(Path(folder) / "run") as supervisor,
    ):
        with report.timed("start everything"):
            environment = start_environment(supervisor, Path(folder), now, progress, switches)
        with report.timed("apply examples/ until Ready"):
            apply_examples(environment.kubectl, progress)
        with report.timed("step 8, verify"):
            clients = _take_files(environment, Path(folder), progress)
            _verify(environment, clients, progress, report)
        with report.timed("rotation under traffic"):
            for claim, verdict in rotate_under_traffic(environment, clients, progress):
                _note(report.rotation, TITLE, claim, verdict, progress)
        with report.timed("stop everything"):
            supervisor.stop()
    _print_tables(console, report)
    for sentence in report.failed:
        console.print(f"[bold red]Not proved:[/] {sentence}", highlight=False)
    if report.failed:
        return 1
    console.print(
        "Everything of the guide was done and proved, and a root replaced without a failed request."
    )
    console.print("To look around yourself: [bold]make up[/]")
    return 0


def apply_examples(kubectl: Kubectl, progress: Progress) -> None:
    """Apply the examples one after the other and wait until each is Ready."""
    for file, title, *objects in _STEPS:
        with progress.step(f"{title}: kubectl apply -f examples/{file}"):
            kubectl("apply", "-f", str(EXAMPLES / file))
            for namespace, name in objects:
                arguments = ("--for=condition=Ready", f"--timeout={_READY_TIMEOUT}")
                kubectl("wait", name, "--namespace", namespace, *arguments)


def _take_files(environment: Environment, folder: Path, progress: Progress) -> Clients:
    with progress.step("Step 7, the clients' files from their Secrets"):
        return Clients(
            payments=_export(environment, "payments", folder), reports=_export(environment, "reports", folder)
        )


def _verify(environment: Environment, clients: Clients, progress: Progress, report: Report) -> None:
    for title, proofs in guide_proofs(clients, environment.block.load_balancer):
        progress.say(f"Step 8: {title}")
        progress.say(f"  $ {_as_typed(proofs[0])}")
        for proof in proofs:
            _note(report.proofs, title, proof.claim, prove(proof), progress)


def _note(
    proofs: list[tuple[str, str, str, bool]], title: str, claim: str, verdict: Verdict, progress: Progress
) -> None:
    progress.say(f"  {'✓' if verdict.holds else '✗'} {claim} — {verdict.seen}")
    proofs.append((title, claim, verdict.seen, verdict.holds))


def _export(environment: Environment, name: str, folder: Path) -> ClientFiles:
    return export_client(
        environment.kubectl, namespace="team-a", secret=name, folder=folder / "clients" / name
    )


def _as_typed(proof: Proof) -> str:
    """The command as somebody in the client's folder would type it."""
    line = curl_line(proof.site, client=proof.client, trust=proof.trust)
    return " ".join(Path(word).name if word.startswith("/") else word for word in line)


def _print_tables(console: Console, report: Report) -> None:
    proved, rotation = _proof_table("What was proved"), _proof_table(TITLE)
    section = ""
    for title, claim, seen, holds in report.proofs:
        if title != section:
            proved.add_section()
            proved.add_row(f"[bold]{title}[/]")
            section = title
        proved.add_row(f"  {claim}", seen, _word(holds=holds))
    for _, claim, seen, holds in report.rotation:
        rotation.add_row(claim, seen, _word(holds=holds))
    console.print(proved)
    console.print(rotation)
    times = Table(title="How long it took", title_justify="left")
    times.add_column("part")
    times.add_column("seconds", justify="right")
    for title, seconds in (*report.parts, ("in all", sum(seconds for _, seconds in report.parts))):
        times.add_row(title, f"{seconds:.1f}")
    console.print(times)


def _proof_table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("client", "seen", "proved"):
        table.add_column(heading)
    return table


def _word(*, holds: bool) -> str:
    return "[green]yes[/]" if holds else "[bold red]no[/]"
