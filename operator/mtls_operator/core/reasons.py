"""Every reason that a condition or an event of ours can carry, with what it means.

Pure constants. A reason is an API: it is documented, alerts match on it, and it is never renamed
without an entry in the changelog.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """PascalCase reasons; the docstring under each is its documentation."""

    SUCCEEDED = "Succeeded"
    """The object is as its manifest says."""
    PROGRESSING = "Progressing"
    """Work is under way; nothing to do but wait."""
    PAUSED = "Paused"
    """The annotation `paused` is set: observed, never written."""
    DELETING = "Deleting"
    """What the object did is being undone."""
    INTERNAL_ERROR = "InternalError"
    """A defect in the operator; it tries again. Please report it with the log line."""

    INVALID_SPEC = "InvalidSpec"
    """The manifest contradicts itself in a way that the schema could not see."""
    NOT_REQUIRED = "NotRequired"
    """Nothing asks for this, so nothing is done."""

    AUTHORITY_NOT_FOUND = "AuthorityNotFound"
    """The CertificateAuthority named by caRef does not exist (yet)."""
    AUTHORITY_NOT_READY = "AuthorityNotReady"
    """The CertificateAuthority named by caRef exists and has no certificate to use yet."""
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed"
    """The authority's `access` does not admit this namespace."""
    NAME_NOT_ALLOWED = "NameNotAllowed"
    """The authority's policy does not allow a name, duration or key that the manifest asks for."""
    NAME_CONFLICT = "NameConflict"
    """The common name equals the authority's own, which mutual authentication cannot tell apart."""
    CA_KEY_MISSING = "CAKeyMissing"
    """An authority of this name once existed and its key is gone: restore the Secret; none is made anew."""
    CA_KEY_DAMAGED = "CAKeyDamaged"
    """The authority's Secret does not hold a key and a certificate that belong together."""
    CA_EXPIRED = "CAExpired"
    """The authority's certificate has expired."""
    CERTIFICATE_EXPIRED = "CertificateExpired"
    """The issued certificate has expired."""
    IN_USE = "InUse"
    """The object is still needed by others, which the message names."""

    SECRET_NAME_TAKEN = "SecretNameTaken"  # noqa: S105 - a reason, not a password
    """A Secret of the wanted name exists and belongs to somebody else; it is left alone."""
    CONFIG_MAP_NAME_TAKEN = "ConfigMapNameTaken"
    """A ConfigMap of the wanted name exists and belongs to somebody else; it is left alone."""
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105
    """A Secret that the manifest names does not exist, or lacks the key it should hold."""

    LOAD_BALANCER_NOT_FOUND = "LoadBalancerNotFound"
    """The cloud knows no load balancer of this id in this region."""
    REGION_NOT_SERVED = "RegionNotServed"
    """The operator's configuration does not list the region."""
    LOAD_BALANCER_NOT_ALLOWED = "LoadBalancerNotAllowed"
    """This namespace may not use the load balancer; the message names the tag to set."""
    PORT_TAKEN = "PortTaken"
    """Somebody else's listener has the port; it is left alone."""
    SNI_DIFFERS = "SNIDiffers"
    """Somebody switched SNI on; the cloud cannot switch it off, so the listener has to be made again."""
    CLOUD_ACCESS_DENIED = "CloudAccessDenied"
    """The cloud refused our credentials, or their policy lacks the action that the message names."""
    CLOUD_QUOTA_EXCEEDED = "CloudQuotaExceeded"
    """A quota of the cloud account is used up."""
    CLOUD_REFUSED = "CloudRefused"
    """The cloud refused the content of a call."""
    CLOUD_UNAVAILABLE = "CloudUnavailable"
    """The cloud could not be asked, or asked us to wait; tried again by itself."""
    CLOUD_TASK_FAILED = "CloudTaskFailed"
    """The cloud accepted a change and then failed to make it; tried again by itself."""

    SERVICE_NOT_FOUND = "ServiceNotFound"
    """A Service that a route names does not exist."""
    SERVICE_HAS_NO_NODE_PORT = "ServiceHasNoNodePort"
    """The Service is not of type NodePort or LoadBalancer, or its port has no nodePort yet."""
    NO_ELIGIBLE_NODE = "NoEligibleNode"
    """No node can serve; the targets that were bound stay bound."""
    NO_HEALTHY_BACKEND = "NoHealthyBackend"
    """The cloud's health check finds none of the targets healthy."""
    SOME_BACKENDS_UNHEALTHY = "SomeBackendsUnhealthy"
    """The cloud's health check finds some of the targets unhealthy, or does not know them yet."""

    KUBERNETES_REFUSED = "KubernetesRefused"
    """The Kubernetes API refused a write of ours; the message says which rule is missing."""
    KUBERNETES_UNAVAILABLE = "KubernetesUnavailable"
    """The Kubernetes API could not be asked; tried again by itself."""
