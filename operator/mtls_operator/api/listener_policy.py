"""What the operator may do to a listener that it did not make, or that somebody else changed.

Pure. Part of `MutualTLSListener.spec`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mtls_operator.api.duration import Duration
from mtls_operator.api.model import ApiModel
from mtls_operator.api.route import ProbePath
from mtls_operator.api.timing import between


class AdoptionPolicy(StrEnum):
    """What to do with a listener that somebody else made on the port."""

    NEVER = "Never"
    IF_IDENTICAL = "IfIdentical"
    ALWAYS = "Always"


class DriftPolicy(StrEnum):
    """What to do with a change that somebody else made."""

    REPAIR = "Repair"
    REPORT = "Report"


class Verification(ApiModel):
    """Whether and how the operator tries the doors itself."""

    enabled: bool = True
    """Whether to try, with a good certificate and without, that the listener refuses what it should."""
    interval: Annotated[Duration, between("30s", "24h")] = timedelta(minutes=5)
    """The time between two trials, 30s to 24h."""
    path: ProbePath = "/"
    """The path to ask for."""
    address: Annotated[str, Field(max_length=253)] = ""
    """Where the operator reaches the load balancer. Default: the load balancer's address."""
