"""How a Python class becomes an API type: names, times, rendering.

Pure. The base of every type in this package; `crd` makes the schema from them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_ACRONYMS: Final = {"dns": "DNS", "ip": "IP", "uris": "URIs", "sha256": "SHA256"}


def field_name(attribute: str) -> str:
    """Return the API's spelling of an attribute: `ca_ref` → `caRef`, `allowed_ip_ranges` → `allowedIPRanges`.

    Kubernetes writes an acronym in capitals, except at the beginning: `dnsNames`, `allowedDNSNames`.
    A trailing underscore, which keeps `from_` from being a keyword, is dropped.
    """
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class ApiModel(BaseModel):
    """A value of the API: immutable, camelCase outside, unknown fields ignored.

    An unknown field is one that a newer CRD has and this operator does not know yet; the API server
    has already dropped what no CRD knows.
    """

    model_config = ConfigDict(
        frozen=True,
        validate_by_alias=True,
        validate_by_name=True,
        alias_generator=field_name,
        use_attribute_docstrings=True,
    )

    def render(self) -> dict[str, Json]:
        """Return the value as it goes into a manifest, without what is None or empty."""
        rendered = _without_empty(self.model_dump(mode="json", by_alias=True))
        return dict(rendered) if isinstance(rendered, Mapping) else {}


def _without_empty(value: Json) -> Json:
    if isinstance(value, Mapping):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if not _is_empty(item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_empty(item) for item in value]
    return value


def _is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, str | Sequence | Mapping) and not value)


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def render_time(moment: datetime) -> str:
    """Return RFC 3339 with whole seconds and Z, as Kubernetes writes it."""
    return _whole_seconds(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    AwareDatetime, AfterValidator(_whole_seconds), PlainSerializer(render_time, when_used="json")
]
"""A moment in UTC and whole seconds, since that is what survives the way through the API server."""
