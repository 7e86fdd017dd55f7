"""Wrap replies the way the cloud does.

Pure. Every reply, refusals included, is HTTP 200 with one object `Response` and the bare content type:
clients look for errors only then.
"""

import json
import uuid

from clb_simulator.errors import ApiError
from clb_simulator.params import Object


def new_request_id() -> str:
    """Return a request id, which is the task id of a change as well."""
    return str(uuid.uuid4())


def success(reply: Object, request_id: str) -> bytes:
    """Return the body of a successful reply."""
    return json.dumps({"Response": {**reply, "RequestId": request_id}}, ensure_ascii=False).encode()


def failure(error: ApiError, request_id: str, language: str | None = None) -> bytes:
    """Return the body of a refusal, in the language that the request asks for where it is known."""
    told = {"Code": error.code, "Message": error.message_in(language)}
    body = {"Error": told, "RequestId": request_id}
    # A message may quote what cannot be encoded.
    return json.dumps({"Response": body}, ensure_ascii=False).encode(errors="replace")
