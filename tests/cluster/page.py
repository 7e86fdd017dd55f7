"""Run a page of docs/ as its reader would, and compare what it prints with what the page says.

    ```sh            run, in one shell with every other block of the page
    ```sh refused    the same, in a shell inside it: the block's last command has to fail
    ```text          lines that the block before prints, in this order; `…` stands for anything

Starts bash. Used by the tests of docs/how-to/.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS: Final = 120
_MARK: Final = "-- end of block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A command block, and the lines that the page says it prints."""

    script: str
    is_refused: bool
    printed: tuple[str, ...] = ()


def blocks(page: Path) -> list[Block]:
    """Return the command blocks of a page."""
    found: list[Block] = []
    for language, mark, body in _BLOCK.findall(page.read_text()):
        if language == "sh":
            found.append(Block(script=body, is_refused=mark == "refused"))
        elif language == "text":
            last = found.pop()
            found.append(
                Block(script=last.script, is_refused=last.is_refused, printed=tuple(body.splitlines()))
            )
    return found


def run(page: Path, directory: Path, environment: Mapping[str, str]) -> None:
    """Run a page's blocks in a folder; fails where one fails or prints something else."""
    wanted = blocks(page)
    done = subprocess.run(
        ["bash", "-c", _session(wanted)],
        cwd=directory,
        env={**environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    outputs = done.stdout.split(f"{_MARK}\n")
    said = [f"$ {block.script}{output}" for block, output in zip(wanted, outputs, strict=False)]
    assert done.returncode == 0, "".join(said[-2:])
    for block, output in zip(wanted, outputs, strict=False):
        missing = list(_missing(block.printed, output.splitlines()))
        assert missing == [], f"{page.name} prints something else:\n$ {block.script}{output}"


def _session(wanted: list[Block]) -> str:
    parts = [_refused(block.script) if block.is_refused else block.script for block in wanted]
    return "set -euo pipefail\n" + "".join(f"{part}echo '{_MARK}'\n" for part in parts)


def _refused(script: str) -> str:
    # errexit does not count within the condition of an `if`, so the shell inside is another program.
    inner = f"bash -euo pipefail <<'REFUSED'\n{script}REFUSED\n"
    return f"if {inner}then echo 'this was not refused' && exit 1; fi\n"


def _missing(wanted: tuple[str, ...], printed: list[str]) -> Iterator[str]:
    """Yield the lines that are not found, each looked for behind the one before."""
    at = 0
    for line in wanted:
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")).replace(r"\ ", " +"))
        found = next((n for n in range(at, len(printed)) if pattern.fullmatch(printed[n])), None)
        if found is None:
            yield line
        else:
            at = found + 1


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield where each link of a page leads inside the repository: as written, the file, the heading."""
    for target in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        yield target, (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """Return the names by which a page's headings can be linked to."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in found}


def rows(page: Path, *columns: str) -> list[tuple[str, ...]]:
    """Return the rows of the table with these columns, without the marks of code around a cell."""
    lines = page.read_text().splitlines()
    first = lines.index(f"| {' | '.join(columns)} |") + 2
    table = takewhile(lambda line: line.startswith("|"), lines[first:])
    return [tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in table]
