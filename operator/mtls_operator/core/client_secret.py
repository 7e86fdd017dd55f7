"""Whether the Secret that a ClientCert names may be written: it is ours, and of the type that is needed.

Pure. Called by the ClientCert reconciler before it compares content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mtls_operator.core.leaf import TLS_SECRET
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, SpecError

if TYPE_CHECKING:
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.cluster import Secret

OPAQUE: Final = "Opaque"


def require_own_secret(cert: ClientCert, secret: Secret | None) -> None:
    """Refuse to touch a Secret that another object or person made.

    Raises:
        OwnershipError: with reason SecretNameTaken.
    """
    if secret is None or secret.belongs_to(cert.metadata.uid):
        return
    owner = f"{secret.owner.kind} {secret.owner.name}" if secret.owner else "somebody else"
    raise OwnershipError(
        Reason.SECRET_NAME_TAKEN,
        f"Secret {secret.ref} exists and belongs to {owner}. It is left alone: remove it, or make "
        "another ClientCert with another spec.secretName.",
    )


def require_type(cert: ClientCert, secret: Secret | None) -> None:
    """Refuse to replace a Secret whose type does not fit: that would take deleting a key that may be in use.

    Raises:
        SpecError: with reason SecretTypeDiffers.
    """
    wanted = secret_type(cert)
    if secret is None or secret.type == wanted:
        return
    raise SpecError(
        Reason.SECRET_TYPE_DIFFERS,
        f"Secret {secret.ref} has the type {secret.type}, the manifest needs {wanted}, and Kubernetes never "
        "changes a type. The Secret stays as it is. When nobody needs what is in it any more, delete it: "
        "it is made anew at once.",
    )


def secret_type(cert: ClientCert) -> str:
    """Return the Secret's type: kubernetes.io/tls wants a key, which there is none of with a request."""
    return TLS_SECRET if cert.spec.request is None else OPAQUE
