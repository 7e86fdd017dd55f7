"""Labels and annotations with a domain are refused unless the domain is listed."""

from collections.abc import Mapping, Sequence

import pytest

from mtls_operator.api.client_cert import SecretTemplate
from mtls_operator.core.reasons import Reason
from mtls_operator.core.secret_metadata import require_metadata
from mtls_operator.errors import RequestDenied

ALLOWED: list[tuple[str, Mapping[str, str], Sequence[str]]] = [
    ("no metadata", {}, ()),
    ("a name without a domain", {"team": "a"}, ()),
    ("a domain that is listed", {"acme.example/team": "a"}, ["acme.example"]),
    ("a subdomain of one that is listed", {"ops.acme.example/team": "a"}, ["other.example", "acme.example"]),
]
REFUSED: list[tuple[str, Mapping[str, str], Sequence[str]]] = [
    ("a domain when none is listed", {"argocd.argoproj.io/secret-type": "cluster"}, ()),
    ("a domain that ends like a listed one", {"evilacme.example/x": "y"}, ["acme.example"]),
    ("the parent of a listed domain", {"example/x": "y"}, ["acme.example"]),
    ("one of several", {"acme.example/x": "y", "evil.example/x": "y"}, ["acme.example"]),
    ("an empty domain", {"/x": "y"}, ["acme.example"]),
]


@pytest.mark.parametrize("what", ["labels", "annotations"])
@pytest.mark.parametrize(("names", "domains"), [row[1:] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_it_is_taken(what: str, names: Mapping[str, str], domains: Sequence[str]) -> None:
    require_metadata(SecretTemplate.model_validate({what: names}), domains)


@pytest.mark.parametrize("what", ["label", "annotation"])
@pytest.mark.parametrize(("names", "domains"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_it_is_refused(what: str, names: Mapping[str, str], domains: Sequence[str]) -> None:
    with pytest.raises(RequestDenied, match=f"the {what} .*allowedDomains") as caught:
        require_metadata(SecretTemplate.model_validate({f"{what}s": names}), domains)
    assert caught.value.reason == Reason.METADATA_NOT_ALLOWED
