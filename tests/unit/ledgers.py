"""Entries of a ledger with everything filled in that a test does not care about."""

from datetime import timedelta
from typing import Any

from builders import NOW

from mtls_operator.api.meta import Kind
from mtls_operator.core.ledger import Entry

LONGEST_NAME = "n" * 253
LONGEST_NAMESPACE = "s" * 63


def entry(serial: str = "1", **fields: Any) -> Entry:
    known: dict[str, Any] = {
        "kind": Kind.CLIENT_CERT,
        "namespace": "edge",
        "name": "payments",
        "uid": "uid-payments",
        "secret": "payments",
        "common_name": "payments.edge",
        "generation": 1,
        "not_before": NOW,
        "not_after": NOW + timedelta(days=90),
        "issued_at": NOW,
        "why": "there is no usable certificate yet",
    }
    return Entry(serial=serial, **{**known, **fields})


def largest_entry(number: int = 0) -> Entry:
    """Return one of which no part could be longer: names, and a common name of the widest characters."""
    return entry(
        f"{2**159 - 1 - number:x}",
        kind=Kind.MUTUAL_TLS_LISTENER,
        namespace=LONGEST_NAMESPACE,
        name=LONGEST_NAME,
        uid="0c3a7f4e-0b1d-4c52-9d6e-5a1f0e3b7c99",
        secret=LONGEST_NAME,
        common_name="\N{GRINNING FACE}" * 64,
        generation=999_999,
        why="the stored key does not belong to the stored certificate",
    ).revoke(NOW, "AffiliationChanged")
