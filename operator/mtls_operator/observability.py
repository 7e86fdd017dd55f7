"""Logging: readable lines, and nothing secret in them whoever logs.

The filter is the last line of defence; nothing should ever reach it.
"""

from __future__ import annotations

import logging
import re
from typing import Final

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL
)
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class Redaction(logging.Filter):
    """Takes private keys out of log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace key blocks in the formatted message."""
        message = record.getMessage()
        cleaned = _PRIVATE_KEY.sub("[private key]", message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
        return True


def configure_logging(level: str) -> None:
    """Log to standard error at the given level; libraries from WARNING on."""
    handler = logging.StreamHandler()
    handler.addFilter(Redaction())
    logging.basicConfig(level=logging.WARNING, format=_FORMAT, handlers=[handler], force=True)
    logging.getLogger("mtls_operator").setLevel(level)
    # kopf logs whole bodies at DEBUG, the SDK whole requests.
    for name in ("kopf", "tencentcloud_sdk_common", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
