"""Conditions: what a person and `kubectl wait` read from a status.

Pure. Part of every status.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mtls_operator.api.model import ApiModel, Time
from mtls_operator.api.rules import map_by


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One aspect of the object's state."""

    type: Annotated[str, Field(max_length=316)]
    """The aspect, such as Ready."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one word that programs may rely on."""
    message: Annotated[str, Field(max_length=32768)] = Field(default_factory=str)
    """Why, in a sentence."""
    observed_generation: int | None = None
    """The metadata.generation that this was observed for."""
    last_transition_time: Time
    """When status changed last."""


Conditions = Annotated[tuple[Condition, ...], map_by("type")]
