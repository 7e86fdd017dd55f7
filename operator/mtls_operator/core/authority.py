"""What a CertificateAuthority needs before anything else: its first root.

    ConfigMap      Secret          step
    -------------- --------------- ------------------------------------------------------------
    none           none            announce: make the ConfigMap, empty (unless status says that a
                                   root existed: then its key is missing)
    empty          none            make the root, into the Secret
    published      none            none: the key is missing, a person restores it
    none           roots           announce (unless status knows another root: then the Secret was
                                   swapped, a person decides)
    published      the same roots  none: publishing and rotating are decided elsewhere
    published      others          none: the Secret was swapped or is an old copy, a person decides

Pure. The ConfigMap comes before the key and is the proof that one existed: a lost key never leads to
a new root that nobody trusts. Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.ownership import belongs_to_authority
from mtls_operator.core.published import published_in
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, SpecError
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import fingerprint_of, load_chain
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec
from mtls_operator.pki.names import Subject

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.api.authority import AuthoritySpec, CertificateAuthority
    from mtls_operator.core.cluster import ConfigMap, Secret
    from mtls_operator.core.lineage import Lineage

CA_CRT: Final = "ca.crt"


class Step(Enum):
    """One write towards a usable root."""

    ANNOUNCE = auto()
    MAKE_ROOT = auto()


def key_secret(authority: CertificateAuthority) -> ObjectRef:
    """Return where the authority's key is."""
    return ObjectRef(authority.metadata.namespace, f"{authority.metadata.name}-ca-key")


def trust_config_map(authority: CertificateAuthority) -> ObjectRef:
    """Return where the authority's certificate is published."""
    return published_in(authority.ref)


def root_subject(spec: AuthoritySpec) -> Subject:
    """Return the root's distinguished name.

    Raises:
        PkiError: a part of it cannot be certified.
    """
    wanted = spec.subject
    return Subject(
        common_name=wanted.common_name,
        organizations=wanted.organizations,
        organizational_units=wanted.organizational_units,
        countries=wanted.countries,
        localities=wanted.localities,
        provinces=wanted.provinces,
    )


def root_key(spec: AuthoritySpec) -> KeySpec:
    """Return the kind of key that the manifest asks for."""
    wanted = spec.private_key
    return KeySpec(KeyAlgorithm(wanted.algorithm.value), wanted.effective_size())


def next_step(
    authority: CertificateAuthority, lineage: Lineage | None, config_map: ConfigMap | None, now: datetime
) -> Step | None:
    """Return what to write next, None when there is a root and the ConfigMap that announced it.

    Args:
        authority: the manifest and its status.
        lineage: the roots in its Secret, None without a Secret.
        config_map: what is published.
        now: an ended root may have been dropped from the Secret.

    Raises:
        SpecError: the key is missing, or is not the one that was published.
    """
    published = _published(config_map)
    if lineage is None:
        if published or authority.status.active is not None:
            raise _key_missing(authority)
        return Step.ANNOUNCE if config_map is None else Step.MAKE_ROOT
    _require_same_roots(authority, lineage, published, now)
    return Step.ANNOUNCE if config_map is None else None


def require_ours(
    authority: CertificateAuthority, secret: Secret | None, config_map: ConfigMap | None
) -> None:
    """Refuse a Secret or ConfigMap that somebody else made.

    Raises:
        OwnershipError: the name of the one or the other is taken.
    """
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


def _require_same_roots(
    authority: CertificateAuthority,
    lineage: Lineage,
    published: tuple[x509.Certificate, ...],
    now: datetime,
) -> None:
    """The status knows best; after a restore without it, what is published does."""
    active = authority.status.active
    if active is not None:
        if lineage.find(active.fingerprint_sha256) is None:
            raise _swapped(authority)
        return
    current = (root for root in published if root.not_valid_after_utc > now)
    if any(lineage.find(fingerprint_of(root)) is None for root in current):
        raise _swapped(authority)


def _swapped(authority: CertificateAuthority) -> SpecError:
    return SpecError(
        Reason.CA_KEY_DAMAGED,
        f"Secret {key_secret(authority)} lacks a root that is published in ConfigMap "
        f"{trust_config_map(authority)}. Restore the Secret; a root is never swapped silently.",
    )


def _published(config_map: ConfigMap | None) -> tuple[x509.Certificate, ...]:
    try:
        return load_chain(config_map.data.get(CA_CRT, "")) if config_map is not None else ()
    except PkiError:
        return ()
