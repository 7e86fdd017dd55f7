"""Which upload serves whom."""

from dataclasses import replace

import pytest

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cloud import CertId, CertificateKind, CertificateOwner, CloudCertificate, Fingerprint
from mtls_operator.core.inventory import can_serve, chosen, is_copy, is_orphan

OWNER = CertificateOwner(cluster="c1", namespace="edge", name="api", uid="u1")
SHOP = replace(OWNER, name="shop", uid="u2")
RESTORED = replace(OWNER, uid="u9")
SERVER, CA = CertificateKind.SERVER, CertificateKind.CA
ONE = Fingerprint("ff")


def upload(
    id_: str, kind: CertificateKind = SERVER, *, fingerprint: str = "ff", owner: CertificateOwner = OWNER
) -> CloudCertificate:
    return CloudCertificate(id=CertId(id_), kind=kind, fingerprint=Fingerprint(fingerprint), owner=owner)


@pytest.mark.parametrize(
    ("kind", "wanted", "owner", "fingerprint", "serves"),
    [
        (SERVER, SERVER, OWNER, "ff", True),
        (SERVER, SERVER, SHOP, "ff", True),
        (SERVER, SERVER, SHOP, "f0", False),
        (SERVER, SERVER, replace(SHOP, cluster="c2"), "ff", False),
        (SERVER, CA, OWNER, "ff", False),
        (CA, CA, OWNER, "ff", True),
        (CA, CA, RESTORED, "ff", True),
        (CA, CA, SHOP, "ff", False),
    ],
    ids=[
        "its own", "another listener's", "another chain", "another cluster's", "another kind",
        "an authority's own", "of its earlier life", "another authority's",
    ],
)  # fmt: skip
def test_what_may_be_used_instead_of_a_new_upload(
    kind: CertificateKind,
    wanted: CertificateKind,
    owner: CertificateOwner,
    fingerprint: str,
    serves: bool,  # noqa: FBT001
) -> None:
    assert can_serve(upload("a", kind), wanted, owner, Fingerprint(fingerprint)) is serves


def test_of_copies_the_one_that_is_shown_is_used_and_else_the_same_one_by_all() -> None:
    found = [upload("c"), upload("a"), upload("b"), upload("x", CA), upload("d", fingerprint="f0")]
    assert chosen(found, frozenset()) == {"ff": "a", "f0": "d"}
    assert chosen(found, frozenset({CertId("c")})) == {"ff": "c", "f0": "d"}
    assert chosen(reversed(found), frozenset()) == chosen(found, frozenset())


def test_a_copy_is_what_nobody_would_take_up_anew() -> None:
    found = [upload("b"), upload("a"), upload("c", CA), upload("d", CA, owner=SHOP), upload("e", CA)]
    assert [one.id for one in found if is_copy(one, found)] == ["b", "e"]


def test_an_orphan_is_wanted_by_no_listener_and_left_by_no_authority() -> None:
    lonely = upload("d", CA, fingerprint="aa", owner=SHOP)
    found = [upload("a"), upload("b", fingerprint="f0"), upload("c", CA), lonely]
    authorities = {ObjectRef("edge", "api")}
    orphans = [one.id for one in found if is_orphan(one, found, claimed={ONE}, authorities=authorities)]
    assert orphans == ["b", "d"]
