"""MutualTLSListener: an HTTPS listener of a load balancer that refuses clients without a certificate.

Pure. Read by the MutualTLSListener reconciler and the pure core that builds the desired listener.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.listener_policy import AdoptionPolicy, DriftPolicy, Verification
from mtls_operator.api.listener_status import ListenerStatus
from mtls_operator.api.listener_tls import (
    DomainTls,
    EffectiveIssue,
    ListenerTls,
    effective_issue,
    effective_source,
)
from mtls_operator.api.meta import Kind, ObjectRef
from mtls_operator.api.model import ApiModel
from mtls_operator.api.resource import INVALID_SPEC, LENIENT, Resource
from mtls_operator.api.route import Backend, HealthCheck, Port, Route
from mtls_operator.api.rules import Rule, carries, immutable, map_by
from mtls_operator.api.subject import DeletionPolicy
from mtls_operator.api.timing import between
from mtls_operator.errors import SpecError

__all__ = [
    "Backend",
    "Domain",
    "HealthCheck",
    "ListenerSpec",
    "ListenerStatus",
    "LoadBalancerRef",
    "MutualTLSListener",
    "Route",
]

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DomainName = Annotated[
    str,
    Field(max_length=80),
    Rule(
        f"self.startsWith('~') || self.matches('^([*][.])?({_LABEL}[.])*{_LABEL}$') "
        f"|| self.matches('^({_LABEL}[.])+[*]$')",
        "must be a domain in lower case such as api.example.com, *.example.com or www.example.*, "
        "or a regular expression that begins with ~",
    ),
]


class LoadBalancerRef(ApiModel):
    """The load balancer. Immutable."""

    id: Annotated[
        str,
        Field(max_length=32),
        Rule("self.matches('^lb-[a-z0-9]+$')", "must be the id of a load balancer such as lb-1a2b3c4d"),
    ]
    """Its id, such as lb-1a2b3c4d."""
    region: Annotated[
        str,
        Field(max_length=32),
        Rule("self.matches('^[a-z]+(-[a-z0-9]+)+$')", "must be a region such as ap-guangzhou"),
    ]
    """Its region, such as ap-guangzhou."""


class Domain(ApiModel):
    """A domain of the listener."""

    model_config = carries(
        Rule(
            "!(self.domain.contains('*') || self.domain.startsWith('~')) || self.routes.all(r, "
            "!r.healthCheck.enabled || (has(r.healthCheck.domain) && r.healthCheck.domain != ''))",
            "a wildcard or regular-expression domain cannot be probed: "
            "set healthCheck.domain of every route, or healthCheck.enabled: false",
            ".routes",
        ),
        Rule(
            "self.http2 || !self.routes.exists(r, r.backendProtocol == 'GRPC')",
            "backendProtocol GRPC needs http2: true on its domain",
            ".http2",
        ),
    )

    domain: DomainName
    """The domain, such as api.example.com or *.example.com."""
    default: bool = False
    """Whether requests for unknown domains come here. One at most; without one it is the first."""
    http2: bool = True
    """Whether clients may speak HTTP/2."""
    tls: DomainTls | None = None
    """What is different for this domain; with sni: true only."""
    routes: Annotated[tuple[Route, ...], Field(min_length=1, max_length=50), map_by("path")]
    """The paths and where their requests go."""

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for many domains: a wildcard or a regular expression."""
        return "*" in self.domain or self.domain.startswith("~")


_NOT_CERTIFIABLE: Final = "(d.domain.startsWith('~') || d.domain.endsWith('*'))"
_OWN: Final = "d.?tls.?serverCertificate"
_INHERITED: Final = "self.?tls.?serverCertificate"
_IS_ELSEWHERE: Final = " || ".join(
    f"{level}.?{source}.hasValue()"
    for level in (_OWN, _INHERITED)
    for source in ("secretRef", "cloudCertificateId")
)
_IS_ISSUED: Final = f"({_OWN}.?issue.hasValue() || !({_IS_ELSEWHERE}))"


def _is_ecdsa(field: str) -> str:
    """Return the CEL that tells whether a field of `issue`, with what a domain inherits, is ECDSA.

    Compared with a constant, since the cost of comparing two fields counts as unbounded.
    """
    own, inherited = f"{_OWN}.?issue.{field}", f"{_INHERITED}.?issue.{field}"
    return f"({own}.hasValue() ? {own}.orValue('') == 'ECDSA' : {inherited}.orValue('') == 'ECDSA')"


_HAS_ADDITIONAL: Final = (
    f"({_OWN}.?issue.?additional.hasValue() || {_INHERITED}.?issue.?additional.hasValue())"
)


_MOVE_PAGE: Final = "See docs/how-to/move-a-listener.md."


class ListenerSpec(ApiModel):
    """The listener that is wanted."""

    model_config = carries(
        immutable("loadBalancer", f"Make another listener there, and move. {_MOVE_PAGE}"),
        immutable("port", f"Make another listener on the other port, and move. {_MOVE_PAGE}"),
        immutable("sni", f"Make another listener on another port, and move. {_MOVE_PAGE}"),
        Rule(
            "self.domains.filter(d, d.default).size() <= 1",
            "at most one domain can be the default",
            ".domains",
        ),
        Rule(
            "self.sni || !self.domains.exists(d, has(d.tls))",
            "tls on a domain needs sni: true; with sni: false all domains share spec.tls",
            ".domains",
        ),
        Rule(
            "(has(self.tls) && has(self.tls.caRef)) || "
            "(self.sni && self.domains.all(d, has(d.tls) && has(d.tls.caRef)))",
            "set tls.caRef, the authority whose certificates are admitted; "
            "with sni: true each domain may name its own",
            ".tls",
        ),
        Rule(
            f"!self.domains.exists(d, {_NOT_CERTIFIABLE} && {_IS_ISSUED})",
            "serverCertificate.issue cannot serve a regular-expression domain, nor one that ends in '*': "
            "no certificate can carry such a name; use serverCertificate.secretRef or cloudCertificateId",
            ".domains",
        ),
        Rule(
            f"self.domains.all(d, !{_OWN}.?issue.hasValue() || !{_HAS_ADDITIONAL} || "
            f"{_is_ecdsa('?additional')} != {_is_ecdsa('?privateKey.?algorithm')})",
            "a domain's additional must be another algorithm than that of its key; what is absent of the two "
            "is the listener's",
            ".domains",
        ),
    )

    load_balancer: LoadBalancerRef
    """The load balancer. Immutable. Its tag mtls.clb-operator.dev/namespaces says who may use it."""
    port: Port = 443
    """The port to listen on. Immutable."""
    sni: bool = False
    """Whether each domain has certificates of its own (method 2 of the guide). Immutable."""
    tls: ListenerTls = Field(default_factory=ListenerTls)
    """Whose certificates are admitted, which certificate is shown; with sni: true, what domains inherit."""
    domains: Annotated[tuple[Domain, ...], Field(min_length=1, max_length=50), map_by("domain")]
    """The domains and their routes."""
    node_selector: Annotated[Mapping[str, str], Field(max_length=32)] = Field(default_factory=dict)
    """Labels of the nodes that serve. Default: every eligible node."""
    drain_period: Annotated[Duration, between("1s", "1h", or_zero=True)] = timedelta(seconds=30)
    """How long a node that leaves has weight 0 before it is unbound; at deletion, all of them."""
    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """Never, IfIdentical, or Always: what to do with a listener that somebody else made on the port. Always
    needs the operator's consent."""
    drift_policy: DriftPolicy = DriftPolicy.REPAIR
    """Repair, or Report: what to do with a change that somebody else made in the cloud."""
    verification: Verification = Field(default_factory=Verification)
    """How the operator tries the doors itself."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete, or Retain: the listener and its certificates stay in the cloud."""

    def default_domain(self) -> Domain:
        """Return the domain for requests that match none: the one marked so, else the first."""
        return next((d for d in self.domains if d.default), self.domains[0])


class MutualTLSListener(Resource):
    """An HTTPS listener of a Tencent Cloud load balancer that refuses clients without a certificate."""

    kind: ClassVar = Kind.MUTUAL_TLS_LISTENER

    spec: ListenerSpec
    """The listener that is wanted."""
    status: Annotated[ListenerStatus, LENIENT] = Field(default_factory=ListenerStatus)
    """The listener that is. Written by the operator."""

    def ca_for(self, domain: Domain | None = None) -> ObjectRef:
        """Return the authority whose certificates a domain admits.

        Args:
            domain: None for the listener itself, which is what counts with SNI off.

        Raises:
            SpecError: with reason InvalidSpec, when neither names one; the schema refuses that, too.
        """
        own = domain.tls.ca_ref if domain and domain.tls else None
        ca = own or self.spec.tls.ca_ref
        if ca is None:
            of = f"domain {domain.domain} of " if domain else ""
            raise SpecError(
                INVALID_SPEC, f"{of}{self.kind} {self.ref} admits no authority. Set spec.tls.caRef."
            )
        return ca.resolve(self.metadata.namespace)

    def issue_for(self, domain: Domain | None = None) -> EffectiveIssue:
        """Return how the server certificate of a domain is made, with what the domain inherits.

        It counts where `server_secret_for` and `cloud_certificate_for` return None.
        """
        return effective_issue(self.spec.tls, domain.tls if domain else None)

    def server_secret_for(self, domain: Domain | None = None) -> ObjectRef | None:
        """Return the Secret of others that holds a domain's server certificate, None where none does."""
        named = effective_source(self.spec.tls, domain.tls if domain else None).secret_ref
        return ObjectRef(self.metadata.namespace, named.name) if named else None

    def cloud_certificate_for(self, domain: Domain | None = None) -> str | None:
        """Return the id of a domain's server certificate where the cloud has it already, else None."""
        return effective_source(self.spec.tls, domain.tls if domain else None).cloud_certificate_id

    def server_issuer_for(self, domain: Domain | None = None) -> ObjectRef:
        """Return the authority that signs the server certificate of a domain, the admitted one by default.

        Raises:
            SpecError: as `ca_for`.
        """
        named = self.issue_for(domain).ca_ref
        return named.resolve(self.metadata.namespace) if named else self.ca_for(domain)
