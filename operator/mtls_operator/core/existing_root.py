"""A root that somebody else made: read where it is, checked before it is used, never copied.

Pure. Called by the CertificateAuthority reconciler, and by whatever signs with such a root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.core.leaf import TLS_CRT, TLS_KEY, TLS_SECRET
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.existing import check_existing_root
from mtls_operator.pki.inspect import load_chain
from mtls_operator.pki.issue import Issuer
from mtls_operator.pki.keys import key_from_pem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.api.authority import AuthoritySpec
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.lineage import Lineage


def read_source(
    secret: Secret | None,
    authority: ObjectRef,
    name: str,
    *,
    expected: x509.Certificate,
) -> Issuer:
    """Return the root in a Secret of type kubernetes.io/tls, as it was taken up.

    Args:
        secret: what was found, None for nothing.
        authority: whose source it is.
        name: the Secret's name.
        expected: the root that it held when it was taken up.

    Raises:
        SpecError: with reason SourceInvalid, or SourceSwapped when it holds another root.
    """
    data, where = _data_of(secret, authority, name), f"Secret {authority.namespace}/{name}"
    try:
        certificate = load_chain(data.get(TLS_CRT, b""))[0]
        if certificate != expected:
            raise SpecError(
                Reason.SOURCE_SWAPPED,
                f"{where} holds another root than the one that CertificateAuthority {authority} took up. "
                "A root is never swapped silently: restore the Secret, put the new root into another one, "
                "and name that one in spec.source.nextSecretRef.",
            )
        return Issuer(certificate, key_from_pem(data.get(TLS_KEY, b"")))
    except PkiError as error:
        raise _unusable(where, error) from None


def _unusable(where: str, error: PkiError) -> SpecError:
    return SpecError(
        Reason.SOURCE_INVALID,
        f"{where} does not hold a usable root: {error}. Store the root's certificate in it as {TLS_CRT} "
        f"and its private key as {TLS_KEY}, both as PEM.",
    )


def _data_of(secret: Secret | None, authority: ObjectRef, name: str) -> Mapping[str, bytes]:
    if secret is None:
        raise SpecError(
            Reason.SOURCE_INVALID,
            f"Secret {authority.namespace}/{name} with the root does not exist. Create it, of type "
            f"{TLS_SECRET}, with {TLS_CRT} and {TLS_KEY}; where it existed before, restore it from a backup.",
        )
    return secret.data


def require_same_source(spec: AuthoritySpec, lineage: Lineage) -> None:
    """Refuse a manifest whose root would have to come from somewhere else than the one in use.

    Raises:
        SpecError: with reason SourceSwapped.
    """
    known, source = lineage.newest.record.source, spec.source
    named = {ref.name for ref in (source.secret_ref, source.next_secret_ref) if ref is not None} or {""}
    # The predecessor's name may stay in secretRef, and after the rotation the successor's takes its place.
    if known in named or named & {generation.record.source for generation in lineage.generations}:
        return
    used = f"is that of Secret {known}" if known else "was made by the operator"
    asked = (
        f"names Secret {source.secret_ref.name}" if source.secret_ref else "asks for one made by the operator"
    )
    raise SpecError(
        Reason.SOURCE_SWAPPED,
        f"the root in use {used}, and spec.source {asked}. A root is never swapped silently: change "
        "spec.source back. A successor goes into spec.source.nextSecretRef; another kind of root needs "
        "another CertificateAuthority.",
    )


def take_up(secret: Secret | None, authority: ObjectRef, name: str, now: datetime) -> Issuer:
    """Return a root that is to be used from now on, checked in full.

    Raises:
        SpecError: with reason SourceInvalid.
    """
    data, where = _data_of(secret, authority, name), f"Secret {authority.namespace}/{name}"
    try:
        certificate = load_chain(data.get(TLS_CRT, b""))[0]
        key = key_from_pem(data.get(TLS_KEY, b""))
    except PkiError as error:
        raise _unusable(where, error) from None
    try:
        # Before an issuer is made of it, which refuses a certificate that is no CA without saying how
        # one is made.
        check_existing_root(certificate, key, now)
        return Issuer(certificate, key)
    except PkiError as error:
        raise SpecError(Reason.SOURCE_INVALID, f"the root in {where} cannot be used: {error}") from None
