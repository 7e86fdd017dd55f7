"""Check requests and fill replies by the definitions in the official SDK.

Pure. The SDK's model classes document every field and its type in the docstring of their constructor;
nothing else in the package says so at run time. The HTTP front calls `check_request` before an action runs
and `fill_reply` after it, so that no field a client dereferences is missing from a reply.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

from clb_simulator import required_fields
from clb_simulator.errors import ApiError, missing_parameter, unknown_parameter, wrong_type
from clb_simulator.params import Json, Object, Params

_FIELD_TYPE: Final = re.compile(r":type (\w+): (.+)")
_CLASS_TYPE: Final = re.compile(r":class:`[\w.]*\.(\w+)`")
_LIST_PREFIX: Final = "list of "
_JSON_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
}
_TYPE_NAMES: Final = {"str": "string", "int": "integer", "bool": "boolean", "float": "float"}


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the cloud: its API version and where the SDK defines it."""

    service: str
    version: str
    models_module: str
    required: Mapping[str, tuple[str, ...]]
    needs_region: bool = False


PRODUCTS: Final[Mapping[str, Product]] = {
    "clb": Product("clb", "2018-03-17", "tencentcloud.clb.v20180317.models", required_fields.CLB, True),  # noqa: FBT003
    "ssl": Product("ssl", "2019-12-05", "tencentcloud.ssl.v20191205.models", required_fields.SSL),
    "sts": Product("sts", "2018-08-13", "tencentcloud.sts.v20180813.models", required_fields.STS),
    "tag": Product("tag", "2018-08-13", "tencentcloud.tag.v20180813.models", required_fields.TAG),
    "vpc": Product("vpc", "2017-03-12", "tencentcloud.vpc.v20170312.models", required_fields.VPC, True),  # noqa: FBT003
}


@dataclass(frozen=True, slots=True)
class FieldType:
    """The documented type of a field: a JSON type's name or a class's, once or as a list."""

    name: str
    is_list: bool

    @property
    def is_class(self) -> bool:
        """Whether it is an object with fields of its own."""
        return self.name not in _JSON_TYPES


def is_defined(service: str, action: str) -> bool:
    """Tell whether the product has the action at all, simulated or not."""
    return hasattr(_models(service), f"{action}Request")


def defined_actions(service: str) -> frozenset[str]:
    """Return the names of all actions of a product."""
    names = (name.removesuffix("Request") for name in vars(_models(service)) if name.endswith("Request"))
    return frozenset(name for name in names if name and hasattr(_models(service), f"{name}Response"))


def check_request(service: str, action: str, body: Json) -> Params:
    """Check a request body against the definition of its action.

    Raises:
        ApiError: UnknownParameter, MissingParameter or InvalidParameter, naming the field by its path.
    """
    if not isinstance(body, dict):
        raise ApiError("InvalidParameter", "The request body is not a JSON object.")
    _check_object(service, f"{action}Request", body, "")
    return Params(body)


def fill_reply(service: str, action: str, reply: Object) -> Object:
    """Add every field that the definition has and the reply lacks, as null.

    Raises:
        KeyError: if the reply has a field that the definition lacks, which is a defect of the simulator.
    """
    return _fill(service, f"{action}Response", reply)


def _check_object(service: str, class_name: str, values: Mapping[str, Json], path: str) -> None:
    fields = fields_of(service, class_name)
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            raise unknown_parameter(f"{path}{name}")
        if value is not None:
            _check_field(service, field, value, f"{path}{name}")
    for name in PRODUCTS[service].required.get(class_name, ()):
        if values.get(name) is None:
            raise missing_parameter(f"{path}{name}")


def _check_field(service: str, field: FieldType, value: Json, path: str) -> None:
    if not field.is_list:
        _check_value(service, field.name, value, path)
        return
    if not isinstance(value, list):
        raise wrong_type(path, "list")
    for index, item in enumerate(value):
        _check_value(service, field.name, item, f"{path}.{index}")


def _check_value(service: str, type_name: str, value: Json, path: str) -> None:
    expected = _JSON_TYPES.get(type_name)
    if expected is None:
        if not isinstance(value, dict):
            raise wrong_type(path, "object")
        _check_object(service, type_name, value, f"{path}.")
        return
    # bool is a subclass of int in Python, and not in JSON.
    is_misplaced_bool = isinstance(value, bool) and type_name != "bool"
    if is_misplaced_bool or not isinstance(value, expected):
        raise wrong_type(path, _TYPE_NAMES[type_name])
    if isinstance(value, str) and not value.isprintable() and _has_lone_surrogate(value):
        raise ApiError("InvalidParameter.FormatError", f"The parameter `{path}` is not valid Unicode.")


def _has_lone_surrogate(text: str) -> bool:
    # JSON can spell half of a character, which neither the state file nor a reply can hold.
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _fill(service: str, class_name: str, values: Object) -> Object:
    fields = fields_of(service, class_name)
    unknown = values.keys() - fields.keys()
    if unknown:
        raise KeyError(f"{class_name} has no field {sorted(unknown)}")
    return {name: _fill_value(service, field, values.get(name)) for name, field in fields.items()}


def _fill_value(service: str, field: FieldType, value: Json) -> Json:
    if isinstance(value, dict):
        return _fill(service, field.name, value)
    if isinstance(value, list):
        return [_fill(service, field.name, item) if isinstance(item, dict) else item for item in value]
    return value


@cache
def fields_of(service: str, class_name: str) -> Mapping[str, FieldType]:
    """Return the fields of one of the SDK's classes, in its order."""
    model = getattr(_models(service), class_name)
    documented = _FIELD_TYPE.findall(model.__init__.__doc__ or "")
    return {name: _parse_type(text.strip()) for name, text in documented}


def _parse_type(text: str) -> FieldType:
    is_list = text.startswith(_LIST_PREFIX)
    name = text.removeprefix(_LIST_PREFIX)
    class_match = _CLASS_TYPE.match(name)
    if class_match:
        name = class_match.group(1)
    # The SDK writes unsigned integers as "int non-negative".
    return FieldType(name=name.split()[0], is_list=is_list)


@cache
def _models(service: str) -> ModuleType:
    return importlib.import_module(PRODUCTS[service].models_module)
