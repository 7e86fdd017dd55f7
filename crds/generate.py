# ruff: noqa: INP001 - a script, not a module of a package
"""Write the CustomResourceDefinitions beside this file, or check that they are fresh.

python crds/generate.py            writes them
python crds/generate.py --check    prints what would change and ends with 1 when anything would
"""

import argparse
import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from mtls_operator.api.crd import render_all

FOLDER = Path(__file__).resolve().parent


def stale(folder: Path, wanted: Mapping[str, str]) -> str:
    """Return the difference between the files of a folder and the wanted ones, empty when there is none."""
    names = sorted({*wanted, *(path.name for path in folder.glob("*.yaml"))})
    return "".join(_difference(folder / name, wanted.get(name, "")) for name in names)


def _difference(path: Path, wanted: str) -> str:
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), wanted.splitlines(keepends=True), f"crds/{path.name}", "generated"
    )
    return "".join(lines)


def write(folder: Path, wanted: Mapping[str, str]) -> None:
    """Write the files, and remove those of kinds that are no more."""
    for path in folder.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Generate the CustomResourceDefinitions from the types.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    wanted = render_all()
    if not parser.parse_args().check:
        write(FOLDER, wanted)
        return 0
    difference = stale(FOLDER, wanted)
    if not difference:
        return 0
    sys.stdout.write(difference)
    sys.stderr.write("crds/ is stale. Run: python crds/generate.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
