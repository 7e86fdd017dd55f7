"""A ClientCert's Secret: exactly the work that a change needs."""

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, client_cert
from unit.test_core_leaf import ISSUER, make_issuer

from mtls_operator.api.client_cert import ClientCert
from mtls_operator.core.client_cert import (
    P12,
    P12_PASSWORD,
    REVISION,
    Trust,
    Wanted,
    render_secret,
    wanted_leaf,
    work_for,
)
from mtls_operator.core.client_secret import require_own_secret, require_type
from mtls_operator.core.cluster import Owner, Secret
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import OwnershipError, SpecError
from mtls_operator.pki.issue import issue_leaf
from mtls_operator.pki.keys import generate_key
from mtls_operator.pki.pkcs12 import Pkcs12Profile, opens_pkcs12

ROOTS = (ISSUER.certificate,)
TRUST = Trust(issuer=ISSUER.certificate, tail=(), roots=ROOTS)


def wanted(password: str | None = None, **spec: Any) -> Wanted:
    cert = client_cert(**spec)
    return Wanted(cert=cert, leaf=wanted_leaf(cert), password=password)


def made(want: Wanted) -> Secret:
    key = generate_key(want.leaf.key)
    leaf = issue_leaf(
        profile=want.leaf.profile,
        subject=want.leaf.subject,
        names=want.leaf.names,
        public_key=key.public_key(),
        issuer=ISSUER,
        duration=want.leaf.duration,
        now=NOW,
    )
    secret = render_secret(want, None, chain=(leaf,), key=key, roots=ROOTS, issued=True)
    return replace(secret, uid="u", resource_version="1")


def again(want: Wanted, secret: Secret) -> Secret:
    """Do the work that is found, without issuing."""
    work, stored = work_for(want, secret, TRUST, NOW)
    assert (work.issue, work.rewrite) == (None, True)
    assert stored is not None
    return render_secret(want, secret, chain=stored.chain, key=stored.key, roots=ROOTS, issued=False)


PLAIN = wanted()
SECRET = made(PLAIN)


def test_what_was_rendered_needs_no_work() -> None:
    work, _ = work_for(PLAIN, SECRET, TRUST, NOW)
    assert not work.is_needed


def test_a_secret_holds_all_that_a_client_needs_and_opens_with_its_password() -> None:
    assert set(SECRET.data) == {"tls.crt", "tls.key", "ca.crt", P12, P12_PASSWORD}
    assert SECRET.type == "kubernetes.io/tls"
    contents = opens_pkcs12(SECRET.data[P12], SECRET.data[P12_PASSWORD].decode())
    assert contents is not None
    assert contents.chain == ROOTS


def test_a_new_password_rebuilds_the_p12_and_nothing_else() -> None:
    changed = again(wanted("correct horse"), SECRET)
    different = {name for name in SECRET.data if SECRET.data[name] != changed.data[name]}
    assert different == {P12, P12_PASSWORD}
    assert opens_pkcs12(changed.data[P12], "correct horse") is not None
    assert changed.annotations[REVISION] == SECRET.annotations[REVISION] == "1"


def test_the_made_password_stays_the_same() -> None:
    damaged = replace(SECRET, data={**SECRET.data, P12: b"x"})
    assert again(PLAIN, damaged).data[P12_PASSWORD] == SECRET.data[P12_PASSWORD]


REPAIRS: list[tuple[str, Wanted, Secret]] = [
    ("a p12 edited by hand", PLAIN, replace(SECRET, data={**SECRET.data, P12: b"edited"})),
    (
        "a p12 of another certificate",
        PLAIN,
        replace(
            SECRET, data={**SECRET.data, P12: made(wanted(SECRET.data[P12_PASSWORD].decode())).data[P12]}
        ),
    ),
    (
        "a password edited by hand",
        wanted("right"),
        replace(made(wanted("right")), data={**made(wanted("right")).data, P12_PASSWORD: b"wrong"}),
    ),
    (
        "a password taken away",
        PLAIN,
        replace(SECRET, data={k: v for k, v in SECRET.data.items() if k != P12_PASSWORD}),
    ),
    ("another profile", wanted(pkcs12={"profile": "Legacy"}), SECRET),
    ("another friendly name", wanted(pkcs12={"friendlyName": "Payments"}), SECRET),
    ("no p12 any more", wanted(pkcs12={"enabled": False}), SECRET),
    ("an edited ca.crt", PLAIN, replace(SECRET, data={**SECRET.data, "ca.crt": b"x"})),
    ("a label of the template", wanted(secretTemplate={"labels": {"team": "a"}}), SECRET),
    ("a label of ours taken away", PLAIN, replace(SECRET, labels={})),
    ("an annotation of the template", wanted(secretTemplate={"annotations": {"a": "b"}}), SECRET),
]


@pytest.mark.parametrize(("want", "secret"), [row[1:] for row in REPAIRS], ids=[row[0] for row in REPAIRS])
def test_it_is_rewritten_without_a_new_certificate_for(want: Wanted, secret: Secret) -> None:
    changed = again(want, secret)
    assert changed.data["tls.crt"] == secret.data["tls.crt"]
    assert changed.data["tls.key"] == secret.data["tls.key"]
    work, _ = work_for(want, changed, TRUST, NOW)
    assert not work.is_needed


def test_labels_and_annotations_of_others_stay() -> None:
    theirs = replace(SECRET, labels={"backup": "yes"}, annotations={"note": "x"})
    changed = again(PLAIN, theirs)
    assert changed.labels["backup"] == "yes"
    assert changed.annotations["note"] == "x"


def test_an_update_is_guarded_by_uid_and_version() -> None:
    changed = again(PLAIN, replace(SECRET, labels={}))
    assert (changed.uid, changed.resource_version) == ("u", "1")


def test_another_root_in_the_same_place_issues_anew() -> None:
    other = make_issuer().certificate
    work, _ = work_for(PLAIN, SECRET, Trust(issuer=other, tail=(), roots=(other,)), NOW)
    assert work.issue is not None


def test_a_legacy_p12_is_one() -> None:
    data = made(wanted(pkcs12={"profile": "Legacy"})).data
    contents = opens_pkcs12(data[P12], data[P12_PASSWORD].decode())
    assert contents is not None
    assert contents.profile is Pkcs12Profile.LEGACY


@pytest.mark.parametrize(
    "owner",
    [None, Owner(kind="ClientCert", name="payments", uid="another life")],
    ids=["nobody's", "another uid's"],
)
def test_somebody_elses_secret_is_refused(owner: Owner | None) -> None:
    with pytest.raises(OwnershipError, match="left alone") as caught:
        require_own_secret(PLAIN.cert, replace(SECRET, owner=owner))
    assert caught.value.reason == Reason.SECRET_NAME_TAKEN


def test_an_own_secret_is_fine() -> None:
    require_own_secret(PLAIN.cert, SECRET)
    require_own_secret(PLAIN.cert, None)


@pytest.mark.parametrize(
    ("cert", "secret"),
    [(client_cert(request="QUJD"), SECRET), (client_cert(), replace(SECRET, type="Opaque"))],
    ids=["a key where a request wants none", "no key where one is wanted"],
)
def test_a_secret_of_another_type_is_refused_with_the_way_out(cert: ClientCert, secret: Secret) -> None:
    with pytest.raises(SpecError, match=r"never changes a type. .* delete it: it is made anew") as caught:
        require_type(cert, secret)
    assert caught.value.reason == Reason.SECRET_TYPE_DIFFERS


def test_a_secret_of_the_wanted_type_is_fine() -> None:
    require_type(client_cert(), SECRET)
    require_type(client_cert(request="QUJD"), replace(SECRET, type="Opaque"))
    require_type(client_cert(request="QUJD"), None)


def test_nothing_secret_is_in_a_repr() -> None:
    text = repr(SECRET) + repr(wanted("hunter two"))
    assert "hunter two" not in text
    assert "PRIVATE" not in text
    assert SECRET.data[P12_PASSWORD].decode() not in text
