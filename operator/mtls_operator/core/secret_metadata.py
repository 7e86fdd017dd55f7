"""Which labels and annotations a requester may have put on its Secret.

Pure. Called by the ClientCert reconciler. A name with a domain belongs to whoever has the domain:
other controllers select Secrets by such names, and would take up a certificate that nobody gave them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.reasons import Reason
from mtls_operator.errors import RequestDenied

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtls_operator.api.client_cert import SecretTemplate


def require_metadata(template: SecretTemplate, allowed_domains: Collection[str]) -> None:
    """Refuse a name whose domain the operator's configuration does not list, itself or a parent of it.

    Raises:
        RequestDenied: with reason MetadataNotAllowed.
    """
    for what, names in (("label", template.labels), ("annotation", template.annotations)):
        for name in names:
            domain, slash, _ = name.partition("/")
            if slash and not any(_is_within(domain, allowed) for allowed in allowed_domains):
                raise RequestDenied(
                    Reason.METADATA_NOT_ALLOWED,
                    f"secretTemplate has the {what} {name!r}, and secretTemplate.allowedDomains of the "
                    f"operator's configuration does not list {domain!r}. Take the domain away, or ask who "
                    "runs the operator to list it.",
                )


def _is_within(domain: str, allowed: str) -> bool:
    return domain == allowed or domain.endswith(f".{allowed}")
