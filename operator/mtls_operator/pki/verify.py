"""Verify a leaf as the other side of a TLS connection would.

Pure. Called by the reconcilers before they publish, and by `kubectl mtls verify`.

The engine is cryptography's path builder with the web's rules, loosened in one place: a client
certificate may do without alternative names, since CLB's nginx looks at none. A server certificate
without them is refused, as by every browser. The web's rules hold for the root as well: critical
basicConstraints and a keyUsage with keyCertSign, so the guide's own version 1 root does not pass.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    Subject,
    VerificationError,
)

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.names import SubjectAltNames, common_name_of
from mtls_operator.pki.profiles import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def verify_leaf(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime, usage: Usage
) -> tuple[x509.Certificate, ...]:
    """Verify a chain at a time.

    Args:
        chain: the leaf first, then what is sent with it, in any order.
        roots: the trusted roots, at least one.
        now: an aware time.
        usage: which side the leaf is on. A server is verified for the first of its own names: whether
            these are the wanted ones is another question, and cheaper to ask.

    Returns:
        The path found: leaf, intermediates, root.

    Raises:
        PkiError: no path is valid; the text names the leaf and the engine's reason.
    """
    if not chain or not roots:
        raise PkiError("there is no certificate to verify, or no root to verify it with")
    leaf, *others = chain
    policy = PolicyBuilder().store(Store(list(roots))).time(now)
    try:
        return tuple(_verify(leaf, others, policy, usage))
    except (VerificationError, x509.UnsupportedGeneralNameType, ValueError) as error:
        name = common_name_of(leaf.subject)
        raise PkiError(f"the {usage.lower()} certificate {name!r} does not verify: {error}") from None


def _verify(
    leaf: x509.Certificate, others: list[x509.Certificate], policy: PolicyBuilder, usage: Usage
) -> list[x509.Certificate]:
    if usage is Usage.SERVER:
        return policy.build_server_verifier(_own_name(leaf)).verify(leaf, others)
    any_names = ExtensionPolicy.webpki_defaults_ee().may_be_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
    policy = policy.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=any_names)
    return policy.build_client_verifier().verify(leaf, others).chain


def _own_name(leaf: x509.Certificate) -> Subject:
    names = SubjectAltNames.from_certificate(leaf)
    if names.dns_names:
        # A host that the wildcard stands for: a wildcard itself is no name to connect to.
        return x509.DNSName(names.dns_names[0].replace("*", "any", 1))
    if names.ip_addresses:
        return x509.IPAddress(ip_address(names.ip_addresses[0]))
    raise PkiError(
        f"the server certificate {common_name_of(leaf.subject)!r} has no DNS name and no IP address"
    )
