"""Names are valid by construction; what two programs could read differently is refused."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.names import Subject, SubjectAltNames

FULL = Subject(
    "payments.team-a",
    organizations=("Acme", "Acme Holding"),
    organizational_units=("Payments",),
    countries=("CN",),
    localities=("深圳",),
    provinces=("Guangdong",),
)


def test_a_subject_renders_the_widest_attribute_first_and_reads_back() -> None:
    rendered = FULL.to_x509()
    assert rendered.rfc4514_string() == (
        "CN=payments.team-a,OU=Payments,O=Acme Holding,O=Acme,L=深圳,ST=Guangdong,C=CN"
    )
    assert Subject.from_x509(rendered) == FULL


def test_the_country_is_a_printable_string_and_the_rest_is_utf8() -> None:
    kinds = {attribute.oid: attribute._type for attribute in FULL.to_x509()}
    assert kinds.pop(NameOID.COUNTRY_NAME) is _ASN1Type.PrintableString
    assert set(kinds.values()) == {_ASN1Type.UTF8String}


@pytest.mark.parametrize("length", [1, 64])
def test_a_common_name_of_up_to_64_bytes_is_taken(length: int) -> None:
    assert Subject("x" * length).to_x509()


@pytest.mark.parametrize(
    ("common_name", "sentence"),
    [
        ("", "empty"),
        ("  ", "white space"),
        ("name ", "white space"),
        ("x" * 65, "takes 65 bytes"),
        ("名" * 22, "takes 66 bytes"),
        ("admin\x00.team-a", r"U\+0000"),
        ("admin\n", "white space"),
        ("adm\u200bin", r"U\+200B"),
        ("\u202enimda", r"U\+202E"),
        ("adm\u00a0in", r"U\+00A0"),
        ("\ud800", r"U\+D800"),
    ],
)
def test_a_common_name_that_is_not_plain_to_see_is_refused(common_name: str, sentence: str) -> None:
    with pytest.raises(PkiError, match=sentence):
        Subject(common_name)


def test_an_escaped_comma_stays_inside_its_value() -> None:
    subject = Subject("a,O=Acme")
    assert [attribute.oid for attribute in subject.to_x509()] == [NameOID.COMMON_NAME]
    assert Subject.from_x509(subject.to_x509()) == subject


@pytest.mark.parametrize("country", ["cn", "CHN", "C", "中国", "1A"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    with pytest.raises(PkiError, match="ISO 3166"):
        Subject("name", countries=(country,))


def test_an_empty_organization_is_refused() -> None:
    with pytest.raises(PkiError, match="organizations"):
        Subject("name", organizations=("",))


def test_a_name_with_other_attributes_is_no_subject() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example"),
            x509.NameAttribute(NameOID.COMMON_NAME, "x"),
        ]
    )
    with pytest.raises(PkiError, match="DC=example"):
        Subject.from_x509(name)


def test_names_are_held_in_one_form_without_duplicates() -> None:
    names = SubjectAltNames(
        dns_names=("API.Acme.example", "api.acme.example", "*.acme.example"),
        email_addresses=("Ops@ACME.example",),
        ip_addresses=("0:0:0:0:0:0:0:1", "127.0.0.1"),
    )
    assert names == SubjectAltNames(
        dns_names=("api.acme.example", "*.acme.example"),
        email_addresses=("Ops@acme.example",),
        ip_addresses=("::1", "127.0.0.1"),
    )
    assert names.wildcards == ("*.acme.example",)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "acme.example.",
        "acme..example",
        "-acme.example",
        "acme-.example",
        "a_b.example",
        "bücher.example",
        "аcme.example",  # noqa: RUF001 (a Cyrillic letter is the point)
        "xn--.example",
        "xn--99999999.example",
        "ab--c.example",
        "*",
        "*.example",
        "a*.acme.example",
        "*a.acme.example",
        "api.*.example",
        "*.*.example",
        "acme.example\x00.evil.example",
        "acme.example\n",
        "acme .example",
        "127.0.0.1",
        "x" * 64 + ".example",
        "x." * 130 + "example",
    ],
)
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(PkiError, match="DNS name"):
        SubjectAltNames(dns_names=(name,))


@pytest.mark.parametrize(
    "name", ["xn--bcher-kva.example", "a.b", "localhost", "1a.example", "x" * 63 + ".example"]
)
def test_a_host_name_is_taken(name: str) -> None:
    assert SubjectAltNames(dns_names=(name,)).dns_names == (name,)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "acme.example/path",
        "/relative",
        "https://",
        "https:///path",
        "https://acme.example/a b",
        "https://acme.example/ü",
        "https://acme.example/%zz",
        "https://[::1",
        "https://acme.example:port/",
        "https://*.acme.example/",
        "spiffe://acme.example./x",
        "spiffe://acme.example/" + "x" * 2048,
    ],
)
def test_what_is_no_absolute_uri_is_refused(uri: str) -> None:
    with pytest.raises(PkiError):
        SubjectAltNames(uris=(uri,))


@pytest.mark.parametrize(
    "uri",
    ["spiffe://acme.example/ns/team-a/clientcert/payments", "urn:uuid:0-1", "https://[::1]:8443/?a=%20#b"],
)
def test_an_absolute_uri_is_taken_as_it_is(uri: str) -> None:
    assert SubjectAltNames(uris=(uri,)).uris == (uri,)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "acme.example",
        "a@",
        "@acme.example",
        "a b@acme.example",
        "a@b@c.example",
        "a@*.acme.example",
        "ü@b.c",
    ],
)
def test_what_is_no_email_address_is_refused(email: str) -> None:
    with pytest.raises(PkiError):
        SubjectAltNames(email_addresses=(email,))


@pytest.mark.parametrize(
    "address", ["", "10.0.0.0/8", "256.1.1.1", "010.0.0.1", "fe80::1%eth0", "acme.example"]
)
def test_what_is_no_single_ip_address_is_refused(address: str) -> None:
    with pytest.raises(PkiError, match="IP address"):
        SubjectAltNames(ip_addresses=(address,))
