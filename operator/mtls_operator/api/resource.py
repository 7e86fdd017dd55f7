"""From an object as the API server sends it to a typed one.

Pure. `CertificateAuthority.parse`, `ClientCert.parse` and `MutualTLSListener.parse` are the only way
in; a bad spec is refused with a sentence, a bad status is forgotten.
"""

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from mtls_operator.api.condition import Condition, Conditions
from mtls_operator.api.meta import Key, Kind, ObjectMeta, ObjectRef
from mtls_operator.api.model import ApiModel
from mtls_operator.errors import SpecError

INVALID_SPEC: Final = "InvalidSpec"


class Status(ApiModel):
    """What every status has."""

    conditions: Conditions = ()
    """What is true of the object: Ready, while true Reconciling and Stalled, and more."""

    def condition(self, type_: str) -> Condition | None:
        """Return the condition of a type, None without one."""
        return next((c for c in self.conditions if c.type == type_), None)


def _what_makes_sense(status: object, validate: ValidatorFunctionWrapHandler) -> object:
    if not isinstance(status, Mapping):
        return status if isinstance(status, Status) else validate({})
    try:
        return validate(status)
    except ValidationError as error:
        senseless = {e["loc"][0] for e in error.errors()}
        return validate({name: value for name, value in status.items() if name not in senseless})


LENIENT: Final = WrapValidator(_what_makes_sense)
"""For the status field of a resource: what cannot be read is left out, field by field."""


class Resource(ApiModel):
    """An object of ours; each kind adds `spec` and `status`."""

    kind: ClassVar[Kind]

    metadata: ObjectMeta

    @property
    def ref(self) -> ObjectRef:
        """Where the object is."""
        return self.metadata.ref

    @property
    def key(self) -> Key:
        """The object's key in the work queue."""
        return Key(self.kind, self.metadata.namespace, self.metadata.name)

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> Self:
        """Read an object.

        Unknown fields are ignored, since a newer CRD may have them. A status that makes no sense is
        read as far as it does: it is only a record, and the next pass writes it anew.

        Raises:
            SpecError: with reason InvalidSpec, naming the object, the field and what is wrong.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise SpecError(INVALID_SPEC, f"{cls.kind} {_name_of(body)}: {_sentence(error)}") from None


def _name_of(body: Mapping[str, object]) -> str:
    metadata = body.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    return f"{known.get('namespace', '?')}/{known.get('name', '?')}"


def _sentence(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in found["loc"]) or "spec"
    return f"{path}: {found['msg'].removeprefix('Value error, ')}. Correct the manifest and apply it again."
