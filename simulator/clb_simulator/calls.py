"""The log of calls: what was asked and how it ended, without private keys.

Pure memory. Filled by the HTTP front, read through the admin port, so that a test can say that nothing
was written, or that nobody asked for a private key.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from clb_simulator.params import Json, Object

_KEPT: Final = 20_000
_SECRET_FIELDS: Final = frozenset(
    {"CertificatePrivateKey", "CertKey", "KeyPassword", "TokenCode", "WebIdentityToken"}
)
_REDACTED: Final = "(hidden)"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call.

    Attributes:
        secret_id: whose call it is.
        write: whether it asks for a change.
        code: None when it succeeded.
        faults: the kinds of the ordered faults that struck it.
        size: the bytes of the request's body and of the reply's together.
    """

    number: int
    at: datetime
    secret_id: str
    service: str
    action: str
    region: str
    request_id: str
    write: bool
    params: Json
    code: str | None
    message: str | None
    faults: tuple[str, ...] = ()
    size: int = 0


class CallLog:
    """The last calls, and how many there were since the log was cleared."""

    def __init__(self) -> None:
        self._records: deque[CallRecord] = deque(maxlen=_KEPT)
        self.total = 0
        self.writes = 0

    def add(
        self,
        *,
        at: datetime,
        secret_id: str,
        service: str,
        action: str,
        region: str,
        request_id: str,
        write: bool,
        params: Json,
        code: str | None,
        message: str | None,
        faults: tuple[str, ...] = (),
        size: int = 0,
    ) -> None:
        """Record a call."""
        self.total += 1
        self.writes += write
        record = CallRecord(
            number=self.total,
            at=at,
            secret_id=secret_id,
            service=service,
            action=action,
            region=region,
            request_id=request_id,
            write=write,
            params=redact(params),
            code=code,
            message=message,
            faults=faults,
            size=size,
        )
        self._records.append(record)

    def since(self, number: int) -> Iterator[Object]:
        """Yield the records after a number, oldest first."""
        for record in self._records:
            if record.number > number:
                yield {**asdict(record), "at": record.at.isoformat()}

    def clear(self) -> None:
        """Forget the records and count from zero."""
        self._records.clear()
        self.total = self.writes = 0


def redact(value: Json) -> Json:
    """Return a JSON value with the secret fields of requests hidden."""
    if isinstance(value, dict):
        return {name: _REDACTED if name in _SECRET_FIELDS else redact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value
