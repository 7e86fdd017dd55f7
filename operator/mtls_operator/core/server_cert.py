"""The server certificates of a listener: which there are, and what the Secrets of ours should hold.

Pure. Called by the MutualTLSListener reconciler, and by the handlers for what a listener depends on.
What a Secret of somebody else must hold is said in `core.referenced_cert`, what a certificate that the
cloud has already must be in `core.existing_cert`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from mtls_operator.api.meta import RENEW_ANNOTATION, ObjectRef
from mtls_operator.core.cloud import CertId
from mtls_operator.core.cluster import Secret
from mtls_operator.core.leaf import CA_CRT, RENEWED_BY, TLS_CRT, TLS_KEY, TLS_SECRET, WantedLeaf
from mtls_operator.core.ownership import owned_labels, owner_of
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, SpecError
from mtls_operator.pki.inspect import chain_to_pem
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, key_to_pem
from mtls_operator.pki.names import Subject, SubjectAltNames
from mtls_operator.pki.profiles import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

    from mtls_operator.api.listener import Domain, MutualTLSListener
    from mtls_operator.api.listener_tls import EffectiveIssue
    from mtls_operator.api.subject import PrivateKey as ApiPrivateKey

_MOST_CHARACTERS: Final = 64
_HASH_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSlot:
    """A place for a server certificate that an authority of the cluster signs.

    Attributes:
        domain: the one domain it is for where SNI is on; empty for the listener's own.
        names: what the certificate has to be good for.
        admits: the authority whose clients are admitted there.
        secret: where the certificate is kept.
        issue: how the certificate is made.
        key: the key that is made for it.
        issuer: the authority that signs it.
    """

    domain: str
    names: tuple[str, ...]
    admits: ObjectRef
    secret: ObjectRef
    issue: EffectiveIssue
    key: ApiPrivateKey
    issuer: ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencedSlot:
    """A place for a server certificate that somebody else keeps.

    Attributes:
        domain: as in `IssuedSlot`, as are the next two.
        secret: somebody else's Secret; it is read and never written.
    """

    domain: str
    names: tuple[str, ...]
    admits: ObjectRef
    secret: ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSlot:
    """A place for a server certificate that is in the cloud already.

    Attributes:
        domain: as in `IssuedSlot`, as are the next two.
        certificate: its id.
    """

    domain: str
    names: tuple[str, ...]
    admits: ObjectRef
    certificate: CertId


Slot: TypeAlias = IssuedSlot | ReferencedSlot | CloudSlot


def slots(listener: MutualTLSListener) -> tuple[Slot, ...]:
    """Return the listener's certificate slots, those of one domain together and the primary one first.

    With SNI off they are the listener's own, for all of its domains; with SNI on each domain has its own.
    There are two where a second certificate of the other key algorithm is asked for.
    """
    if not listener.spec.sni:
        names = tuple(domain.domain for domain in listener.spec.domains)
        return _slots(listener, None, names)
    return tuple(slot for d in listener.spec.domains for slot in _slots(listener, d, (d.domain,)))


def _slots(listener: MutualTLSListener, domain: Domain | None, names: tuple[str, ...]) -> tuple[Slot, ...]:
    name, admits = domain.domain if domain else "", listener.ca_for(domain)
    referenced = listener.server_secret_for(domain)
    if referenced is not None:
        return (ReferencedSlot(domain=name, names=names, admits=admits, secret=referenced),)
    existing = listener.cloud_certificate_for(domain)
    if existing is not None:
        return (CloudSlot(domain=name, names=names, admits=admits, certificate=CertId(existing)),)
    issue = listener.issue_for(domain)
    first = IssuedSlot(
        domain=name,
        names=names,
        admits=admits,
        secret=_secret(listener, name),
        issue=issue,
        key=issue.private_key,
        issuer=listener.server_issuer_for(domain),
    )
    if issue.additional is None:
        return (first,)
    second = _secret(listener, name, issue.additional.algorithm.lower())
    return (first, replace(first, secret=second, key=issue.additional))


def referenced_secrets(listener: MutualTLSListener) -> frozenset[ObjectRef]:
    """Return the Secrets of others that the listener's manifest names and the listener uses."""
    levels: tuple[Domain | None, ...] = listener.spec.domains if listener.spec.sni else (None,)
    found = (listener.server_secret_for(level) for level in levels)
    return frozenset(ref for ref in found if ref is not None)


def existing_certificates(listener: MutualTLSListener) -> frozenset[CertId]:
    """Return the certificates of the cloud that the manifest names and the listener uses."""
    levels: tuple[Domain | None, ...] = listener.spec.domains if listener.spec.sni else (None,)
    found = (listener.cloud_certificate_for(level) for level in levels)
    return frozenset(CertId(certificate) for certificate in found if certificate is not None)


def admitted(listener: MutualTLSListener) -> frozenset[ObjectRef]:
    """Return the authorities whose certificates the listener admits, none when it names none."""
    try:
        return frozenset(slot.admits for slot in slots(listener))
    except SpecError:
        return frozenset()


def authorities(listener: MutualTLSListener) -> frozenset[ObjectRef]:
    """Return every authority that the listener depends on, none when it names none."""
    try:
        wanted = slots(listener)
    except SpecError:
        return frozenset()
    signing = frozenset(slot.issuer for slot in wanted if isinstance(slot, IssuedSlot))
    return signing | {slot.admits for slot in wanted}


def _secret(listener: MutualTLSListener, domain: str, algorithm: str = "") -> ObjectRef:
    """Return where a certificate is kept; the second one's Secret ends with its key's algorithm."""
    name = f"{listener.metadata.name}-server"
    if domain:
        name += "-" + hashlib.sha256(domain.encode()).hexdigest()[:_HASH_CHARACTERS]
    return ObjectRef(listener.metadata.namespace, f"{name}-{algorithm}" if algorithm else name)


def wanted_server_leaf(listener: MutualTLSListener, slot: IssuedSlot) -> WantedLeaf:
    """Return the certificate for a slot.

    Raises:
        PkiError: a domain cannot be certified, such as a regular expression.
    """
    issue = slot.issue
    names = SubjectAltNames(dns_names=slot.names)
    return WantedLeaf(
        profile=SERVER,
        subject=Subject(common_name=_common_name(listener, names.dns_names)),
        names=names,
        key=KeySpec(KeyAlgorithm(slot.key.algorithm.value), slot.key.effective_size()),
        duration=issue.duration,
        renew_before=issue.effective_renew_before(),
        keep_key=False,
        renew_token=listener.metadata.annotations.get(RENEW_ANNOTATION, ""),
        # The same for both of a pair: they are renewed, uploaded and bound together.
        seed=f"{listener.metadata.uid}/{slot.domain}",
    )


def _common_name(listener: MutualTLSListener, names: tuple[str, ...]) -> str:
    """The first name that fits: clients go by the alternative names, people read this one."""
    fitting = (name for name in names if len(name) <= _MOST_CHARACTERS)
    return next(fitting, f"listener {listener.metadata.name}"[:_MOST_CHARACTERS])


def require_own_secret(listener: MutualTLSListener, secret: Secret | None) -> None:
    """Refuse to touch a Secret that another object or person made.

    Raises:
        OwnershipError: with reason SecretNameTaken.
    """
    if secret is None or secret.belongs_to(listener.metadata.uid):
        return
    raise OwnershipError(
        Reason.SECRET_NAME_TAKEN,
        f"Secret {secret.ref}, where the server certificate would be kept, exists and belongs to somebody "
        "else. It is left alone: remove it, or give the listener another name.",
    )


def surplus_secrets(listener: MutualTLSListener, found: Iterable[Secret]) -> list[Secret]:
    """Return those of the listener's own Secrets in which no slot keeps its certificate."""
    needed = {slot.secret for slot in slots(listener) if isinstance(slot, IssuedSlot)}
    own = (secret for secret in found if secret.belongs_to(listener.metadata.uid))
    return [secret for secret in own if secret.ref not in needed]


def render_server_secret(
    listener: MutualTLSListener,
    slot: IssuedSlot,
    previous: Secret | None,
    *,
    leaf: WantedLeaf,
    chain: tuple[x509.Certificate, ...],
    key: PrivateKey,
    roots: tuple[x509.Certificate, ...],
) -> Secret:
    """Return the Secret to write; its uid and resourceVersion guard the write."""
    kept = previous.annotations if previous else {}
    return Secret(
        ref=slot.secret,
        type=TLS_SECRET,
        data={TLS_CRT: chain_to_pem(chain), TLS_KEY: key_to_pem(key), CA_CRT: chain_to_pem(roots)},
        labels={**(previous.labels if previous else {}), **owned_labels(listener)},
        annotations={**kept, **({RENEWED_BY: leaf.renew_token} if leaf.renew_token else {})},
        owner=owner_of(listener),
        uid=previous.uid if previous else "",
        resource_version=previous.resource_version if previous else "",
    )
