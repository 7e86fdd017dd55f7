"""The steps towards a root, and that a lost key never leads to a new one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, authority

from mtls_operator.api.authority import CertificateAuthority
from mtls_operator.api.authority_rotation import RootGeneration
from mtls_operator.core.authority import Step, key_secret, next_step, require_ours, trust_config_map
from mtls_operator.core.cluster import ConfigMap, Secret
from mtls_operator.core.lineage import read_lineage
from mtls_operator.core.ownership import authority_annotations, authority_labels
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, ReasonedError, SpecError
from mtls_operator.pki.inspect import chain_to_pem, inspect_certificate, load_chain
from mtls_operator.pki.issue import issue_root
from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, generate_key, key_to_pem
from mtls_operator.pki.names import Subject

PLAIN = authority()


def root(name: str) -> Secret:
    key = generate_key(KeySpec(KeyAlgorithm.ECDSA, 256))
    made = issue_root(subject=Subject(name), key=key, duration=timedelta(days=10), now=NOW)
    return Secret(
        ref=key_secret(PLAIN),
        type="Opaque",
        data={"g1.crt": chain_to_pem((made,)), "g1.key": key_to_pem(key)},
        labels=authority_labels(PLAIN),
        annotations=authority_annotations(PLAIN),
    )


def config_map(published: Secret | None = None) -> ConfigMap:
    return ConfigMap(
        ref=trust_config_map(PLAIN),
        data={"ca.crt": published.data["g1.crt"].decode()} if published else {},
        labels=authority_labels(PLAIN),
        annotations=authority_annotations(PLAIN),
    )


def knows(secret: Secret) -> CertificateAuthority:
    """Return the authority with this root in its status."""
    facts = inspect_certificate(load_chain(secret.data["g1.crt"])[0])
    active = RootGeneration(
        generation=1,
        serial_number=facts.serial_number,
        fingerprint_sha256=facts.fingerprint_sha256,
        not_before=facts.not_before,
        not_after=facts.not_after,
    )
    return PLAIN.model_copy(update={"status": PLAIN.status.model_copy(update={"active": active})})


def step(resource: CertificateAuthority, secret: Secret | None, published: ConfigMap | None) -> Step | None:
    require_ours(resource, secret, published)
    return next_step(resource, read_lineage(secret) if secret is not None else None, published, NOW)


A, B = root("A"), root("B")
MIXED = replace(A, data={"g1.crt": A.data["g1.crt"], "g1.key": B.data["g1.key"]})
CUT = replace(A, data={**A.data, "g1.key": A.data["g1.key"][:60]})

STEPS: list[tuple[str, CertificateAuthority, Secret | None, ConfigMap | None, Step | None]] = [
    ("nothing yet: announce before the key", PLAIN, None, None, Step.ANNOUNCE),
    ("announced: make the root", PLAIN, None, config_map(), Step.MAKE_ROOT),
    ("made, not published yet: nothing", PLAIN, A, config_map(), None),
    ("made, and the ConfigMap is gone: announce again", PLAIN, A, None, Step.ANNOUNCE),
    ("published: nothing", PLAIN, A, config_map(A), None),
    ("published and known: nothing", knows(A), A, config_map(A), None),
    ("restored without status: nothing", PLAIN, A, config_map(A), None),
    ("what was published was edited: nothing, it is published again", knows(A), A, config_map(B), None),
    ("the ConfigMap of a known root was emptied: nothing", knows(A), A, config_map(), None),
]


@pytest.mark.parametrize(
    ("resource", "secret", "published", "expected"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_the_next_step(
    resource: CertificateAuthority, secret: Secret | None, published: ConfigMap | None, expected: Step | None
) -> None:
    assert step(resource, secret, published) is expected


STOPS: list[tuple[str, CertificateAuthority, Secret | None, ConfigMap | None, Reason]] = [
    ("the key is gone, the ConfigMap shows a root", PLAIN, None, config_map(A), Reason.CA_KEY_MISSING),
    ("the key and the ConfigMap are gone, status knows a root", knows(A), None, None, Reason.CA_KEY_MISSING),
    ("the key is gone, the ConfigMap was emptied", knows(A), None, config_map(), Reason.CA_KEY_MISSING),
    ("the Secret was swapped", PLAIN, B, config_map(A), Reason.CA_KEY_DAMAGED),
    ("the Secret was swapped against status, too", knows(A), B, config_map(A), Reason.CA_KEY_DAMAGED),
    ("the Secret was swapped and the ConfigMap emptied", knows(A), B, config_map(), Reason.CA_KEY_DAMAGED),
    ("the Secret was swapped and the ConfigMap removed", knows(A), B, None, Reason.CA_KEY_DAMAGED),
    ("key and certificate do not belong together", PLAIN, MIXED, config_map(), Reason.CA_KEY_DAMAGED),
    ("the key is cut off", PLAIN, CUT, config_map(A), Reason.CA_KEY_DAMAGED),
    ("the Secret is empty", PLAIN, replace(A, data={}), config_map(A), Reason.CA_KEY_DAMAGED),
    ("somebody else's Secret", PLAIN, replace(A, labels={}), None, Reason.SECRET_NAME_TAKEN),
    ("a Secret of another authority", PLAIN, replace(A, annotations={}), None, Reason.SECRET_NAME_TAKEN),
    (
        "somebody else's ConfigMap",
        PLAIN,
        None,
        replace(config_map(), labels={}),
        Reason.CONFIG_MAP_NAME_TAKEN,
    ),
]


@pytest.mark.parametrize(
    ("resource", "secret", "published", "reason"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS]
)
def test_a_person_decides(
    resource: CertificateAuthority, secret: Secret | None, published: ConfigMap | None, reason: Reason
) -> None:
    with pytest.raises((SpecError, OwnershipError)) as caught:
        step(resource, secret, published)
    assert isinstance(caught.value, ReasonedError)
    assert caught.value.reason == reason
    assert "PRIVATE KEY" not in str(caught.value)
