"""deploy/Dockerfile builds what it says, shown by running its own lines in a folder.

There is no container here: each stage is a folder, `python` is the one that runs the tests, and
/opt/operator, where everything is made, is that folder. Needs the package index, as `make` does.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import mtls_operator

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
PREFIX = "/opt/operator"


@dataclass
class Stage:
    """What the instructions of one FROM have made so far."""

    root: Path
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        return text.replace(PREFIX, str(self.root))

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command with the stage's environment; `python` is found unless the stage has one."""
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        # The machine's settings say where the index is; what is to do without it does without them.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "SSL_")) and not any("--no-index" in word for word in command)
        }
        own = {name: value.replace("$PATH", path) for name, value in self.environment.items()}
        environment = {**kept, "PATH": path, **own}
        program = shutil.which(command[0], path=environment["PATH"])
        assert program is not None, command[0]
        return subprocess.run(
            [program, *command[1:]],
            env=environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def _instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest


def _is_in_the_context(path: Path) -> bool:
    """Whether .dockerignore lets a file of the repository through; its last matching line decides."""
    relative, kept = path.relative_to(REPOSITORY), True
    parents = [relative, *relative.parents][:-1]
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        names = [each.name if line.startswith("**/") else str(each) for each in parents]
        if line and not line.startswith("#") and any(fnmatch.fnmatch(name, pattern) for name in names):
            kept = line.startswith("!")
    return kept


def _copy_from_context(source: Path, target: Path) -> None:
    files = [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    sent = [file for file in files if _is_in_the_context(file)]
    assert sent, f".dockerignore keeps {source.relative_to(REPOSITORY)} out"
    for file in sent:
        place = target if file == source else target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)


def _replay(directory: Path) -> Stage:
    """Follow the Dockerfile; return its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(directory)
    for name, rest in _instructions():
        words = shlex.split(rest)
        if name == "FROM":
            label = words[-1] if "AS" in words else "final"
            stage = stages[label] = Stage(directory / label)
            stage.root.mkdir()
        elif name == "COPY" and words[0].startswith("--from="):
            other = stages[words[0].removeprefix("--from=")]
            _copy_between(Path(other.here(words[1])), Path(stage.here(words[2])))
        elif name == "COPY":
            _copy_from_context(REPOSITORY / words[0], Path(stage.here(words[1])))
        elif name == "RUN":
            done = stage.run(["sh", "-c", stage.here(rest)])
            assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"
        elif name == "ENV":
            stage.environment |= dict(stage.here(word).split("=", 1) for word in words)
        elif name == "USER":
            stage.user = rest
        elif name == "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        else:
            assert name in {"ARG", "LABEL", "EXPOSE"}, f"the replay does not know {name}"
    return stage


def _copy_between(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return _replay(tmp_path_factory.mktemp("image"))


def test_the_entry_point_is_the_operator(image: Stage) -> None:
    done = image.run([*image.entrypoint, "--version"])
    assert (done.returncode, done.stdout.strip()) == (0, mtls_operator.__version__), done.stderr


def test_it_runs_from_its_own_environment_alone(image: Stage) -> None:
    shown = "import kopf, mtls_operator, sys; print(kopf.__file__, mtls_operator.__file__, sys.path)"
    done = image.run(["python", "-c", shown])
    assert done.returncode == 0, done.stderr
    assert str(image.root / "venv") in done.stdout
    assert str(image.root / "app") in done.stdout
    assert str(REPOSITORY) not in done.stdout


@pytest.mark.parametrize("module", ["clb_simulator", "mtls_devcluster", "pytest", "pip"])
def test_no_development_tool_is_in_it(image: Stage, module: str) -> None:
    done = image.run(["python", "-c", f"import {module}"])
    assert f"No module named '{module}'" in done.stderr


def test_a_start_writes_nothing(image: Stage) -> None:
    """The root file system is read-only: what a start needs has been compiled before."""
    before = {path for path in image.root.rglob("*") if path.is_file()}
    image.run([*image.entrypoint, "--version"])
    assert {path for path in image.root.rglob("*") if path.is_file()} == before
    assert any(path.parent.name == "__pycache__" and path.name.startswith("main.") for path in before)


def test_the_user_is_a_number_and_not_root(image: Stage) -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", image.user)


def test_the_user_has_a_home_and_a_name_without_being_known_to_the_system(image: Stage) -> None:
    """kubernetes.aio asks for the home when it is imported, kopf for the name when it starts."""
    unknown = "import os, pathlib, pwd, getpass; pwd.getpwuid = lambda uid: {}[uid]; "
    done = image.run(["python", "-c", unknown + "print(pathlib.Path.home(), getpass.getuser())"])
    assert done.stdout.split() == [str(image.root), "operator"], done.stderr


def test_nothing_but_the_operator_reaches_the_build() -> None:
    assert _is_in_the_context(REPOSITORY / "operator" / "mtls_operator" / "main.py")
    for kept_out in (".git/config", ".venv/bin/python", ".dev/env", "simulator/clb_simulator/api.py"):
        assert not _is_in_the_context(REPOSITORY / kept_out), kept_out
    assert not _is_in_the_context(REPOSITORY / "operator/mtls_operator/__pycache__/main.cpython-311.pyc")
