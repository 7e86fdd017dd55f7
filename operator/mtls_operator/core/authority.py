"""What a CertificateAuthority needs next.

    ConfigMap      Secret          step
    -------------- --------------- ------------------------------------------------------------
    none           none            announce: make the ConfigMap, empty (unless status says that a
                                   root existed: then its key is missing)
    empty          none            make the root, into the Secret
    published      none            none: the key is missing, a person restores it
    none / empty   a root          publish its certificate (unless status knows another root: then
                                   the Secret was swapped, a person decides)
    published      the same root   none
    published      another root    none: the Secret was swapped, a person decides

Pure. The ConfigMap comes before the key and is the proof that one existed: a lost key never leads to
a new root that nobody trusts. Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.ownership import belongs_to_authority
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import inspect_certificate, load_chain
from mtls_operator.pki.issue import Issuer
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, key_from_pem
from mtls_operator.pki.names import Subject

if TYPE_CHECKING:
    from cryptography import x509

    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.core.cluster import ConfigMap, Secret

CA_CRT: Final = "ca.crt"
FIRST_CRT: Final = "g1.crt"
FIRST_KEY: Final = "g1.key"


class Step(Enum):
    """One write towards a usable root."""

    ANNOUNCE = auto()
    MAKE_ROOT = auto()
    PUBLISH = auto()


def key_secret(authority: CertificateAuthority) -> ObjectRef:
    """Return where the authority's key is."""
    return ObjectRef(authority.metadata.namespace, f"{authority.metadata.name}-ca-key")


def trust_config_map(authority: CertificateAuthority) -> ObjectRef:
    """Return where the authority's certificate is published."""
    return ObjectRef(authority.metadata.namespace, f"{authority.metadata.name}-ca")


def root_subject(authority: CertificateAuthority) -> Subject:
    """Return the root's distinguished name.

    Raises:
        PkiError: a part of it cannot be certified.
    """
    wanted = authority.spec.subject
    return Subject(
        common_name=wanted.common_name,
        organizations=wanted.organizations,
        organizational_units=wanted.organizational_units,
        countries=wanted.countries,
        localities=wanted.localities,
        provinces=wanted.provinces,
    )


def root_key(authority: CertificateAuthority) -> KeySpec:
    """Return the kind of key that the manifest asks for."""
    wanted = authority.spec.private_key
    return KeySpec(KeyAlgorithm(wanted.algorithm.value), wanted.effective_size())


def read_issuer(secret: Secret) -> Issuer:
    """Return the root that signs.

    Raises:
        SpecError: with reason CAKeyDamaged.
    """
    try:
        certificate = load_chain(secret.data.get(FIRST_CRT, b""))[0]
        return Issuer(certificate, key_from_pem(secret.data.get(FIRST_KEY, b"")))
    except PkiError as error:
        raise SpecError(
            Reason.CA_KEY_DAMAGED,
            f"Secret {secret.ref} does not hold a usable root ({error}). "
            f"Restore {FIRST_CRT} and {FIRST_KEY} from a backup; no new root is made.",
        ) from None


def next_step(
    authority: CertificateAuthority, secret: Secret | None, config_map: ConfigMap | None
) -> Step | None:
    """Return what to write next, None when the root is made and published.

    Raises:
        OwnershipError: the name of the Secret or of the ConfigMap is taken.
        SpecError: the key is missing, damaged, or not the one that was published.
    """
    _require_ours(authority, secret, config_map)
    published = config_map.data.get(CA_CRT, "") if config_map else ""
    if secret is None:
        if published or authority.status.active is not None:
            raise _key_missing(authority)
        return Step.ANNOUNCE if config_map is None else Step.MAKE_ROOT
    issuer = read_issuer(secret)
    if published:
        return _compare(authority, issuer.certificate, published)
    active, fingerprint = authority.status.active, inspect_certificate(issuer.certificate).fingerprint_sha256
    if active is not None and active.fingerprint_sha256 != fingerprint:
        raise _swapped(authority)
    return Step.ANNOUNCE if config_map is None else Step.PUBLISH


def _require_ours(
    authority: CertificateAuthority, secret: Secret | None, config_map: ConfigMap | None
) -> None:
    if secret is not None and not belongs_to_authority(secret, authority):
        raise OwnershipError(
            Reason.SECRET_NAME_TAKEN,
            f"Secret {secret.ref} exists and was not made for this authority. "
            "It is left alone: rename or remove it, or give the authority another name.",
        )
    if config_map is not None and not belongs_to_authority(config_map, authority):
        raise OwnershipError(
            Reason.CONFIG_MAP_NAME_TAKEN,
            f"ConfigMap {config_map.ref} exists and was not made for this authority. "
            "It is left alone: rename or remove it, or give the authority another name.",
        )


def _key_missing(authority: CertificateAuthority) -> SpecError:
    return SpecError(
        Reason.CA_KEY_MISSING,
        f"the authority's key, Secret {key_secret(authority)}, is gone. Restore it from a backup. "
        "No new root is made, since nobody would trust it; to start over, delete the CertificateAuthority "
        "and make it again.",
    )


def _compare(authority: CertificateAuthority, root: x509.Certificate, published: str) -> Step | None:
    fingerprint = inspect_certificate(root).fingerprint_sha256
    if fingerprint == _fingerprint(published):
        return None
    active = authority.status.active
    if active is not None and active.fingerprint_sha256 == fingerprint:
        return Step.PUBLISH
    raise _swapped(authority)


def _swapped(authority: CertificateAuthority) -> SpecError:
    return SpecError(
        Reason.CA_KEY_DAMAGED,
        f"Secret {key_secret(authority)} holds another root than the one published in ConfigMap "
        f"{trust_config_map(authority)}. Restore the Secret; a root is never swapped silently.",
    )


def _fingerprint(pem: str) -> str:
    try:
        return inspect_certificate(load_chain(pem)[0]).fingerprint_sha256
    except PkiError:
        return ""
