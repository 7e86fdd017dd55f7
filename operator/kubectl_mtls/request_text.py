"""What a ClientCert asks for, in words, for the person who decides about it.

Pure. Called by `commands.approve`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from kubectl_mtls.render import harmless
from mtls_operator.api.duration import render_duration
from mtls_operator.pki.csr import load_csr
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.keys import public_key_der

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.client_cert import ClientCert


def describe_request(request: ClientCert, authority: CertificateAuthority) -> str:
    """Return whom, what and how long a certificate would be for, and whose key it is, a line each."""
    lines = [(name, harmless(text)) for name, text in _facts(request, authority) if text]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in lines)


def _facts(request: ClientCert, authority: CertificateAuthority) -> Iterator[tuple[str, str]]:
    spec = request.spec
    yield "authority", str(request.ca())
    yield "common name", request.common_name()
    yield "organizations", ", ".join(spec.subject.organizations)
    yield "DNS names", ", ".join(spec.dns_names)
    yield "URIs", ", ".join(spec.uris) or _spiffe(request, authority)
    yield "e-mail addresses", ", ".join(spec.email_addresses)
    yield "IP addresses", ", ".join(spec.ip_addresses)
    before = render_duration(spec.effective_renew_before())
    yield (
        "duration",
        f"{render_duration(spec.duration)}, renewed {before} before its end without asking again",
    )
    yield "key", describe_key(request)
    yield "request", _csr(spec.request)
    yield "Secret", f"{request.metadata.namespace}/{request.secret_name()}"
    yield "revoked", spec.revoked.reason if spec.revoked else ""


def _spiffe(request: ClientCert, authority: CertificateAuthority) -> str:
    domain, metadata = authority.spec.trust_domain, request.metadata
    return f"spiffe://{domain}/ns/{metadata.namespace}/clientcert/{metadata.name}" if domain else ""


def describe_key(request: ClientCert) -> str:
    """Return in a few words what kind of key the certificate would be for."""
    if request.spec.request is not None:
        return "the requester's own"
    key = request.spec.private_key
    return f"{key.algorithm} {key.effective_size()}"


def _csr(encoded: str | None) -> str:
    """The request that somebody has made with the key; empty where the operator makes the key."""
    if encoded is None:
        return ""
    try:
        csr = load_csr(base64.b64decode(encoded, validate=True))
    except (PkiError, binascii.Error) as error:
        return f"the operator will refuse it: {error}"
    subject = csr.content.subject.rfc4514_string() or "none"
    digest = hashlib.sha256(public_key_der(csr.public_key)).hexdigest()
    return f"key {csr.key} with SHA-256 {digest}, subject {subject}"
