"""The folder that nginx lives in: configuration, certificates, keys, log and temporary files.

Writes files. Used by `NginxPublisher` alone; nothing outside the folder is touched.
"""

import os
from pathlib import Path

from clb_simulator.dataplane.model import DataPlaneError
from clb_simulator.dataplane.nginx_config import CONTROL_SOCKET
from clb_simulator.dataplane.nginx_files import FOLDER

_LONGEST_SOCKET_PATH = 100  # A UNIX socket's address has room for 107 bytes.


class NginxDirectory:
    """The files of one nginx."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.configuration = self.path / "nginx.conf"
        self.control_socket = self.path / CONTROL_SOCKET
        self.error_log = self.path / "error.log"

    def prepare(self) -> None:
        """Make the folder, for this user alone, and remove what an nginx that was killed left in it.

        Raises:
            DataPlaneError: if its path is too long for a UNIX socket.
        """
        if len(os.fsencode(self.control_socket)) > _LONGEST_SOCKET_PATH:
            raise DataPlaneError(f"{self.path} is too long a path for a UNIX socket; choose a shorter one.")
        for folder in (self.path, self.path / FOLDER, self.path / "temp"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for socket in self.path.glob("*.sock"):
            socket.unlink()
        self.keep_only(frozenset())
        self.error_log.write_text("")

    def write_files(self, files: dict[str, str]) -> None:
        """Write the certificates and keys that the next configuration refers to."""
        for name, content in files.items():
            path = self.path / FOLDER / name
            if not path.exists():
                _write_private(path, content)

    def write_configuration(self, configuration: str) -> None:
        """Write the configuration that the next reload reads."""
        _write_private(self.configuration, configuration)

    def keep_only(self, names: frozenset[str]) -> None:
        """Remove certificates and keys that no configuration refers to any more."""
        for path in (self.path / FOLDER).iterdir():
            if path.name not in names:
                path.unlink()

    def errors_since(self, offset: int) -> list[str]:
        """Return the lines of the error log after an offset in bytes."""
        with self.error_log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace").splitlines()

    def error_offset(self) -> int:
        """Return where the next line of the error log begins."""
        return self.error_log.stat().st_size


def _write_private(path: Path, content: str) -> None:
    # A crash must not leave half a file under a name that promises its content.
    partial = path.with_suffix(f"{path.suffix}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    partial.replace(path)
