"""DescribeAddresses: elastic addresses, of which the simulated account has none.

Pure. Clients ask it around a load balancer, to tell a VIP from an elastic address.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import ApiError, invalid_value, too_long
from clb_simulator.params import Object, Params

_MAX_LIMIT: Final = 100
_DEFAULT_LIMIT: Final = 20
_FILTERS: Final = 10


def describe_addresses(_call: Call, params: Params) -> Object:
    """DescribeAddresses: an empty list, or a refusal for an id, since no address exists."""
    identifiers, filters = params.texts("AddressIds"), params.parts("Filters")
    limit = _DEFAULT_LIMIT if (asked := params.integer("Limit")) is None else asked
    if not 1 <= limit <= _MAX_LIMIT or (params.integer("Offset") or 0) < 0:
        raise invalid_value("Limit", f"1 to {_MAX_LIMIT}, and an Offset of 0 or more, are expected.")
    if len(filters) > _FILTERS:
        raise too_long("Filters", _FILTERS + 1)
    for one in filters:
        one.required_text("Name")
        one.texts("Values")
    if identifiers:
        raise ApiError("InvalidAddressId.NotFound", f"The address {identifiers[0]} does not exist.")
    return {"TotalCount": 0, "AddressSet": []}


ACTIONS: Final = {"DescribeAddresses": Action(handler=describe_addresses, kind=Kind.READ)}
