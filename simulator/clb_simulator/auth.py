"""Verify TC3-HMAC-SHA256 signatures the way clients make them.

Pure: the caller passes the request as it arrived and the present time. Called by the HTTP front for every
request. The signature is computed over the raw body and the Host header byte for byte, since clients put
the port, and some of them the scheme, into Host and sign that.
"""

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from clb_simulator.errors import ApiError, missing_parameter, secret_id_not_found, signature_failure

ALGORITHM: Final = "TC3-HMAC-SHA256"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
MAX_SKEW: Final = dt.timedelta(seconds=300)
_TERMINATOR: Final = "tc3_request"
_AUTHORIZATION: Final = re.compile(
    r"TC3-HMAC-SHA256\s+Credential=(?P<id>[^/,\s]+)/(?P<date>\d{4}-\d{2}-\d{2})/(?P<service>[a-z0-9]+)/tc3_request,"
    r"\s*SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One API key. A temporary one has a session token and an end."""

    secret_id: str
    secret_key: str = field(repr=False)
    uin: str
    token: str | None = field(default=None, repr=False)
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it arrived. Header names are lower-case, values are untouched."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an Authorization header claims."""

    secret_id: str
    date: str
    service: str
    signed_headers: str
    signature: str


class Keys(Protocol):
    """Where keys are found."""

    def get(self, secret_id: str) -> SecretKey | None:
        """Return the key with this id, or None."""


UNSIGNED: Final = Scope("", "", "sts", "", "")
"""What a request claims that needs no signature."""
_UNSIGNED_ACTION: Final = "AssumeRoleWithWebIdentity"
_NOBODY: Final = SecretKey("", "", "")


def parse_authorization(headers: Mapping[str, str]) -> Scope:
    """Read the Authorization header of a request; `SKIP` is legal for exactly one action.

    Raises:
        ApiError: MissingParameter without one, AuthFailure.InvalidAuthorization for another form.
    """
    value = headers.get("authorization")
    if not value:
        raise missing_parameter("Authorization")
    if value == "SKIP" and headers.get("x-tc-action") == _UNSIGNED_ACTION:
        return UNSIGNED
    match = _AUTHORIZATION.fullmatch(value.strip())
    if match is None:
        raise ApiError(
            "AuthFailure.InvalidAuthorization", "The Authorization header is not of the TC3-HMAC-SHA256 form."
        )
    return Scope(match["id"], match["date"], match["service"], match["headers"], match["signature"])


def authenticate(
    request: SignedRequest, scope: Scope, *, service: str, keys: Keys, now: dt.datetime
) -> SecretKey:
    """Return the key that signed the request for `service`; nobody's for one that needs no signature.

    Raises:
        ApiError: of the AuthFailure family, as documented for each cause.
    """
    timestamp = _timestamp(request.headers.get("x-tc-timestamp"))
    if abs(now - timestamp) > MAX_SKEW:
        raise ApiError(
            "AuthFailure.SignatureExpire",
            "Signature expired. Timestamp and server time differ by more than five minutes.",
        )
    if scope is UNSIGNED and service == UNSIGNED.service:
        return _NOBODY
    key = keys.get(scope.secret_id)
    if key is None:
        raise secret_id_not_found()
    _check_token(key, request.headers.get("x-tc-token"), now)
    in_scope = scope.date == timestamp.strftime("%Y-%m-%d") and scope.service == service
    expected = sign(request, scope, key.secret_key)
    if not in_scope or not hmac.compare_digest(expected, scope.signature):
        raise signature_failure()
    return key


def sign(request: SignedRequest, scope: Scope, secret_key: str) -> str:
    """Return the signature that the request should carry, in lower-case hex.

    Raises:
        ApiError: AuthFailure.InvalidAuthorization if a signed header is absent or host is not signed.
    """
    timestamp = request.headers.get("x-tc-timestamp", "")
    credential_scope = f"{scope.date}/{scope.service}/{_TERMINATOR}"
    digest = hashlib.sha256(_canonical_request(request, scope).encode()).hexdigest()
    string_to_sign = f"{ALGORITHM}\n{timestamp}\n{credential_scope}\n{digest}"
    signing_key = f"TC3{secret_key}".encode()
    for part in (scope.date, scope.service, _TERMINATOR):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    return hmac.new(signing_key, string_to_sign.encode(), "sha256").hexdigest()


def _canonical_request(request: SignedRequest, scope: Scope) -> str:
    names = scope.signed_headers.split(";")
    if not {"host", "content-type"} <= set(names) or any(name not in request.headers for name in names):
        raise ApiError(
            "AuthFailure.InvalidAuthorization", "SignedHeaders must name content-type, host and sent headers."
        )
    block = "".join(f"{name}:{_canonical_value(name, request.headers[name])}\n" for name in names)
    is_unsigned = request.headers.get("x-tc-content-sha256") == UNSIGNED_PAYLOAD
    payload = UNSIGNED_PAYLOAD.encode() if is_unsigned else request.body
    digest = hashlib.sha256(payload).hexdigest()
    return f"{request.method}\n/\n{request.query}\n{block}\n{scope.signed_headers}\n{digest}"


def _canonical_value(name: str, value: str) -> str:
    # The documented form lower-cases values; content-type and host are signed as sent by every client, and
    # only further headers, as in the documents' sample with x-tc-action, are lower-cased there.
    return value if name in {"content-type", "host"} else value.strip().lower()


def _timestamp(value: str | None) -> dt.datetime:
    if not value:
        raise missing_parameter("Timestamp")
    if not re.fullmatch(r"[0-9]{1,10}", value):
        raise ApiError("InvalidParameter", "The parameter `Timestamp` is not a number of seconds.")
    return dt.datetime.fromtimestamp(int(value), dt.UTC)


def _check_token(key: SecretKey, token: str | None, now: dt.datetime) -> None:
    if key.token is None:
        return
    is_expired = key.expires_at is not None and now >= key.expires_at
    if token is None or is_expired or not hmac.compare_digest(token.encode(), key.token.encode()):
        raise ApiError("AuthFailure.TokenFailure", "The session token is missing, wrong or expired.")
