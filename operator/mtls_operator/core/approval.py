"""Approval by hand: an entry in a ConfigMap beside the authority, for exactly one object and spec.

    ConfigMap <authority>-approvals         in the authority's namespace
      data:
        <namespace>.<name>: <uid>:<hash of the spec>             approved
        <namespace>.<name>: denied:<uid>:<hash of the spec>      denied

Pure. Who may write that ConfigMap decides, so plain RBAC on the authority's namespace is the rule, and
somebody who may edit ClientCerts or their status can forge nothing. Written by `kubectl mtls approve`
and `deny`, judged by the ClientCert reconciler.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtls_operator.api.client_cert import ClientCert

_LONGEST_KEY: Final = 253
_SUFFIX: Final = "-approvals"
_DENIED: Final = "denied:"


class Judgement(StrEnum):
    """What the authority's owner has said of a ClientCert as it stands."""

    APPROVED = "Approved"
    PENDING = "Pending"
    DENIED = "Denied"


def approvals_config_map(authority: ObjectRef) -> ObjectRef:
    """Return where an authority's approvals are."""
    return ObjectRef(authority.namespace, f"{authority.name}{_SUFFIX}")


def approving_authority(config_map: ObjectRef) -> ObjectRef | None:
    """Return whose approvals a ConfigMap of this name holds, None for another name."""
    name = config_map.name.removesuffix(_SUFFIX)
    return ObjectRef(config_map.namespace, name) if name != config_map.name else None


def approval_key(ref: ObjectRef) -> str:
    """Return a ClientCert's key in the ConfigMap.

    A key ends at 253 characters, a name alone may have as many: a longer key has a digest in the
    name's place, behind a character that no name begins with.
    """
    key = f"{ref.namespace}.{ref.name}"
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{ref.namespace}._{hashlib.sha256(ref.name.encode()).hexdigest()}"


def spec_hash(cert: ClientCert) -> str:
    """Return what identifies a spec: SHA-256, hexadecimal.

    Fields at their defaults do not count, so that a field which a later version adds changes nothing.
    A revocation does not count either: it must not look like another request.
    """
    spec = cert.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"revoked"})
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def approval_value(cert: ClientCert) -> str:
    """Return the entry that approves a ClientCert as it stands."""
    return f"{cert.metadata.uid}:{spec_hash(cert)}"


def denial_value(cert: ClientCert) -> str:
    """Return the entry that denies a ClientCert as it stands."""
    return f"{_DENIED}{approval_value(cert)}"


def judge(cert: ClientCert, entries: Mapping[str, str]) -> Judgement:
    """Tell what an authority's approvals say of a ClientCert; an entry for another spec says nothing."""
    entry = entries.get(approval_key(cert.ref), "").strip()
    if entry == approval_value(cert):
        return Judgement.APPROVED
    return Judgement.DENIED if entry == denial_value(cert) else Judgement.PENDING
