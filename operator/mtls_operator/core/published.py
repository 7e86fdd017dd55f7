"""What an authority publishes for anybody to read: its roots and its revocation lists.

Pure. Read from the ConfigMap `<name>-ca`, where `ca.crt` holds the roots and `g<N>.crl` the list that
the key of generation N signed. Everything is parsed and written anew, so that nothing but certificates
and lists can get out by this way, whatever somebody wrote into the ConfigMap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mtls_operator.api.meta import MANAGED_LABEL, OWNER_KIND_LABEL, Kind, ObjectRef
from mtls_operator.core.ownership import OWNER_ANNOTATION
from mtls_operator.pki.crl import crl_to_der, load_crls
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, load_chain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mtls_operator.core.cluster import ConfigMap

_LIST_KEY: Final = re.compile(r"g([1-9][0-9]{0,8})\.crl")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """A certificate revocation list.

    Attributes:
        der: as RFC 5280 has it served.
        this_update: when it was made, aware and in UTC.
        next_update: when there will be a newer one at the latest.
    """

    der: bytes
    this_update: datetime
    next_update: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Roots and lists of an authority.

    Attributes:
        roots: PEM; empty while there is no root.
        lists: by the generation of the key that signed each; one that cannot be read is left out.
        newest: the newest generation that has a list, readable or not; 0 for none.
    """

    roots: bytes
    lists: Mapping[int, RevocationList]
    newest: int


def published_in(authority: ObjectRef) -> ObjectRef:
    """Return the ConfigMap in which an authority publishes."""
    return ObjectRef(authority.namespace, f"{authority.name}-ca")


def read_published(config_map: ConfigMap) -> Published | None:
    """Return what a ConfigMap publishes, None for one that the operator did not make for that purpose."""
    owner = ObjectRef(config_map.ref.namespace, config_map.annotations.get(OWNER_ANNOTATION, ""))
    if (
        config_map.ref != published_in(owner)
        or config_map.labels.get(MANAGED_LABEL) != "true"
        or config_map.labels.get(OWNER_KIND_LABEL) != Kind.CERTIFICATE_AUTHORITY
    ):
        return None
    found = ((_LIST_KEY.fullmatch(key), text) for key, text in config_map.data.items())
    texts = {int(match.group(1)): text for match, text in found if match is not None}
    lists = {generation: _read_list(text) for generation, text in texts.items()}
    return Published(
        roots=_read_roots(config_map.data.get("ca.crt", "")),
        lists={generation: one for generation, one in lists.items() if one is not None},
        newest=max(texts, default=0),
    )


def _read_roots(pem: str) -> bytes:
    try:
        return chain_to_pem(load_chain(pem))
    except PkiError:
        return b""


def _read_list(pem: str) -> RevocationList | None:
    try:
        crls = load_crls(pem)
    except PkiError:
        return None
    crl = crls[0] if len(crls) == 1 else None
    if crl is None or crl.next_update_utc is None:
        return None
    return RevocationList(
        der=crl_to_der(crl), this_update=crl.last_update_utc, next_update=crl.next_update_utc
    )
