"""Kubernetes label selectors.

Pure. Part of `CertificateAuthority.spec.access`; `core.policy` evaluates them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mtls_operator.api.model import ApiModel
from mtls_operator.api.rules import Rule, carries


class SelectorOperator(StrEnum):
    """How an expression compares a label with its values."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelExpression(ApiModel):
    """One condition on a label."""

    model_config = carries(
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            "values belong to the operators In and NotIn, which need at least one",
            ".values",
        )
    )

    key: Annotated[str, Field(min_length=1, max_length=317)]
    """The label's name."""
    operator: SelectorOperator
    """How the label is compared: In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=64)] = Field(
        default_factory=tuple
    )
    """The values for In and NotIn."""


class LabelSelector(ApiModel):
    """Labels that an object must carry. An empty selector selects everything."""

    match_labels: Annotated[Mapping[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Labels with exactly these values; all of them are needed."""
    match_expressions: Annotated[tuple[LabelExpression, ...], Field(max_length=64)] = Field(
        default_factory=tuple
    )
    """Further conditions; all of them are needed."""
