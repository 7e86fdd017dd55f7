"""What of a ConfigMap is published: certificates and lists, of ConfigMaps that an authority made."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, authority, client_cert
from unit.crls import VALIDITY, pem, revocation_list, root, root_pem

from mtls_operator.api.meta import MANAGED_LABEL, ObjectRef
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.core.ownership import authority_annotations, authority_labels, owned_labels
from mtls_operator.core.published import Published, published_in, read_published
from mtls_operator.pki.crl import crl_to_der
from mtls_operator.pki.keys import key_to_pem

BACKDATED = timedelta(minutes=5)
FIRST, SECOND, TENTH = revocation_list(1), revocation_list(2), revocation_list(10)
CONFIG_MAP = ConfigMap(
    ref=ObjectRef("edge", "clients-ca"),
    data={"ca.crt": root_pem()},
    labels=authority_labels(authority()),
    annotations=authority_annotations(authority()),
)


def published(**data: str) -> Published:
    found = read_published(
        replace(CONFIG_MAP, data={name.replace("_", "."): text for name, text in data.items()})
    )
    assert found is not None
    return found


def test_roots_and_lists_are_published_by_generation() -> None:
    found = published(
        ca_crt=root_pem(), ca_crl=pem(FIRST), g1_crl=pem(FIRST), g2_crl=pem(SECOND), g10_crl=pem(TENTH)
    )
    assert found.roots.decode() == root_pem()
    assert {n: one.der for n, one in found.lists.items()} == {
        1: crl_to_der(FIRST),
        2: crl_to_der(SECOND),
        10: crl_to_der(TENTH),
    }
    assert found.newest == 10
    assert (found.lists[2].this_update, found.lists[2].next_update) == (NOW - BACKDATED, NOW + VALIDITY)


def test_an_announced_authority_publishes_nothing_yet() -> None:
    assert published() == Published(roots=b"", lists={}, newest=0)


KEY = key_to_pem(root().key).decode()
DAMAGED = pem(FIRST)[:100]


@pytest.mark.parametrize("name", ["g_crl", "g0_crl", "g01_crl", "g-1_crl", "g1_crt", "xg1_crl", "g1_crl_old"])
def test_a_key_of_another_form_is_no_list(name: str) -> None:
    assert published(**{name: pem(FIRST)}).lists == {}


@pytest.mark.parametrize(
    "text",
    [KEY, "", "text", DAMAGED, root_pem(), pem(FIRST, SECOND)],
    ids=["a key", "nothing", "a text", "a list cut off", "a root", "two lists"],
)
def test_what_is_no_list_is_not_published(text: str) -> None:
    found = published(g1_crl=pem(FIRST), g2_crl=text)
    assert list(found.lists) == [1]
    assert found.newest == 2, "the list before does not pass for the newest"


@pytest.mark.parametrize("text", [KEY, "text", pem(FIRST)])
def test_what_is_no_certificate_is_not_published(text: str) -> None:
    assert published(ca_crt=text).roots == b""


def test_a_key_beside_a_root_does_not_get_out() -> None:
    assert b"PRIVATE" not in published(ca_crt=KEY + root_pem() + KEY).roots


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("a person's", {"labels": {}, "annotations": {}}),
    ("one without our mark", {"labels": {**CONFIG_MAP.labels, MANAGED_LABEL: "false"}}),
    ("another one of the authority", {"ref": ObjectRef("edge", "clients-approvals")}),
    ("one named after another authority", {"ref": ObjectRef("edge", "partners-ca")}),
    ("one made for another kind", {"labels": owned_labels(client_cert())}),
]


@pytest.mark.parametrize("change", [row[1] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_another_config_map_publishes_nothing(change: dict[str, Any]) -> None:
    assert read_published(CONFIG_MAP) is not None
    assert read_published(replace(CONFIG_MAP, **change)) is None


def test_an_authority_publishes_where_its_config_map_is() -> None:
    assert published_in(authority().ref) == CONFIG_MAP.ref
