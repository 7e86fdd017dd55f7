"""The plugin as a program: its help, its page, kubectl's rules about kubeconfigs, and the HTTP below."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from unit.fakes.plugin import FakeApi, run

from kubectl_mtls.errors import Refusal
from kubectl_mtls.http import PAGE_SIZE, connect
from kubectl_mtls.main import cli
from kubectl_mtls.reference import render_page
from kubectl_mtls.render import harmless, table
from mtls_operator import errors

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "kubectl-mtls.md"


def leaves(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", [(), *leaves(cli)], ids=lambda path: " ".join(path) or "kubectl mtls")
def test_every_help_has_an_example_that_the_command_takes(path: tuple[str, ...]) -> None:
    result = run(FakeApi(), *path, "--help")
    assert result.exit_code == 0
    examples = [line.split() for line in result.stdout.splitlines() if line.startswith("    kubectl mtls ")]
    assert examples
    for example in examples:
        # A missing object is status 1; what the command line does not know would be 2.
        assert run(FakeApi(), *example[2:]).exit_code == 1, example


def test_no_summary_is_cut_off() -> None:
    summaries = run(FakeApi(), "--help").stdout.partition("Commands:")[2]
    assert summaries
    assert "..." not in summaries


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run: python operator/plugin_reference.py"


@given(st.text())
def test_what_somebody_else_has_written_becomes_printable(text: str) -> None:
    assert harmless(text).isprintable()


def test_columns_line_up_with_wide_characters() -> None:
    lines = table(("A", "B"), [("支付", "x"), ("pay", "y")]).splitlines()
    assert lines == ["A      B", "支付   x", "pay    y"]


def kubeconfig(path: Path, name: str, server: str = "http://127.0.0.1:9", namespace: str = "") -> Path:
    where = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": where}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_the_contexts_namespace_counts(tmp_path: Path) -> None:
    assert (
        connect(str(kubeconfig(tmp_path / "one", "one", namespace="platform")), None).namespace == "platform"
    )
    assert connect(str(kubeconfig(tmp_path / "two", "two")), None).namespace == "default"


def test_files_of_the_variable_are_merged_and_a_context_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kubeconfig(tmp_path / "one", "one", namespace="first")
    two = kubeconfig(tmp_path / "two", "two", namespace="second")
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}")
    assert connect(None, "one").namespace == "first"
    assert connect(None, "two").namespace == "second"
    assert connect(str(two), None).namespace == "second"


def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{")
    for file, context in (
        (None, None),
        (str(broken), None),
        (str(kubeconfig(tmp_path / "one", "one")), "two"),
    ):
        with pytest.raises(Refusal, match=r"^no cluster: .*--kubeconfig"):
            connect(file, context)


def test_a_server_that_does_not_answer_is_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api = connect(str(kubeconfig(tmp_path / "one", "one")), None).api
    with pytest.raises(errors.KubeUnavailable, match=r"at http://127\.0\.0\.1:9 did not answer"):
        api.get("/api")
    assert not caplog.records


class _Server(BaseHTTPRequestHandler):
    """Serves 45 ConfigMaps in pages, and refuses whatever is written with the reason in its path."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        start, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        items = [{"number": number} for number in range(45)][start : start + limit]
        following = {"continue": str(start + limit)} if start + limit < 45 else {}
        self._answer(200, {"items": items, "metadata": following, "seen": query})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(409, {"reason": urlsplit(self.path).path[1:], "message": "a sentence"})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, {"type": self.headers["Content-Type"], "body": body, "path": self.path})

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_lists_are_read_in_pages_and_refusals_keep_their_meaning(tmp_path: Path) -> None:
    with serving() as address:
        api = connect(str(kubeconfig(tmp_path / "one", "one", address)), None).api
        assert [one["number"] for one in api.list("/api", "a=true")] == list(range(45))
        assert PAGE_SIZE < 45
        sent = api.merge("/x", {"data": {"gone": None, "kept": "1"}})
        assert sent["body"] == {"data": {"gone": None, "kept": "1"}}
        assert (sent["type"], sent["path"]) == (
            "application/merge-patch+json",
            "/x?fieldManager=kubectl-mtls",
        )
        for reason, kind in (
            ("AlreadyExists", errors.KubeAlreadyExists),
            ("Conflict", errors.KubeConflict),
            ("Forbidden", errors.KubeForbidden),
            ("Other", errors.KubeUnavailable),
        ):
            with pytest.raises(kind, match="refused: a sentence"):
                api.create(f"/{reason}", {})
