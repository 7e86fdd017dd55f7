"""A manifest from a file, and the object that asks the operator what applying it would do.

Pure. Called by `commands.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import yaml

from kubectl_mtls.errors import Refusal
from mtls_operator.api.meta import API_VERSION, PLAN_FOR_ANNOTATION, Kind, ObjectRef

if TYPE_CHECKING:
    from kubectl_mtls.ports import Body
    from mtls_operator.api.model import Json

_LONGEST_NAME: Final = 240
"""So that what is put behind it fits into the 253 characters of a name."""


def read_manifests(text: str, source: str) -> list[Mapping[str, Json]]:
    """Return the MutualTLSListeners of a YAML or JSON text.

    Args:
        text: one document or several; other kinds are passed over.
        source: what to call it in a message.

    Raises:
        Refusal: it cannot be read, or has none.
    """
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, Mapping)]
    except yaml.YAMLError as error:
        raise Refusal(f"{source} is no YAML: {' '.join(str(error).split())}") from None
    found = [
        one
        for one in documents
        if one.get("kind") == Kind.MUTUAL_TLS_LISTENER and one.get("apiVersion") == API_VERSION
    ]
    if not found:
        raise Refusal(f"{source} has no {Kind.MUTUAL_TLS_LISTENER} of {API_VERSION}.")
    return found


def ref_of(manifest: Body, namespace: str) -> ObjectRef:
    """Return where a manifest's object is, or would be.

    Raises:
        Refusal: it has no name.
    """
    metadata = manifest.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    name = known.get("name")
    if not isinstance(name, str) or not name:
        raise Refusal(f"a {Kind.MUTUAL_TLS_LISTENER} needs metadata.name to be planned.")
    return ObjectRef(str(known.get("namespace") or namespace), name)


def draft_name(planned: ObjectRef, mark: str) -> ObjectRef:
    """Return what to call the draft: the mark makes it one of its own."""
    return ObjectRef(planned.namespace, f"{planned.name[:_LONGEST_NAME]}-plan-{mark}")


def draft_of(manifest: Mapping[str, Json], planned: ObjectRef, draft: ObjectRef) -> Json:
    """Return the object to create: the manifest's spec and whose place it takes."""
    return {
        "apiVersion": API_VERSION,
        "kind": Kind.MUTUAL_TLS_LISTENER.value,
        "metadata": {
            "name": draft.name,
            "namespace": draft.namespace,
            "annotations": {PLAN_FOR_ANNOTATION: planned.name},
        },
        "spec": manifest.get("spec"),
    }
