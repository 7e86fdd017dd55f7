"""The one error of this package.

Pure. Raised by every module of `pki`; its text is fit for a condition's message: it names the field
and the value, and never holds a private key or a password.
"""

from __future__ import annotations

from mtls_operator.errors import OperatorError


class PkiError(OperatorError):
    """A key, a name or a certificate that cannot be read, made or trusted."""
