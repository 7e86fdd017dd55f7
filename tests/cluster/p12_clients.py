"""Clients that know nothing but client.p12: curl with OpenSSL, and NSS as in Firefox.

Starts curl, pk12util and tstclnt. Which certificates are sent with the leaf is decided by these programs.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cluster.doors import Doors

from mtls_devcluster.curl import Site
from mtls_devcluster.traffic import Mount, SecretData

NSS_PROGRAMS: Final = ("certutil", "pk12util", "tstclnt")
SERVED: Final = re.compile(r"\brs-\d+\b")
_SECONDS: Final = "10"


def missing_nss() -> list[str]:
    """Return the programs of NSS that are not there; Debian has them in libnss3-tools."""
    return [name for name in NSS_PROGRAMS if shutil.which(name) is None]


class Pkcs12Curl:
    """curl, which takes up the client.p12 that is mounted.

    By HTTP/1.1: when nginx takes up a change, it ends an HTTP/2 connection that has not begun its first
    request with a GOAWAY that says so. A browser asks again then, and some versions of curl do not.
    """

    def __init__(self, mount: Mount, folder: Path) -> None:
        self._mount = mount
        self._folder = folder
        self._known: SecretData = {}

    def __call__(self, site: Site) -> str:
        """Ask once; return an empty string when a real server answered."""
        data = self._mount.data
        if data != self._known:
            (self._folder / "client.p12").write_bytes(data["client.p12"])
            (self._folder / "ca.crt").write_bytes(data["ca.crt"])
            self._known = data
        certificate = f"client.p12:{data['client.p12-password'].decode()}"
        line = (
            *("curl", "--silent", "--show-error", "--max-time", _SECONDS, "--noproxy", "*", "--http1.1"),
            *("--cert", certificate, "--cert-type", "P12", "--cacert", "ca.crt"),
            *("--resolve", f"{site.domain}:{site.port}:{site.address}", site.url),
        )
        run = subprocess.run(line, capture_output=True, text=True, check=False, cwd=self._folder)
        return "" if SERVED.search(run.stdout) else run.stderr.strip() or run.stdout


def nss_problems(doors: Doors, folder: Path) -> list[str]:
    """Import client.p12 into an empty database and ask at every door; return what was not served."""
    folder.mkdir()
    data, database = doors.data(), f"sql:{folder}"
    (folder / "client.p12").write_bytes(data["client.p12"])
    _run("certutil", "-N", "-d", database, "--empty-password")
    _run(
        *("pk12util", "-i", folder / "client.p12", "-d", database),
        *("-W", data["client.p12-password"].decode()),
    )
    (nickname,) = [
        line.rsplit(maxsplit=1)[0].strip()
        for line in _run("certutil", "-L", "-d", database).splitlines()
        if line.endswith("u,u,u")
    ]
    answers = {site: _ask(site, nickname, database, folder) for site in doors.sites}
    return [f"{site.url}: {answer}" for site, answer in answers.items() if not SERVED.search(answer)]


def _ask(site: Site, nickname: str, database: str, folder: Path) -> str:
    """Ask once; the server's certificate is not this client's matter (-o)."""
    request = folder / "request"
    request.write_text(f"GET / HTTP/1.1\r\nHost: {site.domain}:{site.port}\r\nConnection: close\r\n\r\n")
    line = (
        *("tstclnt", "-h", site.address, "-p", str(site.port), "-a", site.domain, "-o"),
        *("-d", database, "-n", nickname, "-A", request),
    )
    run = subprocess.run(line, capture_output=True, text=True, check=False, timeout=20)
    return run.stdout + run.stderr


def _run(*command: str | Path) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
