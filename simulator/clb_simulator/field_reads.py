"""Find the request fields that an action's handler reads, in its source.

Pure: reads the simulator's own source through `inspect`. Used by `coverage` alone. A handler takes fields
from a `Params` by their names, itself or through functions that it mentions; so all names in the functions
that can be reached from it are collected.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from clb_simulator.params import Params

_PACKAGE: Final = "clb_simulator."
_PARAMS: Final = "params"
_READERS: Final = frozenset(
    {"text", "required_text", "integer", "required_integer", "flag", "texts", "integers", "part", "parts"}
)
_Function: TypeAlias = tuple[str, str]
"""A module's name and a function's."""


@dataclass(frozen=True, slots=True)
class FieldReads:
    """The names of fields that are read, and of those that are accepted without effect."""

    honoured: frozenset[str]
    ignored: frozenset[str]

    def __or__(self, other: "FieldReads") -> "FieldReads":
        return FieldReads(self.honoured | other.honoured, self.ignored | other.ignored)


def reads_of(handler: Callable[..., object]) -> FieldReads:
    """Return the fields that a handler and the functions that it reaches read."""
    found = FieldReads(frozenset(), frozenset())
    waiting: list[_Function] = [(handler.__module__, handler.__name__)]
    seen: set[_Function] = set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        module, name = function
        body = _functions(module)[name]
        found |= _reads_in(body)
        waiting.extend(_mentioned(module, body))
    return found


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


@cache
def _functions(module: str) -> Mapping[str, ast.FunctionDef]:
    return {node.name: node for node in _tree(module).body if isinstance(node, ast.FunctionDef)}


@cache
def _imports(module: str) -> Mapping[str, _Function]:
    """Return where each imported name of a module comes from, as a module and a name in it."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in _tree(module).body
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(_PACKAGE)
        for alias in node.names
    }


def _reads_in(function: ast.FunctionDef) -> FieldReads:
    honoured: set[str] = set()
    ignored: set[str] = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        names = [
            one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        method = node.func.attr if isinstance(node.func, ast.Attribute) else None
        if method == Params.ignore.__name__:
            ignored.update(names)
        elif method in _READERS:
            honoured.update(names[:1])
        elif any(isinstance(one, ast.Name) and one.id == _PARAMS for one in node.args):
            # A function of our own that is told which field to read.
            honoured.update(names)
    return FieldReads(frozenset(honoured), frozenset(ignored))


def _mentioned(module: str, function: ast.FunctionDef) -> Iterator[_Function]:
    local = _local_names(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id not in local:
            target = (module, node.id) if node.id in _functions(module) else _imports(module).get(node.id)
            if target is not None and _is_function(target):
                yield target
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            source = _imports(module).get(node.value.id)
            if source is not None and _is_function((".".join(source), node.attr)):
                yield (".".join(source), node.attr)


def _local_names(function: ast.FunctionDef) -> frozenset[str]:
    """Return parameters and variables, which may have the name of a function that is not meant."""
    nodes = list(ast.walk(function))
    assigned = {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return frozenset(assigned | {one.arg for one in nodes if isinstance(one, ast.arg)})


def _is_function(target: _Function) -> bool:
    module, name = target
    try:
        return name in _functions(module)
    except ModuleNotFoundError:
        return False
