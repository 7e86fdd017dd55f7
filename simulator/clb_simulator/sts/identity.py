"""GetCallerIdentity.

Pure.
"""

from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.params import Object, Params


def get_caller_identity(call: Call, _params: Params) -> Object:
    """GetCallerIdentity: the account that signed the request."""
    return {
        "Type": "CAMUser",
        "AccountId": call.uin,
        "UserId": call.uin,
        "PrincipalId": call.uin,
        "Arn": f"qcs::cam::uin/{call.uin}:uin/{call.uin}",
    }


ACTIONS: Final = {"GetCallerIdentity": Action(handler=get_caller_identity, kind=Kind.READ)}
