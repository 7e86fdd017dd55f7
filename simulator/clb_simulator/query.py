"""Read the parameters of a GET request: flattened names such as `Filters.0.Name`, every value a text.

Pure. The HTTP front calls it in the place of parsing a JSON body. Only the definition says which texts are
numbers; one that is none stays a text, so that the check of types refuses it as it would in JSON.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from clb_simulator.errors import ApiError
from clb_simulator.params import Json, Object
from clb_simulator.schema import FieldType, fields_of

_Value: TypeAlias = "str | dict[str, _Value]"
_Tree: TypeAlias = dict[str, _Value]
_MAX_PARAMETERS: Final = 5000
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_FLOAT: Final = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")
_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}
_READERS: Final[Mapping[str, Callable[[str], Json]]] = {
    "int": lambda text: int(text) if _INTEGER.fullmatch(text) else text,
    "float": lambda text: float(text) if _FLOAT.fullmatch(text) else text,
    "bool": lambda text: _BOOLEANS.get(text.lower(), text),
    "str": lambda text: text,
}


def read_query(service: str, action: str, query: str) -> Object:
    """Return the request's parameters as the JSON body of a POST would hold them.

    Raises:
        ApiError: InvalidParameter for a query that is malformed or contradicts itself.
    """
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:
        raise ApiError("InvalidParameter", "Url key and value should be splited by `=`.") from error
    tree: _Tree = {}
    for name, value in pairs:
        _plant(tree, name, value)
    return _read_object(service, f"{action}Request", tree)


def _plant(tree: _Tree, name: str, value: str) -> None:
    *path, last = name.split(".")
    for part in path:
        branch = tree.setdefault(part, {})
        if isinstance(branch, str):
            raise _contradiction(name)
        tree = branch
    if last in tree:
        raise _contradiction(name)
    tree[last] = value


def _read_object(service: str, class_name: str, tree: _Tree) -> Object:
    fields = fields_of(service, class_name)
    # An unknown name is kept, for the check of the definition to refuse it.
    return {
        name: _read_field(service, fields[name], value) if name in fields else ""
        for name, value in tree.items()
    }


def _read_field(service: str, field: FieldType, value: _Value) -> Json:
    if not field.is_list:
        return _read_value(service, field, value)
    if isinstance(value, str) or not all(index.isascii() and index.isdigit() for index in value):
        return ""
    return [_read_value(service, field, value[index]) for index in sorted(value, key=int)]


def _read_value(service: str, field: FieldType, value: _Value) -> Json:
    reader = _READERS.get(field.name)
    if isinstance(value, str):
        return reader(value) if reader else value
    return {} if reader else _read_object(service, field.name, value)


def _contradiction(name: str) -> ApiError:
    return ApiError("InvalidParameter", f"The parameter `{name}` is given in more than one way.")
