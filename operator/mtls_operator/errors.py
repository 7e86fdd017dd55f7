"""Everything that can go wrong, as types.

    OperatorError
    ├── SpecError            the manifest must change                    → Stalled
    │   └── RequestDenied    the authority does not allow it             → and Denied
    ├── OwnershipError       it exists, but it is not ours               → Stalled, left alone
    ├── NotReady             something else has to come first            → Reconciling
    │   └── AwaitsApproval   its authority's owner has not decided yet   → and not Approved
    ├── KubeError
    │   ├── KubeNotFound
    │   ├── KubeAlreadyExists
    │   ├── KubeConflict     somebody wrote in between: read again
    │   ├── KubeForbidden    the operator's RBAC lacks a rule
    │   ├── KubeInvalid      the API server refused the content
    │   └── KubeUnavailable
    └── CloudError           carries action, code, RequestId
        ├── CloudNotFound
        ├── AlreadyExists
        ├── InUse
        ├── Busy             the load balancer has another change under way
        ├── Throttled
        ├── QuotaExceeded    a person must raise it or free something
        │   └── CertificateQuotaExceeded
        ├── AccessDenied     credentials or their policy
        ├── InvalidRequest
        ├── TaskFailed       accepted, then not done: nothing changed
        ├── Unavailable      not sent, or refused before anything happened
        └── ReplyLost        sent, answer unknown: observe before repeating

Pure. Raised by every layer; `core.outcome.verdict` alone decides what each means for an object.
A message says what happened, to which object and what to do next; never a key or a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class OperatorError(Exception):
    """Base of every error that the operator expects."""


class ReasonedError(OperatorError):
    """An error whose condition reason is known where it is raised."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class SpecError(ReasonedError):
    """The manifest asks for something that cannot be done; only its author can mend it."""


class RequestDenied(SpecError):
    """The authority's policy, its owner or the operator's configuration does not allow the request."""


class OwnershipError(ReasonedError):
    """What we want to write exists and belongs to somebody else; it is left alone."""


class NotReady(ReasonedError):
    """A dependency is not there yet; its arrival wakes the object up."""

    def __init__(self, reason: str, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class AwaitsApproval(NotReady):
    """A person has to look at the request first."""


class KubeError(OperatorError):
    """The Kubernetes API refused, or could not be asked."""


class KubeNotFound(KubeError):
    """The object is not there."""


class KubeAlreadyExists(KubeError):
    """An object of that name is already there."""


class KubeConflict(KubeError):
    """The object changed since it was read, or is another one of the same name."""


class KubeForbidden(KubeError):
    """RBAC, or a terminating namespace, does not let us."""


class KubeInvalid(KubeError):
    """The API server's validation refused the content."""


class KubeUnavailable(KubeError):
    """The API server could not be reached, or asked us to come back later."""


class CloudError(OperatorError):
    """The cloud refused, or could not be asked.

    Attributes:
        action: the API action, such as `CreateListener`.
        code: the cloud's error code, or the transport's.
        request_id: the cloud's RequestId, what its support asks for; empty when there was no reply.
    """

    def __init__(self, action: str, code: str, message: str, request_id: str = "") -> None:
        reference = f", RequestId {request_id}" if request_id else ""
        super().__init__(f"{action} failed with {code}: {message.rstrip('. ')}{reference}")
        self.action = action
        self.code = code
        self.request_id = request_id


class CloudNotFound(CloudError):
    """The cloud object does not exist (any more)."""


class AlreadyExists(CloudError):
    """The cloud object exists already, under this name, port or path."""


class InUse(CloudError):
    """The cloud object is still bound to something."""


class Busy(CloudError):
    """The load balancer has another change under way."""


class Throttled(CloudError):
    """Too many calls a second."""


class QuotaExceeded(CloudError):
    """An account's quota is used up."""


class CertificateQuotaExceeded(QuotaExceeded):
    """The account may not have more certificates."""

    def __init__(self, action: str, code: str, message: str, request_id: str = "") -> None:
        advice = (
            "delete certificates that nothing uses from the certificate service, or ask for a higher quota"
        )
        super().__init__(action, code, f"{message.rstrip('. ')}: {advice}", request_id)


class AccessDenied(CloudError):
    """The credentials are wrong, or their policy does not allow the action."""


class InvalidRequest(CloudError):
    """The cloud refused the content of the call."""


class TaskFailed(CloudError):
    """The cloud accepted the change and then did not make it; nothing changed."""


class Unavailable(CloudError):
    """The call was not sent, or refused before it had any effect."""


class ReplyLost(CloudError):
    """The call was sent and no answer came: it may have had its effect."""
