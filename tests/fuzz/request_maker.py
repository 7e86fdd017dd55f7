"""Make requests from the SDK's model classes: right ones, nearly right ones and wrong ones.

Pure but for the generator that it is given. Every field of every simulated action occurs; identifiers are
taken from what exists, so that many requests get past the first check.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from clb_simulator.action import Kind
from clb_simulator.catalog import ACTIONS
from clb_simulator.params import Json, Object
from clb_simulator.schema import PRODUCTS, FieldType, fields_of

DEPTH = 4
STRANGE_TEXTS = (
    "",
    " ",
    "\n",
    "0",
    "null",
    "../../etc/passwd",
    "a" * 300,
    "\ud800",
    "\x00",
    "ü.example.com",
    "*",
    "~^(",
    "~.*",
    "; return 200 x;",
    "{}",
    '"',
    "🂡",
    "-----BEGIN CERTIFICATE-----",
)
STRANGE_NUMBERS = (-1, 0, 1, 2, 5, 30, 80, 100, 443, 65535, 65536, 2**31, 2**63, 10**30)
MISFITS: tuple[Json, ...] = (None, [], "text", -1, True, {}, [None], {"x": {}})
WORDS = (
    *("HTTP", "HTTPS", "TCP", "UDP", "TCP_SSL", "QUIC", "GRPC", "WRR", "LEAST_CONN", "IP_HASH", "MUTUAL"),
    *("UNIDIRECTIONAL", "ON", "OPTIONAL", "SVR", "CA", "OPEN", "INTERNAL", "/", "/api", "=/x", "GET"),
    *("a.example.com", "*.example.com", "web", "127.0.0.11", "ap-guangzhou", "clb", "10", "CVM", "NODE"),
)


@dataclass
class Known:
    """What exists, for requests to name."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    pem: Sequence[str] = ()
    large_pem: Sequence[str] = ()

    def names(self, name: str) -> Sequence[str]:
        """Return identifiers that fit a field's name, singular or plural."""
        return self.texts.get(name.removesuffix("s"), ())


def callable_actions() -> list[tuple[str, str, Kind]]:
    """Return every action that a client may call."""
    return [
        (service, name, action.kind)
        for service, actions in ACTIONS.items()
        for name, action in actions.items()
        if action.kind is not Kind.EFFECT
    ]


class RequestMaker:
    """Makes the bodies of requests."""

    def __init__(self, chance: random.Random, known: Known) -> None:
        self._chance = chance
        self._known = known

    def body(self, service: str, action: str) -> Json:
        """Return a body, which in one of 200 cases is no object at all."""
        if self._chance.random() < 0.005:
            return self._chance.choice(MISFITS[:5])
        body = self._object(service, f"{action}Request", DEPTH)
        if self._chance.random() < 0.03:
            body["NoSuchField"] = 1
        return body

    def _object(self, service: str, class_name: str, depth: int) -> Object:
        # Sparse ones get far, dense ones meet every field.
        density = self._chance.choice([0.03, 0.15, 0.5, 0.9])
        made: Object = {}
        required = PRODUCTS[service].required.get(class_name, ())
        for name, kind in fields_of(service, class_name).items():
            is_likely = name in required or bool(self._known.names(name))
            if self._chance.random() < (0.97 if is_likely else density):
                made[name] = self._field(service, name, kind, depth)
        return made

    def _field(self, service: str, name: str, kind: FieldType, depth: int) -> Json:
        if self._chance.random() < 0.01:
            return self._chance.choice(MISFITS)
        if not kind.is_list:
            return self._value(service, name, kind.name, depth)
        length = self._chance.choice([0, 1, 1, 1, 2, 3, 120])
        one = self._value(service, name, kind.name, depth)
        return [one] * length if length > 3 else [self._value(service, name, kind.name, depth)] * length

    def _value(self, service: str, name: str, kind: str, depth: int) -> Json:
        if kind == "str":
            return self._text(name)
        if kind == "bool":
            return self._chance.random() < 0.5
        if kind in ("int", "float"):
            small = self._chance.random() < 0.7
            return self._chance.randint(0, 100) if small else self._chance.choice(STRANGE_NUMBERS)
        return self._object(service, kind, depth - 1) if depth else {}

    def _text(self, name: str) -> str:
        names = self._known.names(name)
        if names and self._chance.random() < 0.95:
            return self._chance.choice(names)
        is_pem = any(word in name for word in ("PublicKey", "PrivateKey", "CertContent", "CertKey"))
        if is_pem and self._known.pem:
            is_large = self._chance.random() < 0.01
            return self._chance.choice(self._known.large_pem if is_large else self._known.pem)
        return self._chance.choice(WORDS if self._chance.random() < 0.8 else STRANGE_TEXTS)
