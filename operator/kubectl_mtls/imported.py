"""The manifest for a listener that is in the cloud already, and what no manifest can say of it.

Pure. Used by `kubectl mtls import`. Fields with the schema's own default are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import yaml

from kubectl_mtls.errors import Refusal
from kubectl_mtls.nodes import backends_of, selector_for
from kubectl_mtls.render import harmless
from mtls_operator.api.duration import render_duration
from mtls_operator.api.meta import API_VERSION, Kind
from mtls_operator.api.route import HealthCheck as ApiHealthCheck
from mtls_operator.api.route import Route
from mtls_operator.core.adoption import TKE_NAME
from mtls_operator.core.build import named_owner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kubectl_mtls.cloud import FoundListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import CertId, HealthCheck, Listener, Rule, TlsBinding
    from mtls_operator.core.cluster import Node, Service

_UNKNOWN_CA: Final = "set-this-authority"
_UNKNOWN_PORT: Final = 32767
_ONE_LINE: Final = 1000
"""Characters: no line of a manifest is so long that it would be folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the cluster has that a listener may be made of.

    Attributes:
        ref: what the object is to be.
        authorities: the authorities of the cluster, by their uploads.
        authority: the one that is named on the command line, for every other upload.
    """

    ref: ObjectRef
    nodes: Collection[Node] = ()
    services: Collection[Service] = ()
    authorities: Mapping[CertId, ObjectRef] = field(default_factory=dict)
    authority: ObjectRef | None = None


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A manifest in the making, with its notes and the nodes that serve."""

    notes: list[str] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    todo: dict[str, str] = field(default_factory=dict)


def render_import(found: FoundListener, around: Surroundings) -> str:
    """Return the manifest as YAML, with comments about what is to do and what cannot be said.

    Raises:
        Refusal: the listener can never be adopted.
    """
    _require_importable(found.listener)
    draft = _Draft()
    spec = _spec(found, around, draft)
    manifest: dict[str, Json] = {
        "apiVersion": API_VERSION,
        "kind": Kind.MUTUAL_TLS_LISTENER.value,
        "metadata": {"name": around.ref.name, "namespace": around.ref.namespace},
        "spec": spec,
    }
    draft.notes += [f"left as it is, since no field is for it: {one}" for one in found.unmanaged]
    title = f"Listener {found.listener.id} ({found.listener.name or 'unnamed'}) of {found.balancer.id}"
    head = [_comment(title), *(_comment(f"NOTE: {note}") for note in dict.fromkeys(draft.notes))]
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=_ONE_LINE)
    lines = [*head, *(_with_comment(line, draft.todo) for line in text.splitlines())]
    return "\n".join(lines)


def _comment(text: str) -> str:
    return f"# {harmless(' '.join(text.split()))}."


def _with_comment(line: str, todo: Mapping[str, str]) -> str:
    comment = todo.get(line.strip().removeprefix("- "))
    return f"{line}  # TODO: {comment}" if comment else line


def _require_importable(listener: Listener) -> None:
    if listener.name.startswith(TKE_NAME):
        raise Refusal(f"listener {listener.id} ({listener.name}) belongs to TKE and is never adopted.")
    if listener.protocol != "HTTPS":
        raise Refusal(
            f"listener {listener.id} is {listener.protocol} and a MutualTLSListener is HTTPS: it cannot be "
            "adopted. Delete it, or make the object on another port."
        )


def _spec(found: FoundListener, around: Surroundings, draft: _Draft) -> dict[str, Json]:
    listener, balancer = found.listener, found.balancer
    owner = named_owner(listener.name)
    if owner is not None:
        draft.notes.append(
            f"an operator made it for {owner.ref}: it is adopted only when that object is gone"
        )
    if not listener.rules:
        raise Refusal(
            f"listener {listener.id} has no rule, and a MutualTLSListener has one domain at least. "
            "Add a rule in the console, or delete the listener and let the operator make it."
        )
    names = list(dict.fromkeys(rule.domain for rule in listener.rules))
    domains: list[Json] = [_domain(name, listener, around, draft) for name in names]
    spec: dict[str, Json] = {
        "loadBalancer": {"id": balancer.id, "region": balancer.region},
        "port": listener.port,
        **({"sni": True} if listener.sni else {}),
        **({} if listener.sni else {"tls": _tls("the listener", listener.tls, around, draft)}),
        "domains": domains,
    }
    selector = selector_for(draft.bound, around.nodes)
    if selector is None:
        draft.notes.append(
            f"bound are the nodes {', '.join(sorted(draft.bound)) or 'none'}, which no label tells from the "
            "others. Label them and set spec.nodeSelector, or bind the others as well"
        )
    return {
        **spec,
        **({"nodeSelector": dict(selector)} if selector else {}),
        "adoptionPolicy": "IfIdentical",
    }


def _tls(which: str, binding: TlsBinding | None, around: Surroundings, draft: _Draft) -> dict[str, Json]:
    if binding is None:
        draft.notes.append(f"{which} has no certificate")
        return {"caRef": _authority(which, None, around, draft)}
    if not (binding.mutual and binding.required):
        draft.notes.append(
            f"{which} lets in clients without a certificate, which no MutualTLSListener does: switch mutual "
            "authentication on before the adoption"
        )
    first, *further = binding.server
    if further:
        draft.notes.append(
            f"{which} shows a second certificate, {', '.join(further)}: cloudCertificateId names one only. "
            "Let an authority issue both (serverCertificate.issue.additional), or show one"
        )
    return {
        "caRef": _authority(which, binding.ca_certificate_id, around, draft),
        "serverCertificate": {"cloudCertificateId": first},
    }


def _authority(which: str, upload: CertId | None, around: Surroundings, draft: _Draft) -> dict[str, Json]:
    known = around.authorities.get(upload) if upload is not None else None
    ref = known or around.authority
    if ref is None:
        draft.todo[f"name: {_UNKNOWN_CA}"] = (
            f"the CertificateAuthority with the root of {upload or 'your clients'}; bring the root by "
            "source.secretRef"
        )
        draft.notes.append(
            f"{which} admits the clients of {upload or 'nobody'}, which is no upload of an authority of this "
            "cluster. Name the authority by --ca"
        )
        return {"name": _UNKNOWN_CA}
    is_near = ref.namespace == around.ref.namespace
    return {"name": ref.name} if is_near else {"name": ref.name, "namespace": ref.namespace}


def _domain(name: str, listener: Listener, around: Surroundings, draft: _Draft) -> dict[str, Json]:
    rules = [rule for rule in listener.rules if rule.domain == name]
    first = rules[0]
    return {
        "domain": name,
        **({"default": True} if first.default else {}),
        **({} if first.http2 else {"http2": False}),
        **({"tls": _tls(f"domain {name}", first.tls, around, draft)} if listener.sni else {}),
        "routes": [_route(rule, around, draft) for rule in rules],
    }


def _route(rule: Rule, around: Surroundings, draft: _Draft) -> dict[str, Json]:
    which = f"rule {rule.domain}{rule.path}"
    backends = backends_of(rule.targets, around.nodes, around.services)
    draft.notes += [f"{which}: {note}" for note in backends.notes]
    draft.bound |= backends.names
    if not backends.rendered:
        draft.notes.append(f"{which} has no target, and a route has one backend at least")
        draft.todo[f"nodePort: {_UNKNOWN_PORT}"] = "where its requests are to go"
    check = rule.health_check
    if check.enabled and check.protocol not in ("", rule.backend_protocol):
        draft.notes.append(f"{which} is probed by {check.protocol}; the operator probes by backendProtocol")
    usual = Route.model_fields
    session = timedelta(seconds=rule.session_seconds)
    return {
        "path": rule.path,
        **({} if rule.scheduler == usual["scheduler"].default else {"scheduler": rule.scheduler}),
        **(
            {}
            if rule.backend_protocol == usual["backend_protocol"].default
            else {"backendProtocol": rule.backend_protocol}
        ),
        **({"sessionPersistence": render_duration(session)} if session else {}),
        **_probe(rule),
        "backends": backends.rendered or [{"nodePort": _UNKNOWN_PORT}],
    }


def _probe(rule: Rule) -> dict[str, Json]:
    """Return what differs from the defaults, which are not the cloud's own."""
    check = rule.health_check
    if not check.enabled:
        return {"healthCheck": {"enabled": False}}
    own = dict(_probe_fields(rule, check))
    usual = ApiHealthCheck().render()
    differs = {name: value for name, value in own.items() if usual.get(name) != value}
    return {"healthCheck": differs} if differs else {}


def _probe_fields(rule: Rule, check: HealthCheck) -> Iterator[tuple[str, Json]]:
    """The probe of a plain domain asks for that domain anyway; under others it has to be said."""
    if check.domain and (check.domain != rule.domain or "*" in rule.domain or rule.domain.startswith("~")):
        yield "domain", check.domain
    yield "path", check.path
    yield "method", check.method
    yield "interval", render_duration(timedelta(seconds=check.interval))
    yield "timeout", render_duration(timedelta(seconds=check.timeout))
    yield "healthyThreshold", check.healthy_threshold
    yield "unhealthyThreshold", check.unhealthy_threshold
    yield "codes", sorted(check.codes)
