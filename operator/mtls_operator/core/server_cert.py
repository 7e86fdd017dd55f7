"""The server certificates of a listener: which there are, and what their Secrets should hold.

Pure. Called by the MutualTLSListener reconciler. With SNI off the listener has one certificate for
all of its domains; with SNI on each domain has its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import RENEW_ANNOTATION, ObjectRef
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
    from cryptography import x509

    from mtls_operator.api.listener import Domain, MutualTLSListener
    from mtls_operator.api.listener_tls import Issue

_MOST_CHARACTERS: Final = 64
_HASH_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place for a server certificate.

    Attributes:
        domain: the one domain it is for where SNI is on; empty for the listener's own.
        issue: how the certificate is made.
        names: what the certificate has to be good for.
        issuer: the authority that signs it.
        admits: the authority whose clients are admitted there.
        secret: where the certificate is kept.
    """

    domain: str
    names: tuple[str, ...]
    issue: Issue
    issuer: ObjectRef
    admits: ObjectRef
    secret: ObjectRef


def slots(listener: MutualTLSListener) -> tuple[Slot, ...]:
    """Return the listener's certificate slots: one with SNI off, one for each domain with SNI on."""
    if not listener.spec.sni:
        names = tuple(domain.domain for domain in listener.spec.domains)
        return (_slot(listener, None, names),)
    return tuple(_slot(listener, domain, (domain.domain,)) for domain in listener.spec.domains)


def _slot(listener: MutualTLSListener, domain: Domain | None, names: tuple[str, ...]) -> Slot:
    name = domain.domain if domain else ""
    return Slot(
        domain=name,
        names=names,
        issue=listener.issue_for(domain),
        issuer=listener.server_issuer_for(domain),
        admits=listener.ca_for(domain),
        secret=_secret(listener, name),
    )


def admitted(listener: MutualTLSListener) -> frozenset[ObjectRef]:
    """Return the authorities whose certificates the listener admits, none when it names none."""
    try:
        return frozenset(slot.admits for slot in slots(listener))
    except SpecError:
        return frozenset()


def authorities(listener: MutualTLSListener) -> frozenset[ObjectRef]:
    """Return every authority that the listener depends on, none when it names none."""
    try:
        return frozenset(ref for slot in slots(listener) for ref in (slot.admits, slot.issuer))
    except SpecError:
        return frozenset()


def _secret(listener: MutualTLSListener, domain: str) -> ObjectRef:
    name = f"{listener.metadata.name}-server"
    if domain:
        name += "-" + hashlib.sha256(domain.encode()).hexdigest()[:_HASH_CHARACTERS]
    return ObjectRef(listener.metadata.namespace, name)


def wanted_server_leaf(listener: MutualTLSListener, slot: Slot) -> WantedLeaf:
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
        key=KeySpec(KeyAlgorithm(issue.private_key.algorithm.value), issue.private_key.effective_size()),
        duration=issue.duration,
        renew_before=issue.effective_renew_before(),
        keep_key=False,
        renew_token=listener.metadata.annotations.get(RENEW_ANNOTATION, ""),
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


def render_server_secret(
    listener: MutualTLSListener,
    slot: Slot,
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
