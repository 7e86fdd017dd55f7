"""Watch events: whom each of them wakes, and that a reference is followed only while it is there."""

from typing import Any

import pytest
from builders import (
    authority,
    authority_manifest,
    client_cert,
    client_cert_manifest,
    domain_manifest,
    listener_manifest,
)
from unit.fakes.listed_api import ListedApi

from mtls_operator.adapters.kube.echoes import Echoes
from mtls_operator.adapters.kube.view import ClusterView
from mtls_operator.api.meta import API_VERSION, PLAN_FOR_ANNOTATION, Key, Kind, ObjectRef
from mtls_operator.core.cluster import Secret
from mtls_operator.core.ownership import authority_annotations, authority_labels, owned_labels
from mtls_operator.handlers.watches import Watches
from mtls_operator.reconcilers.queue import KeyedQueue

Body = dict[str, Any]


class Operator:
    """Watches over an empty cluster, and the queue that they fill."""

    def __init__(self) -> None:
        self.queue: KeyedQueue[Key] = KeyedQueue()
        self.view = ClusterView(ListedApi({}))
        self.echoes = Echoes()
        self.watches = Watches(self.view, self.queue, self.echoes)

    async def woken(self) -> set[Key]:
        """Return what is due, and forget it."""
        keys = {await self.queue.take() for _ in range(len(self.queue))}
        for key in keys:
            await self.queue.done(key)
        return keys

    async def know(self, *bodies: Body) -> None:
        """Have seen these objects before."""
        seen = {
            "CertificateAuthority": self.watches.authority,
            "ClientCert": self.watches.client_cert,
            "MutualTLSListener": self.watches.listener,
        }
        for body in bodies:
            await seen[body["kind"]]("ADDED", body)
        await self.woken()


def with_password(name: str, secret: str, namespace: str = "edge") -> Body:
    reference = {"passwordSecretRef": {"name": secret}}
    return client_cert_manifest(name, namespace=namespace, pkcs12=reference)


def plain(name: str, namespace: str = "edge", **metadata: Any) -> Body:
    """A Secret or ConfigMap of somebody, as a watch delivers it."""
    return {"metadata": {"name": name, "namespace": namespace, **metadata}, "data": {"key": "dmFsdWU="}}


def keys(kind: Kind, *names: str, namespace: str = "edge") -> set[Key]:
    return {Key(kind, namespace, name) for name in names}


@pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED", "DELETED"])
async def test_a_secret_wakes_the_client_certs_whose_password_it_holds(event: str | None) -> None:
    operator = Operator()
    await operator.know(
        with_password("payments", "pw"),
        with_password("reports", "pw"),
        with_password("other-secret", "pw2"),
        with_password("other-namespace", "pw", namespace="team-a"),
        client_cert_manifest("no-reference"),
    )
    await operator.watches.secret(event, plain("pw"))
    assert await operator.woken() == keys(Kind.CLIENT_CERT, "payments", "reports")


@pytest.mark.parametrize("member", ["secretRef", "nextSecretRef"])
async def test_a_secret_wakes_the_authority_whose_root_it_holds(member: str) -> None:
    operator = Operator()
    await operator.know(
        authority_manifest("clients", source={member: {"name": "corporate-root"}}),
        authority_manifest("made-here"),
        authority_manifest("elsewhere", namespace="team-a", source={member: {"name": "corporate-root"}}),
    )
    await operator.watches.secret("MODIFIED", plain("corporate-root"))
    assert await operator.woken() == keys(Kind.CERTIFICATE_AUTHORITY, "clients")


async def test_a_secret_wakes_the_listeners_that_show_its_certificate() -> None:
    purchased = {"serverCertificate": {"secretRef": {"name": "purchased"}}}
    tls = {"caRef": {"name": "clients"}, **purchased}
    operator = Operator()
    await operator.know(
        listener_manifest("for-all", tls=tls),
        listener_manifest("for-one", domain_manifest(tls=purchased), sni=True),
        listener_manifest("issued"),
        listener_manifest("elsewhere", namespace="team-a", tls=tls),
    )
    await operator.watches.secret("MODIFIED", plain("purchased"))
    assert await operator.woken() == keys(Kind.MUTUAL_TLS_LISTENER, "for-all", "for-one")


async def test_a_secret_that_nobody_refers_to_wakes_nobody() -> None:
    operator = Operator()
    await operator.know(with_password("payments", "pw"))
    await operator.watches.secret("ADDED", plain("payments"))
    assert await operator.woken() == set()


async def test_a_reference_is_followed_where_it_points_now() -> None:
    operator = Operator()
    await operator.know(with_password("payments", "old"), with_password("payments", "new"))
    await operator.watches.secret("MODIFIED", plain("old"))
    assert await operator.woken() == set()
    await operator.watches.secret("MODIFIED", plain("new"))
    assert await operator.woken() == keys(Kind.CLIENT_CERT, "payments")


async def test_a_reference_goes_with_its_object() -> None:
    operator = Operator()
    await operator.know(with_password("payments", "pw"))
    await operator.watches.client_cert("DELETED", with_password("payments", "pw"))
    await operator.woken()
    await operator.watches.secret("MODIFIED", plain("pw"))
    assert await operator.woken() == set()


async def test_the_resync_replaces_the_references_as_well() -> None:
    listed = {"/apis/mtls.clb-operator.dev/v1alpha1/clientcerts": [with_password("reports", "pw")]}
    view = ClusterView(ListedApi(listed))
    view.held_requests.put(with_password("gone-unseen", "pw"))
    await view.refresh()
    assert view.users_of_secret(ObjectRef("edge", "pw")) == [*keys(Kind.CLIENT_CERT, "reports")]


async def test_nothing_of_a_secret_is_kept() -> None:
    operator = Operator()
    await operator.know(with_password("payments", "pw"))
    body = plain("pw") | {"data": {"password": "Y29ycmVjdC1ob3JzZQ=="}}
    await operator.watches.secret("ADDED", body)
    assert "Y29ycmVjdC1ob3JzZQ==" not in repr(_everything(operator.view) + _everything(operator.watches))


def _everything(holder: object) -> list[object]:
    """The members of an object, and theirs."""
    return [vars(one) if hasattr(one, "__dict__") else one for one in vars(holder).values()]


async def test_what_was_made_for_an_object_wakes_that_object() -> None:
    operator = Operator()
    owner = {
        "apiVersion": API_VERSION,
        "kind": "ClientCert",
        "name": "payments",
        "uid": "u",
        "controller": True,
    }
    made = plain("other-name", labels=owned_labels(client_cert()), ownerReferences=[owner])
    await operator.watches.secret("DELETED", made)
    assert await operator.woken() == keys(Kind.CLIENT_CERT, "payments")


@pytest.mark.parametrize("name", ["clients-ca", "clients-approvals"])
async def test_an_authoritys_config_map_wakes_the_authority(name: str) -> None:
    operator = Operator()
    labels, annotations = authority_labels(authority()), authority_annotations(authority())
    await operator.watches.config_map("MODIFIED", plain(name, labels=labels, annotations=annotations))
    assert await operator.woken() == keys(Kind.CERTIFICATE_AUTHORITY, "clients")


@pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED", "DELETED"])
async def test_approvals_wake_everything_that_asks_that_authority(event: str | None) -> None:
    operator = Operator()
    await operator.know(
        client_cert_manifest("payments"),
        client_cert_manifest("from-afar", namespace="team-a", caRef={"name": "clients", "namespace": "edge"}),
        client_cert_manifest("of-another", caRef={"name": "partners"}),
        client_cert_manifest("of-a-namesake", namespace="team-a"),
    )
    await operator.watches.config_map(event, plain("clients-approvals"))
    expected = keys(Kind.CLIENT_CERT, "payments") | keys(Kind.CLIENT_CERT, "from-afar", namespace="team-a")
    assert await operator.woken() == expected


@pytest.mark.parametrize("name", ["clients", "approvals", "clients-approvals-old"])
async def test_another_config_map_wakes_nobody(name: str) -> None:
    operator = Operator()
    await operator.know(client_cert_manifest("payments"))
    await operator.watches.config_map("MODIFIED", plain(name))
    assert await operator.woken() == set()


def made(version: str, uid: str = "uid-secret") -> Body:
    """A Secret that the operator made for `payments`, as a watch delivers it."""
    cert = client_cert("payments", namespace="edge")
    owner = {"apiVersion": API_VERSION, "kind": "ClientCert", "name": "payments", "controller": True}
    return plain(
        "payments", labels=owned_labels(cert), uid=uid, resourceVersion=version, ownerReferences=[owner]
    )


def written(version: str) -> Secret:
    ref = ObjectRef("edge", "payments")
    return Secret(ref=ref, type="Opaque", data={}, uid="uid-secret", resource_version=version)


async def test_a_write_of_ours_wakes_nobody_when_it_comes_back_as_an_event() -> None:
    operator = Operator()
    operator.echoes.expect(written("7"))
    await operator.watches.secret("ADDED", made("7"))
    assert await operator.woken() == set()


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("MODIFIED", made("8")),
        ("MODIFIED", made("6")),
        ("MODIFIED", made("7", uid="another")),
        ("DELETED", made("7")),
    ],
    ids=["a later version", "an earlier version", "another object of the name", "its deletion"],
)
async def test_what_is_not_our_last_write_wakes_the_owner(event: str, body: Body) -> None:
    operator = Operator()
    operator.echoes.expect(written("7"))
    await operator.watches.secret(event, body)
    assert await operator.woken() == keys(Kind.CLIENT_CERT, "payments")


async def test_an_echo_is_expected_once() -> None:
    """A list after a broken watch shows the version again: whether it was missed meanwhile is not known."""
    operator = Operator()
    operator.echoes.expect(written("7"))
    await operator.watches.secret("MODIFIED", made("7"))
    await operator.watches.secret(None, made("7"))
    assert await operator.woken() == keys(Kind.CLIENT_CERT, "payments")


async def test_a_draft_is_planned_for_itself_and_concerns_nobody_else() -> None:
    operator = Operator()
    await operator.know(authority_manifest())
    draft = listener_manifest("api-plan-1", annotations={PLAN_FOR_ANNOTATION: "api"})
    await operator.watches.listener("ADDED", draft)
    assert await operator.woken() == keys(Kind.MUTUAL_TLS_LISTENER, "api-plan-1")
    assert operator.view.listeners() == []
