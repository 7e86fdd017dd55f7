"""Subjects and subject alternative names, valid by construction.

Pure. Called by `pki.issue`, `pki.inspect` and by whoever turns a spec into what is to be issued.

Values are held in one canonical form (DNS names in lower case, IP addresses compressed, no
duplicates, the order kept), so that a spec and the certificate made from it compare equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from mtls_operator.pki.error import PkiError
from mtls_operator.pki.syntax import (
    canonical_dns_name,
    canonical_email,
    canonical_ip,
    canonical_uri,
    check_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 5280 appendix A, upper bounds. They count characters; cryptography counts the bytes of UTF-8,
# and so do we: what is within that is within both.
_LIMITS: Final = {
    "common_name": 64,
    "organizations": 64,
    "organizational_units": 64,
    "localities": 128,
    "provinces": 128,
}
_COUNTRY_LETTERS: Final = 2

# In the order in which the attributes stand in a distinguished name: the widest first.
_OIDS: Final = {
    "countries": NameOID.COUNTRY_NAME,
    "provinces": NameOID.STATE_OR_PROVINCE_NAME,
    "localities": NameOID.LOCALITY_NAME,
    "organizations": NameOID.ORGANIZATION_NAME,
    "organizational_units": NameOID.ORGANIZATIONAL_UNIT_NAME,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A distinguished name with a common name.

    Raises:
        PkiError: a value is empty, too long, or holds a character that people cannot see.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    organizational_units: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_text("common_name", self.common_name, _LIMITS["common_name"])
        for field, limit in _LIMITS.items():
            if field != "common_name":
                for value in getattr(self, field):
                    check_text(field, value, limit)
        for country in self.countries:
            _check_country(country)

    def to_x509(self) -> x509.Name:
        """Render as a name, one attribute per RDN; the country as PrintableString, the rest as UTF8String."""
        attributes = [
            x509.NameAttribute(oid, value) for field, oid in _OIDS.items() for value in getattr(self, field)
        ]
        return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)])

    def values_of(self, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
        """Return the values of one kind of attribute; none for a kind that a Subject does not hold."""
        if oid == NameOID.COMMON_NAME:
            return (self.common_name,)
        field = next((field for field, held in _OIDS.items() if held == oid), None)
        return tuple(getattr(self, field)) if field else ()

    @classmethod
    def from_x509(cls, name: x509.Name) -> Self:
        """Read a name.

        Raises:
            PkiError: it has no common name, more than one, or attributes that a Subject does not hold.
        """
        known = {NameOID.COMMON_NAME, *_OIDS.values()}
        unknown = [attribute.oid.dotted_string for attribute in name if attribute.oid not in known]
        common_names = _values(name, NameOID.COMMON_NAME)
        if unknown or len(common_names) != 1:
            raise PkiError(
                f"the name {name.rfc4514_string()!r} must have one common name and, besides, only "
                "organizations, organizational units, countries, localities and provinces"
            )
        return cls(common_names[0], **{field: _values(name, oid) for field, oid in _OIDS.items()})


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(oid))


def _check_country(country: str) -> None:
    letters = country.isascii() and country.isalpha() and country.isupper()
    if not letters or len(country) != _COUNTRY_LETTERS:
        raise PkiError(f"countries: {country!r} is not an ISO 3166 code; two capital letters, such as CN")


def common_name_of(name: x509.Name) -> str:
    """Return a name's common name, of any certificate; empty when it has none."""
    return next(iter(_values(name, NameOID.COMMON_NAME)), "")


@dataclass(frozen=True, slots=True)
class SubjectAltNames:
    """The names besides the subject that a certificate is for.

    Raises:
        PkiError: a value is not a name of its kind; the text says which and why.
    """

    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    email_addresses: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._canonicalise("dns_names", canonical_dns_name)
        self._canonicalise("uris", canonical_uri)
        self._canonicalise("email_addresses", canonical_email)
        self._canonicalise("ip_addresses", canonical_ip)

    def _canonicalise(self, field: str, canonical: Callable[[str], str]) -> None:
        values = tuple(dict.fromkeys(canonical(value) for value in getattr(self, field)))
        object.__setattr__(self, field, values)  # the class is frozen: this is its constructor

    def __bool__(self) -> bool:
        """Whether there is any name."""
        return bool(self.dns_names or self.uris or self.email_addresses or self.ip_addresses)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The DNS names that stand for more than one host."""
        return tuple(name for name in self.dns_names if name.startswith("*."))

    def to_x509(self) -> x509.SubjectAlternativeName:
        """Render as the extension's value."""
        return x509.SubjectAlternativeName(
            [
                *(x509.DNSName(name) for name in self.dns_names),
                *(x509.UniformResourceIdentifier(uri) for uri in self.uris),
                *(x509.RFC822Name(email) for email in self.email_addresses),
                *(x509.IPAddress(ip_address(address)) for address in self.ip_addresses),
            ]
        )

    @classmethod
    def from_certificate(cls, certificate: x509.Certificate) -> Self:
        """Read a certificate's names; without the extension there are none.

        Raises:
            PkiError: it has a name of another kind (otherName, directoryName) or one that is malformed.
        """
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return cls()
        except ValueError:
            raise PkiError("the certificate's extensions cannot be read") from None
        return cls.from_extension(names)

    @classmethod
    def from_extension(cls, names: x509.SubjectAlternativeName) -> Self:
        """Read an extension's value.

        Raises:
            PkiError: it has a name of another kind (otherName, directoryName) or one that is malformed.
        """
        read = cls(
            dns_names=tuple(names.get_values_for_type(x509.DNSName)),
            uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
            email_addresses=tuple(names.get_values_for_type(x509.RFC822Name)),
            ip_addresses=tuple(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        )
        if any(isinstance(name, x509.OtherName | x509.DirectoryName | x509.RegisteredID) for name in names):
            raise PkiError("there are alternative names other than DNS, URI, email and IP")
        return read
