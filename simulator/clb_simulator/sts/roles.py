"""AssumeRole and AssumeRoleWithWebIdentity: temporary keys.

Pure over the store but for the random secrets. The second one is the only action that needs no signature:
its caller shows a token of an identity provider instead. Roles need not exist; what is checked is the form.
"""

import base64
import binascii
import json
import re
import secrets
from datetime import timedelta
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import ApiError
from clb_simulator.model import TemporaryKey
from clb_simulator.params import Json, Object, Params

_ROLE: Final = re.compile(r"qcs::cam::uin/(?P<uin>\d+):role(?:Name)?/(?P<name>[\w+=,.@/-]+)")
_SESSION: Final = re.compile(r"[\w+=,.@-]{2,128}", re.ASCII)
_DEFAULT_SECONDS: Final = 7200
_MAX_SECONDS: Final = 43200
_KEPT: Final = 1000
_JWT_PARTS: Final = 3


def assume_role(call: Call, params: Params) -> Object:
    """AssumeRole: a temporary key for a role of the caller's account."""
    uin, role = _role(params)
    if uin != call.uin:
        raise ApiError("ResourceNotFound.RoleNotFound", f"The account {call.uin} cannot assume {role}.")
    return _issue(call, params, uin, role)


def assume_role_with_web_identity(call: Call, params: Params) -> Object:
    """AssumeRoleWithWebIdentity: a temporary key for whoever shows a token that has not ended."""
    params.required_text("ProviderId")
    _check_token(call, params.required_text("WebIdentityToken"))
    return _issue(call, params, *_role(params))


def _role(params: Params) -> tuple[str, str]:
    arn = params.required_text("RoleArn")
    match = _ROLE.fullmatch(arn)
    if match is None:
        raise ApiError(
            "InvalidParameter.ParamError", f"RoleArn {arn} is not of the form qcs::cam::uin/…:roleName/…"
        )
    return match["uin"], match["name"]


def _issue(call: Call, params: Params, uin: str, role: str) -> Object:
    session = params.required_text("RoleSessionName")
    if not _SESSION.fullmatch(session):
        raise ApiError(
            "InvalidParameter.ParamError", "RoleSessionName has 2 to 128 letters, digits or =,.@_-"
        )
    asked = params.integer("DurationSeconds")
    seconds = _DEFAULT_SECONDS if asked is None else asked
    if not 1 <= seconds <= _MAX_SECONDS:
        raise ApiError("InvalidParameter.OverTimeError", f"DurationSeconds is 1 to {_MAX_SECONDS}.")
    issued = TemporaryKey(
        secret_id=f"AKID{secrets.token_hex(30)}",
        secret_key=secrets.token_hex(22),
        token=secrets.token_urlsafe(96),
        uin=uin,
        role=role,
        session_name=session,
        expires_at=call.now.replace(microsecond=0) + timedelta(seconds=seconds),
    )
    _forget_oldest(call)
    call.store.temporary_keys.put(issued.secret_id, issued)
    return {
        "Credentials": {
            "Token": issued.token,
            "TmpSecretId": issued.secret_id,
            "TmpSecretKey": issued.secret_key,
        },
        "ExpiredTime": int(issued.expires_at.timestamp()),
        "Expiration": f"{issued.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _forget_oldest(call: Call) -> None:
    """Make room: of the keys that have ended, the oldest go."""
    issued = call.store.temporary_keys.all()
    ended = [one for one in issued if one.expires_at <= call.now]
    for one in ended[: max(0, len(issued) + 1 - _KEPT)]:
        call.store.temporary_keys.remove(one.secret_id)


def _check_token(call: Call, token: str) -> None:
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        raise _bad_token("it is not a JSON Web Token")
    ends_at = _claims(parts[1]).get("exp")
    is_number = isinstance(ends_at, int | float) and not isinstance(ends_at, bool)
    if is_number and call.now.timestamp() >= float(str(ends_at)):
        raise _bad_token("it has expired")


def _claims(encoded: str) -> Object:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        claims: Json = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError, binascii.Error):
        raise _bad_token("its claims cannot be read") from None
    if not isinstance(claims, dict):
        raise _bad_token("its claims are no object")
    return claims


def _bad_token(reason: str) -> ApiError:
    return ApiError("InvalidParameter.WebIdentityTokenError", f"WebIdentityToken is refused: {reason}.")


ACTIONS: Final = {
    "AssumeRole": Action(handler=assume_role, kind=Kind.WRITE),
    "AssumeRoleWithWebIdentity": Action(handler=assume_role_with_web_identity, kind=Kind.WRITE),
}
