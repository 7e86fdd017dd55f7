"""Where the launcher keeps and finds things.

Reads the environment it is given; touches no file. Used by the rest of this package.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
GO_MODULE: Final = REPOSITORY / "devcluster" / "controlplane"
TOOLCHAIN_LOCK: Final = REPOSITORY / "requirements" / "toolchain.lock"
ENVIRONMENT_PROGRAMS: Final = Path(sys.prefix) / "bin"


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Return the folder for what is made once per machine.

    `${XDG_CACHE_HOME:-~/.cache}/clb-mtls-operator`; a relative XDG_CACHE_HOME is ignored, as the
    XDG base directory specification asks.
    """
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path(environment.get("HOME", Path.home())) / ".cache"
    return base / "clb-mtls-operator"
