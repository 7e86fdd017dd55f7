"""What a ClientCert's Secret should hold, and what has to be done to it.

Pure. Called by the ClientCert reconciler. A change leads to exactly the work it needs: a new
password rebuilds client.p12 and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mtls_operator.api.client_cert import RotationPolicy
from mtls_operator.api.meta import GROUP, RENEW_ANNOTATION, ObjectRef
from mtls_operator.core.client_secret import secret_type
from mtls_operator.core.cluster import Secret
from mtls_operator.core.leaf import (
    CA_CRT,
    RENEWED_BY,
    TLS_CRT,
    TLS_KEY,
    WantedLeaf,
    read_leaf,
    why_issue,
)
from mtls_operator.core.ownership import owned_labels, owner_of
from mtls_operator.core.spiffe import spiffe_id
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, key_to_pem, same_key
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.pkcs12 import Pkcs12Profile, build_pkcs12, keystore_chain, new_password, opens_pkcs12
from mtls_operator.pki.profiles import CLIENT

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.core.leaf import StoredLeaf
    from mtls_operator.pki.csr import Request

P12: Final = "client.p12"
P12_PASSWORD: Final = "client.p12-password"  # noqa: S105 - the key's name
REVISION: Final = f"{GROUP}/revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The Secret that a ClientCert asks for.

    Attributes:
        password: the referenced PKCS#12 password; None = one is made, once.
    """

    cert: ClientCert
    leaf: WantedLeaf
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What has to be done to the Secret; `issue` says why a certificate is issued."""

    issue: str | None
    rewrite: bool

    @property
    def is_needed(self) -> bool:
        """Whether there is a write to make."""
        return self.issue is not None or self.rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What an authority puts into a Secret besides the leaf.

    Attributes:
        issuer: the root that signs.
        tail: what follows the leaf in its chain.
        roots: the Secret's ca.crt.
    """

    issuer: x509.Certificate
    tail: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]


def wanted_leaf(
    cert: ClientCert, *, trust_domain: str | None = None, request: Request | None = None
) -> WantedLeaf:
    """Return the certificate that the manifest asks for.

    Args:
        cert: the manifest.
        trust_domain: the authority's, which gives the certificate its one URI; None without one.
        request: the manifest's, whose key is certified; None where a key is made.

    Raises:
        PkiError: a name cannot be certified.
        RequestDenied: the object's name makes no SPIFFE ID.
    """
    spec = cert.spec
    made = KeySpec(KeyAlgorithm(spec.private_key.algorithm.value), spec.private_key.effective_size())
    return WantedLeaf(
        profile=CLIENT,
        subject=Subject(common_name=cert.common_name(), organizations=spec.subject.organizations),
        names=SubjectAltNames(
            dns_names=spec.dns_names,
            uris=spec.uris if trust_domain is None else (spiffe_id(trust_domain, cert.ref),),
            email_addresses=spec.email_addresses,
            ip_addresses=spec.ip_addresses,
        ),
        key=made if request is None else request.key,
        duration=spec.duration,
        renew_before=spec.effective_renew_before(),
        keep_key=spec.private_key.rotation_policy is RotationPolicy.NEVER,
        renew_token=cert.metadata.annotations.get(RENEW_ANNOTATION, ""),
        seed=cert.metadata.uid,
        public_key=None if request is None else request.public_key,
    )


def work_for(
    wanted: Wanted,
    secret: Secret | None,
    trust: Trust,
    now: datetime,
) -> tuple[Work, StoredLeaf | None]:
    """Compare the Secret with the wanted one.

    Args:
        wanted: what the manifest asks for.
        secret: what is stored, None for nothing.
        trust: the authority's certificates.
        now: the time.

    Returns:
        What has to be done, and the stored certificate where there is a usable one.
    """
    stored = read_leaf(secret) if secret is not None else None
    issue = why_issue(wanted.leaf, stored, trust.issuer, now)
    if secret is None or stored is None or issue is not None:
        return Work(issue=issue, rewrite=True), stored
    right = (
        secret.data.get(CA_CRT, b"") == chain_to_pem(trust.roots)
        and stored.chain[1:] == trust.tail
        and _keystore_fits(wanted, secret, stored, trust.roots)
        and _metadata_fits(wanted.cert, secret)
    )
    return Work(issue=None, rewrite=not right), stored


def wanted_password(wanted: Wanted, secret: Secret | None) -> str:
    """Return the PKCS#12 password: the referenced one, else the one made before, else a new one."""
    if wanted.password is not None:
        return wanted.password
    kept = secret.data.get(P12_PASSWORD, b"").decode(errors="replace") if secret is not None else ""
    return kept or new_password()


def _keystore_fits(
    wanted: Wanted, secret: Secret, stored: StoredLeaf, roots: tuple[x509.Certificate, ...]
) -> bool:
    spec = wanted.cert.spec.pkcs12
    if wanted.leaf.public_key is not None:
        return not secret.data.keys() & {TLS_KEY, P12, P12_PASSWORD}
    if not spec.enabled:
        return P12 not in secret.data and P12_PASSWORD not in secret.data
    password = wanted_password(wanted, secret)
    if secret.data.get(P12_PASSWORD) != password.encode():
        return False
    contents = opens_pkcs12(secret.data.get(P12, b""), password)
    return (
        contents is not None
        and contents.certificate == stored.chain[0]
        and contents.chain == keystore_chain(stored.chain[1:], roots)
        and same_key(contents.certificate, contents.key)
        and contents.friendly_name == _friendly_name(wanted.cert)
        and contents.profile is Pkcs12Profile(spec.profile.value)
    )


def _metadata_fits(cert: ClientCert, secret: Secret) -> bool:
    template = cert.spec.secret_template
    labels = {**template.labels, **owned_labels(cert)}
    return (
        labels.items() <= secret.labels.items() and template.annotations.items() <= secret.annotations.items()
    )


def _friendly_name(cert: ClientCert) -> str:
    return cert.spec.pkcs12.friendly_name or cert.common_name()


def render_secret(
    wanted: Wanted,
    previous: Secret | None,
    *,
    chain: tuple[x509.Certificate, ...],
    key: PrivateKey | None,
    roots: tuple[x509.Certificate, ...],
    issued: bool,
) -> Secret:
    """Return the Secret to write; labels and annotations of others stay.

    Takes about two milliseconds for the PKCS#12 file: less than the way to a thread and back is worth.

    Args:
        wanted: what the manifest asks for.
        previous: what is stored; its uid and resourceVersion guard the write.
        chain: leaf first.
        key: the leaf's; None where the requester has it.
        roots: every root to trust.
        issued: the certificate is new.
    """
    cert = wanted.cert
    data = {TLS_CRT: chain_to_pem(chain), CA_CRT: chain_to_pem(roots)}
    if key is not None:
        data |= _key_data(wanted, previous, (chain[0], *keystore_chain(chain[1:], roots)), key)
    template = cert.spec.secret_template
    marks = {RENEWED_BY: wanted.leaf.renew_token, REVISION: str(revision_of(previous) + int(issued))}
    return Secret(
        ref=previous.ref if previous else ObjectRef(cert.metadata.namespace, cert.secret_name()),
        type=secret_type(cert),
        data=data,
        labels={**(previous.labels if previous else {}), **template.labels, **owned_labels(cert)},
        annotations={
            **(previous.annotations if previous else {}),
            **template.annotations,
            **{name: value for name, value in marks.items() if value},
        },
        owner=owner_of(cert),
        uid=previous.uid if previous else "",
        resource_version=previous.resource_version if previous else "",
    )


def _key_data(
    wanted: Wanted, previous: Secret | None, chain: tuple[x509.Certificate, ...], key: PrivateKey
) -> dict[str, bytes]:
    """Return the key, alone and in client.p12 with the leaf and what follows it."""
    spec = wanted.cert.spec.pkcs12
    if not spec.enabled:
        return {TLS_KEY: key_to_pem(key)}
    password = wanted_password(wanted, previous)
    keystore = build_pkcs12(
        key=key,
        certificate=chain[0],
        chain=chain[1:],
        friendly_name=_friendly_name(wanted.cert),
        password=password,
        profile=Pkcs12Profile(spec.profile.value),
    )
    return {TLS_KEY: key_to_pem(key), P12_PASSWORD: password.encode(), P12: keystore}


def revision_of(secret: Secret | None) -> int:
    """Return how many certificates the Secret has held."""
    text = secret.annotations.get(REVISION, "") if secret is not None else ""
    return int(text) if text.isdecimal() else 0
