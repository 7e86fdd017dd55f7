"""Show the state as JSON, without private keys.

Pure. Used by the admin port.
"""

from typing import Any, Final

from pydantic import TypeAdapter

from clb_simulator.params import Json, Object
from clb_simulator.store import Store

_ADAPTER: Final = TypeAdapter[Any](Any)
_HIDDEN: Final = "(hidden)"


def dump_state(store: Store) -> Object:
    """Return every table with its rows; a load balancer's `vip` is the address that it listens on."""
    return {table.name: [_render(row) for row in table.all()] for table in store.tables()}


def _render(row: object) -> Json:
    rendered: Object = _ADAPTER.dump_python(row, mode="json")
    if rendered.get("key_pem") is not None:
        rendered["key_pem"] = _HIDDEN
    # A task keeps its request, which may carry a key inline.
    if "params" in rendered:
        rendered["params"] = _HIDDEN
    return rendered
