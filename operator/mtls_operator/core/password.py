"""The PKCS#12 password that a manifest refers to.

Pure. Called by the ClientCert reconciler. The password is written into another Secret, whose readers
need not be those of the first: what could be a key is never taken for a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import OWNER_KIND_LABEL, Kind
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady, SpecError

if TYPE_CHECKING:
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.cluster import Secret

_MOST_CHARACTERS: Final = 256


def referenced_password(cert: ClientCert, secret: Secret | None) -> str | None:
    """Return the PKCS#12 password that the manifest refers to, None when it refers to none.

    Args:
        cert: the manifest.
        secret: what it refers to, None where there is no such Secret.

    Raises:
        NotReady: the Secret, or the key in it, is not there yet.
        SpecError: it holds no password; the sentence quotes nothing of it.
    """
    ref = cert.spec.pkcs12.password_secret_ref
    if ref is None:
        return None
    where = f"Secret {cert.metadata.namespace}/{ref.name}"
    if secret is not None and secret.labels.get(OWNER_KIND_LABEL) == Kind.CERTIFICATE_AUTHORITY:
        raise _refused(f"{where} holds the key of a CertificateAuthority")
    value = secret.data.get(ref.key, b"") if secret is not None else b""
    if not value:
        raise NotReady(
            Reason.SECRET_NOT_FOUND,
            f"{where} with the PKCS#12 password in key {ref.key!r} does not exist yet. Create it.",
        )
    return _password(value, f"the value of {ref.key!r} in {where}")


def _password(value: bytes, what: str) -> str:
    try:
        text = value.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _refused(f"{what} is not text") from None
    if not text:
        raise _refused(f"{what} is empty")
    if len(text.splitlines()) > 1:
        raise _refused(f"{what} has more than one line")
    if "PRIVATE KEY" in text:
        raise _refused(f"{what} is a private key")
    if len(text) > _MOST_CHARACTERS:
        raise _refused(f"{what} is longer than {_MOST_CHARACTERS} characters")
    return text


def _refused(what: str) -> SpecError:
    return SpecError(
        Reason.PASSWORD_NOT_ALLOWED,
        f"{what}, which is never copied as a password. Let pkcs12.passwordSecretRef name a Secret that holds "
        "the password alone.",
    )
