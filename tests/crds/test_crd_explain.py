"""`kubectl explain` is a readable reference: every field, each with a description and its default."""

import re

import pytest

from mtls_devcluster.cluster import Kubectl
from mtls_operator.api.crd import RESOURCES, definition
from mtls_operator.api.resource import Resource
from mtls_operator.api.schema import Schema

pytestmark = pytest.mark.cluster


def fields(schema: Schema) -> list[str]:
    """Return the names of all fields below a schema."""
    names = list(schema.get("properties", {}))
    below = [*schema.get("properties", {}).values(), schema.get("items", {})]
    return names + [name for child in below if child for name in fields(child)]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: str(r.kind))
def test_explain_lists_every_field(with_crds: Kubectl, resource: type[Resource]) -> None:
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    explained = with_crds("explain", "--recursive", resource.kind.plural)
    for part in ("spec", "status"):
        wanted = fields(schema["properties"][part])
        shown = re.search(rf"^  {part}\t.*\n((?:    .*\n?)+)", explained, re.MULTILINE)
        assert shown is not None, explained
        listed = re.findall(r"^ +(\w+)\t<", shown.group(1), re.MULTILINE)
        assert sorted(listed) == sorted(wanted)
        assert wanted
    assert "<no description>" not in explained


EXPLAINED = {
    "certificateauthority.spec.duration": "How long the root is valid. Default: 87600h.",
    "clientcert.spec.secretName": "Immutable. Default: the object's name.",
    "clientcert.spec.privateKey.algorithm": "ECDSA or RSA. Default: ECDSA.",
    "mutualtlslistener.spec.domains.routes.healthCheck.codes": "Default: 2xx, 3xx.",
    "mutualtlslistener.spec.domains.http2": "Default: true.",
    "mutualtlslistener.spec.domains.routes.scheduler": "ENUM: WRR LEAST_CONN IP_HASH",
}


@pytest.mark.parametrize(("field", "sentence"), EXPLAINED.items(), ids=EXPLAINED.keys())
def test_explain_tells_the_default(with_crds: Kubectl, field: str, sentence: str) -> None:
    assert sentence in " ".join(with_crds("explain", field).split())
