"""What the three kinds share: names in the API, object metadata, conditions.

Pure constants and values. Imported by every layer that speaks of our objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mtls_operator.api.model import ApiModel, Time

GROUP: Final = "mtls.clb-operator.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "mtls"
FINALIZER: Final = f"{GROUP}/cleanup"

RENEW_ANNOTATION: Final = f"{GROUP}/renew"
PAUSED_ANNOTATION: Final = f"{GROUP}/paused"
ROTATE_ANNOTATION: Final = f"{GROUP}/rotate"
PLAN_ONLY_ANNOTATION: Final = f"{GROUP}/plan-only"
"""`true` on a listener: the plan goes to status and an event, nothing is written to the cloud."""
PLAN_FOR_ANNOTATION: Final = f"{GROUP}/plan-for"
"""On a listener that `kubectl mtls plan` makes for a moment: whose cloud listener its manifest is compared
with, by name in the same namespace. It is planned only, as with `plan-only`, and never holds anything."""
SYNC_ANNOTATION: Final = f"{GROUP}/sync"
"""On a listener: a new value asks for a look at the cloud now; status.lastHandledSync repeats it then."""

MANAGED_LABEL: Final = f"{GROUP}/managed"
"""`true` on every Secret and ConfigMap that the operator made."""
WATCH_LABEL: Final = f"{GROUP}/watch"
"""`true` on every Secret and ConfigMap whose changes are followed at once: those that the operator made,
and those of people that should be. Its informers select by it and see no others."""
LEDGER_LABEL: Final = f"{GROUP}/ledger"
"""`true` on the shards of an authority's ledger; nobody watches them."""
OWNER_KIND_LABEL: Final = f"{GROUP}/owner-kind"
OWNER_UID_LABEL: Final = f"{GROUP}/owner-uid"
"""The uid and not the name, since a label's value ends at 63 characters and a name may have 253."""


class Kind(StrEnum):
    """The kinds of the group."""

    CERTIFICATE_AUTHORITY = "CertificateAuthority"
    CLIENT_CERT = "ClientCert"
    MUTUAL_TLS_LISTENER = "MutualTLSListener"

    @property
    def plural(self) -> str:
        """The name in the REST path."""
        return _PLURALS[self]

    @property
    def singular(self) -> str:
        """The lower-case name that kubectl takes, too."""
        return self.value.lower()

    @property
    def short_name(self) -> str:
        """The name for people in a hurry."""
        return _SHORT_NAMES[self]


_PLURALS: Final[Mapping[Kind, str]] = {
    Kind.CERTIFICATE_AUTHORITY: "certificateauthorities",
    Kind.CLIENT_CERT: "clientcerts",
    Kind.MUTUAL_TLS_LISTENER: "mutualtlslisteners",
}
_SHORT_NAMES: Final[Mapping[Kind, str]] = {
    Kind.CERTIFICATE_AUTHORITY: "ca",
    Kind.CLIENT_CERT: "ccert",
    Kind.MUTUAL_TLS_LISTENER: "mtl",
}


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """A namespaced object whose kind is known from the context."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """An object of ours, as the work queue names it."""

    kind: Kind
    namespace: str
    name: str

    @property
    def ref(self) -> ObjectRef:
        """The key without its kind."""
        return ObjectRef(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class ObjectMeta(ApiModel):
    """The part of an object's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    finalizers: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    @property
    def ref(self) -> ObjectRef:
        """Where the object is."""
        return ObjectRef(self.namespace, self.name)

    @property
    def is_deleting(self) -> bool:
        """Whether somebody has asked for its deletion."""
        return self.deletion_timestamp is not None

    @property
    def has_finalizer(self) -> bool:
        """Whether our finalizer holds the object."""
        return FINALIZER in self.finalizers

    @property
    def plans_for(self) -> str:
        """The listener that this one is a draft of, empty for one in its own right."""
        return self.annotations.get(PLAN_FOR_ANNOTATION, "")

    @property
    def is_draft(self) -> bool:
        """Whether it is made for a plan and nothing else; one that holds something in the cloud never is."""
        return bool(self.plans_for) and not self.has_finalizer

    @property
    def is_plan_only(self) -> bool:
        """Whether the plan is wanted and none of its writes."""
        return bool(self.plans_for) or self.annotations.get(PLAN_ONLY_ANNOTATION) == "true"

    @property
    def wanted_sync(self) -> str:
        """The value that asks for a look at the cloud, empty without one."""
        return self.annotations.get(SYNC_ANNOTATION, "")

    @property
    def is_paused(self) -> bool:
        """Whether the object is to be observed and never written for."""
        return self.annotations.get(PAUSED_ANNOTATION) == "true"
