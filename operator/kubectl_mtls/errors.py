"""What the plugin itself refuses. Everything else that it expects is in `mtls_operator.errors`."""

from __future__ import annotations

from mtls_operator.errors import OperatorError


class Refusal(OperatorError):
    """What was asked for cannot be done, or was not done; the message says why and what to do."""
