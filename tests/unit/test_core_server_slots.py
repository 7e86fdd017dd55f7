"""Certificate slots of a listener: which there are, for whom, and who signs what goes there."""

from dataclasses import replace
from typing import Any

from builders import (
    FAST_KEY,
    Manifest,
    domain_manifest,
    listener,
    slots_with_secrets,
)

from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.build import listener_name
from mtls_operator.core.server_cert import (
    CloudSlot,
    IssuedSlot,
    ReferencedSlot,
    admitted,
    authorities,
    existing_certificates,
    referenced_secrets,
    slots,
    wanted_server_leaf,
)
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec

A, B = domain_manifest("a.example"), domain_manifest("b.example")
PARTNERS = {"caRef": {"name": "partners", "namespace": "platform"}}
PURCHASED = {"serverCertificate": {"secretRef": {"name": "purchased"}}}


def issued(name: str, *domains: Manifest, **spec: Any) -> list[IssuedSlot]:
    found = slots(listener(name, *domains, **spec))
    assert all(isinstance(slot, IssuedSlot) for slot in found)
    return [slot for slot in found if isinstance(slot, IssuedSlot)]


def tls(**source: Any) -> Manifest:
    return {"caRef": {"name": "clients"}, "serverCertificate": source}


def test_with_sni_off_one_certificate_names_all_domains() -> None:
    (slot,) = issued("api", A, B)
    assert (slot.domain, slot.names) == ("", ("a.example", "b.example"))
    assert slot.admits == slot.issuer == ObjectRef("edge", "clients")
    assert slot.secret == ObjectRef("edge", "api-server")


def test_with_sni_on_each_domain_has_its_own_and_its_own_authority() -> None:
    first, second = slots_with_secrets(listener("api", A, {**B, "tls": PARTNERS}, sni=True))
    assert (first.domain, first.names, first.admits.name) == ("a.example", ("a.example",), "clients")
    assert (second.domain, second.admits) == ("b.example", ObjectRef("platform", "partners"))
    assert first.secret != second.secret


def test_a_domains_secret_does_not_depend_on_its_place() -> None:
    forwards = {slot.domain: slot.secret for slot in slots_with_secrets(listener("api", A, B, sni=True))}
    assert forwards == {
        slot.domain: slot.secret for slot in slots_with_secrets(listener("api", B, A, sni=True))
    }


def test_a_second_certificate_is_for_the_same_names_in_a_secret_of_its_own() -> None:
    first, second = issued("api", A, B, tls=tls(issue={"additional": "ECDSA"}))
    assert [slot.secret.name for slot in (first, second)] == ["api-server", "api-server-ecdsa"]
    assert second == replace(first, secret=second.secret, key=second.key)
    seen = listener("api", A, B)
    keys = [wanted_server_leaf(seen, slot).key for slot in (first, second)]
    assert keys == [KeySpec(KeyAlgorithm.RSA, 2048), KeySpec(KeyAlgorithm.ECDSA, 256)]


def test_both_of_a_pair_are_renewed_at_the_same_time() -> None:
    seen = listener("api", A)
    first, second = issued("api", A, tls=tls(issue={"additional": "ECDSA"}))
    assert wanted_server_leaf(seen, first).seed == wanted_server_leaf(seen, second).seed


def test_a_domains_second_certificate_is_kept_beside_its_first() -> None:
    own = {"tls": {"serverCertificate": {"issue": {"privateKey": FAST_KEY, "additional": "RSA"}}}}
    first, second, other = issued("api", {**A, **own}, B, sni=True)
    assert (first.domain, second.domain, other.domain) == ("a.example", "a.example", "b.example")
    assert second.secret.name == f"{first.secret.name}-rsa"


def test_a_secret_of_others_takes_the_place_of_what_is_issued() -> None:
    seen = listener("api", A, B, tls=tls(secretRef={"name": "purchased"}))
    (slot,) = slots(seen)
    assert slot == ReferencedSlot(
        domain="",
        names=("a.example", "b.example"),
        admits=ObjectRef("edge", "clients"),
        secret=ObjectRef("edge", "purchased"),
    )
    assert authorities(seen) == {ObjectRef("edge", "clients")}
    assert referenced_secrets(seen) == {ObjectRef("edge", "purchased")}


def test_a_domain_that_names_a_source_of_its_own_replaces_the_listeners() -> None:
    domains = [A, {**B, "tls": {"serverCertificate": {"secretRef": {"name": "b"}}}}]
    domains.append(domain_manifest("c.example", tls={"serverCertificate": {"issue": {}}}))
    seen = listener("api", *domains, sni=True, tls=tls(secretRef={"name": "a"}))
    assert [slot.secret.name[:10] for slot in slots_with_secrets(seen)] == ["a", "b", "api-server"]
    assert referenced_secrets(seen) == {ObjectRef("edge", "a"), ObjectRef("edge", "b")}


def test_the_secrets_of_others_are_known_although_nobody_is_admitted() -> None:
    assert referenced_secrets(listener("api", A, tls=PURCHASED)) == {ObjectRef("edge", "purchased")}
    assert referenced_secrets(listener("api", A)) == frozenset()


def test_signing_and_admitting_may_be_two_authorities() -> None:
    found = listener("api", A, tls=tls(issue={"caRef": {"name": "servers"}}))
    assert admitted(found) == {ObjectRef("edge", "clients")}
    assert authorities(found) == {ObjectRef("edge", "clients"), ObjectRef("edge", "servers")}


def test_a_listener_without_any_authority_depends_on_none() -> None:
    found = listener("api", A, tls={})
    assert admitted(found) == authorities(found) == frozenset()


def test_a_name_that_does_not_fit_is_not_the_common_name() -> None:
    long = "x" * 60 + ".example"
    found = listener("api", domain_manifest(long), B)
    both = issued("api", domain_manifest(long), B)
    assert wanted_server_leaf(found, both[0]).subject.common_name == "b.example"
    alone = issued("api", domain_manifest(long))
    assert wanted_server_leaf(found, alone[0]).subject.common_name == "listener api"


def test_a_listeners_name_marks_cluster_and_object_and_fits() -> None:
    name = listener_name("cluster-1", listener("a" * 60))
    assert len(name) == 80
    assert f"uid-{'a' * 10}" in name
    assert name != listener_name("cluster-2", listener("a" * 60))


IN_CLOUD = {"serverCertificate": {"cloudCertificateId": "LtIaSxlb"}}


def test_a_certificate_of_the_cloud_is_one_for_all_domains_and_signed_by_nobody_here() -> None:
    seen = listener("api", A, B, tls={"caRef": {"name": "clients"}, **IN_CLOUD})
    (slot,) = slots(seen)
    assert isinstance(slot, CloudSlot)
    assert (slot.domain, slot.names, slot.certificate) == ("", ("a.example", "b.example"), "LtIaSxlb")
    assert authorities(seen) == {ObjectRef("edge", "clients")}
    assert referenced_secrets(seen) == frozenset()
    assert existing_certificates(seen) == {"LtIaSxlb"}


def test_each_domain_may_have_another_source() -> None:
    seen = listener(
        "api",
        {**A, "tls": IN_CLOUD},
        {**B, "tls": {"serverCertificate": {"secretRef": {"name": "b"}}}},
        domain_manifest("c.example", tls={"serverCertificate": {"issue": {}}}),
        domain_manifest("d.example"),
        sni=True,
        tls={"caRef": {"name": "clients"}, "serverCertificate": {"cloudCertificateId": "other"}},
    )
    kinds = [type(slot) for slot in slots(seen)]
    assert kinds == [CloudSlot, ReferencedSlot, IssuedSlot, CloudSlot]
    assert existing_certificates(seen) == {"LtIaSxlb", "other"}
