"""The generated CRDs are structural, documented, and the checked-in files are what the types say."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mtls_operator.api.crd import RESOURCES, definition, render_all
from mtls_operator.api.resource import Resource
from mtls_operator.api.rules import RULES
from mtls_operator.api.schema import Schema

FOLDER = Path(__file__).parents[2] / "crds"

every_kind = pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: str(r.kind))


def object_schema(resource: type[Resource]) -> Schema:
    schema: Schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every schema below and including one, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for below, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if below in schema:
            yield from nodes(schema[below], path + mark)


@every_kind
def test_the_schema_is_structural(resource: type[Resource]) -> None:
    for path, node in nodes(object_schema(resource)):
        assert node.get("x-kubernetes-int-or-string") or "type" in node, path
        assert not node.keys() & {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "nullable"}, path


@every_kind
def test_every_field_has_a_description(resource: type[Resource]) -> None:
    for path, node in nodes(object_schema(resource)):
        if path.endswith(("[]", "{}")) or path == ".metadata":
            continue
        assert re.search(r"[.)]$", node.get("description", "")), path


@every_kind
def test_every_default_is_told(resource: type[Resource]) -> None:
    for path, node in nodes(object_schema(resource)):
        if "default" in node and not isinstance(node["default"], dict):
            assert "Default: " in node["description"], path


@every_kind
def test_no_default_is_empty_or_null(resource: type[Resource]) -> None:
    for path, node in nodes(object_schema(resource)):
        assert node.get("default", "something") not in (None, {}, [], ""), path


@every_kind
def test_every_rule_has_a_sentence(resource: type[Resource]) -> None:
    rules = [(path, rule) for path, node in nodes(object_schema(resource)) for rule in node.get(RULES, ())]
    assert rules
    for path, rule in rules:
        assert len(rule["message"].split()) > 2, path


@every_kind
def test_whatever_can_repeat_has_a_limit_in_the_spec(resource: type[Resource]) -> None:
    limits = {"array": "maxItems", "object": "maxProperties"}
    for path, node in nodes(object_schema(resource)["properties"]["spec"]):
        if node.get("type") == "array" or "additionalProperties" in node:
            assert limits[node["type"]] in node, path


@every_kind
def test_a_domains_settings_have_no_defaults(resource: type[Resource]) -> None:
    for path, node in nodes(object_schema(resource)):
        if ".domains[].tls" in path:
            assert "default" not in node, path


def test_the_rule_of_a_field_that_is_absent_by_default_stands_on_its_parent() -> None:
    for resource in RESOURCES:
        for path, node in nodes(object_schema(resource)):
            for rule in node.get(RULES, ()):
                if "oldSelf" in rule["rule"]:
                    assert node["type"] == "object", path
                    assert rule["fieldPath"], path


def test_the_names_are_those_of_the_contract() -> None:
    seen = {
        (n["kind"], n["plural"], n["singular"], tuple(n["shortNames"]), tuple(n["categories"]))
        for n in (definition(r)["spec"]["names"] for r in RESOURCES)
    }
    assert seen == {
        ("CertificateAuthority", "certificateauthorities", "certificateauthority", ("ca",), ("mtls",)),
        ("ClientCert", "clientcerts", "clientcert", ("ccert",), ("mtls",)),
        ("MutualTLSListener", "mutualtlslisteners", "mutualtlslistener", ("mtl",), ("mtls",)),
    }


def test_the_checked_in_files_are_fresh() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")}
    assert on_disk == render_all(), "run: python crds/generate.py"


def test_the_yaml_says_what_the_definition_says() -> None:
    for resource, text in zip(RESOURCES, render_all().values(), strict=True):
        assert yaml.safe_load(text) == definition(resource)
        assert "&id" not in text


def test_overlays_get_every_file() -> None:
    listed = yaml.safe_load((FOLDER / "Kustomization").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted(render_all())


def run_generator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = shutil.copy(FOLDER / "generate.py", folder)
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_the_check_passes_on_what_was_just_written(tmp_path: Path) -> None:
    assert run_generator(tmp_path).returncode == 0
    checked = run_generator(tmp_path, "--check")
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_check_fails_with_the_difference(tmp_path: Path) -> None:
    run_generator(tmp_path)
    edited = tmp_path / next(iter(render_all()))
    edited.write_text(edited.read_text().replace("Namespaced", "Cluster"), encoding="utf-8")
    checked = run_generator(tmp_path, "--check")
    assert checked.returncode == 1
    assert "-  scope: Cluster\n+  scope: Namespaced\n" in checked.stdout
    assert "python crds/generate.py" in checked.stderr


def test_the_check_finds_a_file_that_is_no_more(tmp_path: Path) -> None:
    run_generator(tmp_path)
    (tmp_path / "old.yaml").write_text("kind: Old\n", encoding="utf-8")
    assert run_generator(tmp_path, "--check").returncode == 1
    run_generator(tmp_path)
    assert not (tmp_path / "old.yaml").exists()
