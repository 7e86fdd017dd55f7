"""What a listener of the cloud has switched on that the operator neither sets nor compares.

Pure. For `kubectl mtls import`, which says so; the operator leaves it as it is. Fields: API definition of
Listener and RuleOutput.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtls_operator.adapters.tencent import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def unmanaged(body: Mapping[str, object]) -> Iterator[str]:
    """Yield what it is and of what, for each setting of a listener as the cloud describes it."""
    if shapes.number(body, "KeepaliveEnable"):
        yield "KeepaliveEnable of the listener"
    for name in ("MaxConn", "MaxCps"):
        # -1 is no limit.
        if shapes.number(body, name) > 0:
            yield f"{name} of the listener"
    for rule in shapes.items(body, "Rules"):
        which = f"rule {shapes.text(rule, 'Domain')}{shapes.text(rule, 'Url')}"
        yield from (f"{what} of {which}" for what in _of_rule(rule))


def _of_rule(rule: Mapping[str, object]) -> Iterator[str]:
    if shapes.text(rule, "QuicStatus") == "QUIC_ACTIVE":
        yield "QUIC"
    if shapes.text(rule, "CookieName"):
        yield "the cookie's name"
    redirection = rule.get("RewriteTarget")
    if isinstance(redirection, dict) and shapes.text(redirection, "TargetListenerId"):
        yield "the redirection"
    names = shapes.texts(rule, "Domains")
    if len(names) > 1:
        yield f"the further domains {', '.join(names[1:])}"
    if shapes.text(rule, "TargetType").startswith("TARGETGROUP"):
        yield "the target group"
