"""What nobody outside Tencent knows, as switches.

Pure. Every member is a behaviour for which no document and no report was found; the default is the reading
that is harder on the client. The list with what is known about each is docs/simulator-divergences.md.
Changed through the admin port.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviours that are guesses.

    Attributes:
        misplaced_certificate: a certificate for the listener while SNI is on, or for a domain while it is
            off: `ignored` (accepted without effect, as was seen once) or `refused`.
        bound_certificate_deletion: an unchecked DeleteCertificate of a bound certificate: `refused` or
            `allowed` (load balancers keep serving their copy).
        upload_edge_whitespace: blanks or newlines around an uploaded PEM text: `refused` or `accepted`.
        repeated_upload: what makes two uploads equal: the `leaf` alone or the whole `chain`.
        named_copy: which of several equal certificates is named, by CheckCertificateExist and as
            RepeatCertId: the `oldest` or the `newest`.
        ca_bundle: whether a CA upload may hold several certificates.
        certificate_review_seconds: how long a new certificate stays in status 0.
        register_existing_target: `accepted` (nothing changes) or `duplicate` (refused).
        early_visibility: whether reads show a change before its task has ended.
        busy_tail_seconds: how long a load balancer stays busy after a change has ended.
        busy_wording: which of the two messages seen in the field a busy load balancer gives.
        modified_health_check: a HealthCheck in ModifyRule: `replaced` (absent fields fall back to the
            defaults) or `merged` into the present one.
        session_needs_wrr: whether session persistence is refused with LEAST_CONN and IP_HASH.
        deletion_role_granted: whether the account has the role that a checked deletion needs.
        ssl_throttle_code: the code of a throttled SSL call.
        rule_certificate_mirrors_listener: whether rules show the listener's certificate while SNI is off.
    """

    misplaced_certificate: Literal["ignored", "refused"] = "ignored"
    bound_certificate_deletion: Literal["refused", "allowed"] = "refused"
    upload_edge_whitespace: Literal["refused", "accepted"] = "refused"
    repeated_upload: Literal["leaf", "chain"] = "leaf"
    named_copy: Literal["oldest", "newest"] = "oldest"
    ca_bundle: bool = True
    certificate_review_seconds: float = 0.0
    register_existing_target: Literal["accepted", "duplicate"] = "accepted"
    early_visibility: bool = False
    busy_tail_seconds: float = 0.0
    busy_wording: Literal["task", "state"] = "task"
    modified_health_check: Literal["replaced", "merged"] = "replaced"
    session_needs_wrr: bool = True
    deletion_role_granted: bool = True
    ssl_throttle_code: Literal["LimitExceeded.RateLimitExceeded", "RequestLimitExceeded"] = (
        "LimitExceeded.RateLimitExceeded"
    )
    rule_certificate_mirrors_listener: bool = False
