"""Whether the certificate in a Secret of somebody else can serve a listener's domains, and if not, why.

Pure: the caller reads the Secret and passes `now`. Called by the MutualTLSListener reconciler in every
pass, before anything of the Secret goes to the cloud. Who signed the certificate does not matter: whom
the listener admits is the affair of caRef alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mtls_operator.api.meta import OWNER_KIND_LABEL, Kind
from mtls_operator.core.leaf import TLS_CRT, TLS_KEY, TLS_SECRET, StoredLeaf
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import NotReady, SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import extension_of, inspect_certificate, load_chain, signed_by
from mtls_operator.pki.keys import key_from_pem, same_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import Secret

_FOR_SERVERS = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def read_referenced(ref: ObjectRef, secret: Secret | None, now: datetime) -> StoredLeaf:
    """Return the certificate of a Secret that a listener names.

    Args:
        ref: where the Secret should be.
        secret: what was found there.
        now: the time.

    Raises:
        NotReady: the Secret does not exist, or its certificate is not valid yet.
        SpecError: it cannot be used; the reason says why, and the message what to do.
    """
    if secret is None:
        raise NotReady(
            Reason.SECRET_NOT_FOUND,
            f"Secret {ref} with the server certificate does not exist yet. "
            "Create it, or correct serverCertificate.secretRef.",
        )
    _require_no_authority(secret)
    leaf = _read(secret)
    _require_server(secret, leaf.chain[0])
    _require_time(secret, leaf, now)
    return leaf


def _require_no_authority(secret: Secret) -> None:
    """Refuse by its label what holds an authority's key, whatever else is in it."""
    if secret.labels.get(OWNER_KIND_LABEL) == Kind.CERTIFICATE_AUTHORITY:
        raise SpecError(
            Reason.CERTIFICATE_NOT_FOR_SERVERS,
            f"Secret {secret.ref} holds the key of a CertificateAuthority, which never goes to the cloud. "
            "Name the Secret of a server certificate.",
        )


def _read(secret: Secret) -> StoredLeaf:
    if secret.type != TLS_SECRET:
        raise _unusable(secret, f"it is of type {secret.type or 'Opaque'}, not {TLS_SECRET}")
    try:
        chain = load_chain(secret.data.get(TLS_CRT, b""))
        facts = inspect_certificate(chain[0])
    except PkiError as error:
        raise _unusable(secret, f"{TLS_CRT}: {error}") from None
    try:
        key = key_from_pem(secret.data.get(TLS_KEY, b""))
    except PkiError as error:
        raise _unusable(secret, f"{TLS_KEY}: {error}") from None
    if not same_key(chain[0], key):
        raise _unusable(secret, f"{TLS_KEY} is not the key of the first certificate in {TLS_CRT}")
    if not all(signed_by(issued, issuer) for issued, issuer in pairwise(chain)):
        raise _unusable(secret, f"in {TLS_CRT} each certificate has to be signed by the one that follows it")
    return StoredLeaf(chain=chain, key=key, facts=facts, renew_token="")


def _unusable(secret: Secret, why: str) -> SpecError:
    return SpecError(
        Reason.SECRET_NOT_USABLE,
        f"Secret {secret.ref} cannot serve the listener: {why}. "
        f"It needs {TLS_CRT}, the server certificate first, and its {TLS_KEY}.",
    )


def _require_server(secret: Secret, leaf: x509.Certificate) -> None:
    if _signs_others(leaf):
        raise SpecError(
            Reason.CERTIFICATE_NOT_FOR_SERVERS,
            f"the first certificate in Secret {secret.ref} is an authority's, whose key never goes to the "
            "cloud. Name the Secret of a server certificate.",
        )
    usage = extension_of(leaf, x509.ExtendedKeyUsage)
    if usage is not None and _FOR_SERVERS.isdisjoint(usage):
        raise SpecError(
            Reason.CERTIFICATE_NOT_FOR_SERVERS,
            f"the certificate in Secret {secret.ref} is not for TLS servers: its extended key usage lacks "
            "serverAuth. Have one issued for a server.",
        )


def _signs_others(leaf: x509.Certificate) -> bool:
    constraints = extension_of(leaf, x509.BasicConstraints)
    usage = extension_of(leaf, x509.KeyUsage)
    return (constraints is not None and constraints.ca) or (usage is not None and usage.key_cert_sign)


def require_names(ref: ObjectRef, leaf: StoredLeaf, domains: Iterable[str]) -> None:
    """Refuse a certificate that is not good for every domain that it would serve.

    Raises:
        SpecError: with reason DomainNotCovered, naming the domains.
    """
    names = _dns_names(leaf.chain[0])
    missing = [domain for domain in domains if not covers(names, domain)]
    if missing:
        raise SpecError(
            Reason.DOMAIN_NOT_COVERED,
            f"the certificate in Secret {ref} is not good for {', '.join(missing)}; its DNS names are "
            f"{', '.join(names) or 'none'}. Have one issued that has these names, too.",
        )


def _dns_names(leaf: x509.Certificate) -> tuple[str, ...]:
    names = extension_of(leaf, x509.SubjectAlternativeName)
    return tuple(names.get_values_for_type(x509.DNSName)) if names is not None else ()


def covers(names: Iterable[str], domain: str) -> bool:
    """Tell whether a certificate with these DNS names is good for a domain (RFC 6125, section 6.4.3).

    `*.a.b` is good for `x.a.b`, not for `a.b` nor `x.y.a.b`; a wildcard domain needs the same wildcard.
    What a regular-expression domain, or one that ends in `*`, stands for cannot be listed, so any
    certificate with a DNS name may serve it.
    """
    known = {name.lower() for name in names}
    if domain.startswith("~") or domain.endswith("*"):
        return bool(known)
    first, _, parent = domain.partition(".")
    return domain in known or (first != "*" and bool(parent) and f"*.{parent}" in known)


def _require_time(secret: Secret, leaf: StoredLeaf, now: datetime) -> None:
    facts = leaf.facts
    if now >= facts.not_after:
        raise SpecError(
            Reason.CERTIFICATE_EXPIRED,
            f"the certificate in Secret {secret.ref} expired at {facts.not_after:%Y-%m-%d %H:%M} UTC. "
            "Renew it.",
        )
    if now < facts.not_before:
        raise NotReady(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"the certificate in Secret {secret.ref} is valid from {facts.not_before:%Y-%m-%d %H:%M} UTC on",
            facts.not_before - now,
        )
