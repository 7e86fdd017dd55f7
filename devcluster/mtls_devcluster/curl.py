"""Step 8 of the guide: the guide's own curl line, and what its answer means.

Starts curl. Used by `demo` and the cluster tests.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mtls_devcluster.client_files import ClientFiles

_SECONDS: Final = "10"
_SERVER: Final = re.compile(r"\brs-\d+\b")
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A domain of a listener and where it is really found."""

    domain: str
    port: int
    address: str

    @property
    def url(self) -> str:
        """What goes into curl or a browser."""
        return f"https://{self.domain}:{self.port}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status; 0 when there was no answer, as after a TLS alert.
        server: The real server that answered, None when none did.
        complaint: The last line of what curl or the load balancer had to say.
    """

    status: int
    server: str | None
    complaint: str

    @property
    def is_served(self) -> bool:
        """Whether a real server answered."""
        return self.status == _OK and self.server is not None

    @property
    def is_refused(self) -> bool:
        """Whether the load balancer itself turned the client away; a real server saw nothing."""
        return self.server is None and not 200 <= self.status < 400  # noqa: PLR2004 - HTTP's classes


def curl_line(site: Site, *, client: ClientFiles | None, trust: ClientFiles) -> list[str]:
    """Return the guide's command: `curl --cert client.crt --key client.key --cacert ca.crt https://…`.

    Args:
        site: What is asked for.
        client: Whose certificate is presented; None presents none.
        trust: Whose ca.crt verifies the server.
    """
    certificate = []
    if client is not None:
        certificate = [
            "--cert",
            str(client.folder / "client.crt"),
            "--key",
            str(client.folder / "client.key"),
        ]
    return ["curl", *certificate, "--cacert", str(trust.folder / "ca.crt"), site.url]


def ask(site: Site, *, client: ClientFiles | None, trust: ClientFiles) -> Answer:
    """Run the guide's command and return what came back.

    What is added is only what a name server would do (`--resolve`) and what shows the answer.
    """
    shown = ["--silent", "--show-error", "--max-time", _SECONDS, "--write-out", "\n%{http_code}"]
    resolve = ["--noproxy", "*", "--resolve", f"{site.domain}:{site.port}:{site.address}"]
    line = [*curl_line(site, client=client, trust=trust), *resolve, *shown]
    run = subprocess.run(line, capture_output=True, text=True, check=False, cwd=Path.home().anchor)
    body, _, code = run.stdout.rpartition("\n")
    status = int(code) if code.isdecimal() else 0
    found = _SERVER.search(body) if status == _OK else None
    return Answer(
        status=status, server=found.group() if found else None, complaint=_complaint(run.stderr, body)
    )


def _complaint(errors: str, body: str) -> str:
    lines = errors.strip().splitlines() or body.strip().splitlines() or [""]
    title = re.search(r"<title>(?:\d+ )?(.*?)</title>", body)
    return title.group(1) if title else lines[-1]
