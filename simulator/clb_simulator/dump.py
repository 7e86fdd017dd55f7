"""Show the state as JSON, without private keys.

Pure. Used by the admin port.
"""

from typing import Any, Final

from pydantic import TypeAdapter

from clb_simulator.params import Json, Object
from clb_simulator.store import Store

_ADAPTER: Final = TypeAdapter[Any](Any)
_HIDDEN: Final = "(hidden)"
# A task keeps its request as `params`, which may carry a key inline.
_SECRETS: Final = frozenset({"key_pem", "params", "secret_key", "token"})


def dump_state(store: Store) -> Object:
    """Return every table with its rows; a load balancer's `vip` is the address that it listens on."""
    return {table.name: [_render(row) for row in table.all()] for table in store.tables()}


def _render(row: object) -> Json:
    rendered: Object = _ADAPTER.dump_python(row, mode="json")
    for name in _SECRETS & rendered.keys():
        if rendered[name] is not None:
            rendered[name] = _HIDDEN
    return rendered
