"""The certificate inventory: what is shared, what is ours, what is never reused."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from unit.fakes.scripted_api import Reply, ScriptedApi
from unit.fakes.virtual_time import run_virtually

from mtls_operator import errors
from mtls_operator.adapters.tencent.certificates import CLUSTER_TAG, FINGERPRINT_TAG, CloudCertificates
from mtls_operator.adapters.tencent.errors import error_for
from mtls_operator.core.cloud import CertId, CertificateKind, CertificateOwner, Fingerprint

OWNER = CertificateOwner(cluster="c1", namespace="edge", name="api", uid="u1")


class Service:
    """A certificate service that keeps what is uploaded, with its tags."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = []
        self.delete_result: object = True
        self.authorities: list[str] | None = None

    def __call__(self, action: str, params: Any) -> Reply:
        if action == "DescribeCertificates":
            return {"Certificates": list(self.held)[params["Offset"] : params["Offset"] + params["Limit"]]}
        if action == "UploadCertificate":
            return self._upload(params)
        if action == "CheckCertificateExist":
            equal = [c["CertificateId"] for c in self.held if c["Public"] == params["CertificatePublicKey"]]
            return {"RepeatCertId": equal[0] if equal else ""}
        if action == "DescribeLoadBalancerListByCertId":
            return {"CertSet": [{"LoadBalancers": [{"LoadBalancerId": "lb-1"}]}]}
        if not any(c["CertificateId"] == params["CertificateId"] for c in self.held):
            raise error_for(action, "FailedOperation.CertificateNotFound", "gone", "r-1")
        if action == "DescribeCertificate":
            return {"CACommonNames": self.authorities}
        return {"DeleteResult": self.delete_result, "RequestId": "r-2"}

    def _upload(self, params: Any) -> Reply:
        equal = next((c for c in self.held if c["Public"] == params["CertificatePublicKey"]), None)
        if equal is not None and not params["Repeatable"]:
            return {"RepeatCertId": equal["CertificateId"], "CertificateId": None}
        return {"CertificateId": self.hold(params["CertificatePublicKey"], params["Tags"])}

    def hold(self, public: str, tags: list[dict[str, str]]) -> str:
        made = f"cert-{len(self.held) + 1}"
        self.held.append({"CertificateId": made, "CertificateType": "SVR", "Tags": tags, "Public": public})
        return made


async def upload(
    store: CloudCertificates, chain: str = "PEM", owner: CertificateOwner = OWNER, fingerprint: str = "ff"
) -> CertId:
    return await store.upload(
        CertificateKind.SERVER,
        chain=chain,
        key="K",
        alias="a",
        owner=owner,
        fingerprint=Fingerprint(fingerprint),
        tags={"t": "1"},
    )


def start(takes: float = 0.0, slow: str = "") -> tuple[Service, ScriptedApi, CloudCertificates]:
    service = Service()
    api = ScriptedApi(service, takes=takes, slow=slow)
    return service, api, CloudCertificates(api, cluster="c1", regions=("r1", "r2"))


def test_an_upload_is_found_again_with_owner_and_fingerprint() -> None:
    service, _, store = start()
    made = run_virtually(upload(store))
    (found,) = run_virtually(store.inventory())
    assert (found.id, found.owner, found.fingerprint, found.kind) == (
        made,
        OWNER,
        "ff",
        CertificateKind.SERVER,
    )
    assert {"TagKey": "t", "TagValue": "1"} in service.held[0]["Tags"]


def test_an_equal_upload_of_ours_is_used_again() -> None:
    service, _, store = start()
    assert run_virtually(upload(store)) == run_virtually(upload(store))
    assert len(service.held) == 1


@pytest.mark.parametrize("cluster", [None, "c2"], ids=["a person's", "another cluster's"])
def test_an_equal_upload_of_somebody_else_is_left_alone(cluster: str | None) -> None:
    service, api, store = start()
    theirs = service.hold("PEM", [{"TagKey": CLUSTER_TAG, "TagValue": cluster}] if cluster else [])
    assert run_virtually(upload(store)) != theirs
    assert [params["Repeatable"] for action, params, _ in api.sent if action == "UploadCertificate"] == [
        False,
        True,
    ]


def test_an_upload_says_of_which_earlier_one_it_is_a_copy() -> None:
    """The service names one of several; once ours is there as well, it may be the wrong one."""
    service, _, store = start()
    theirs = service.hold("PEM", [])
    run_virtually(upload(store))
    run_virtually(upload(store, chain="ANOTHER", owner=replace(OWNER, uid="u2")))
    assert [found.copy_of for found in run_virtually(store.inventory())] == [theirs, None]


def test_a_copy_is_asked_for_without_its_key() -> None:
    service, api, store = start()
    theirs = service.hold("PEM", [])
    assert run_virtually(store.copy_of("PEM")) == theirs
    assert run_virtually(store.copy_of("ANOTHER")) is None
    assert set(api.actions) == {"CheckCertificateExist"}


@pytest.mark.parametrize(("names", "number"), [(["a"], 1), (["a", "b"], 2), ([], 0), (None, 0)])
def test_authorities_of_an_upload_are_counted(names: list[str] | None, number: int) -> None:
    service, _, store = start()
    theirs = CertId(service.hold("PEM", []))
    service.authorities = names
    assert run_virtually(store.authorities_in(theirs)) == number
    assert run_virtually(store.authorities_in(CertId("gone"))) == 0


def test_an_equal_upload_that_was_made_for_another_listener_of_this_cluster_is_used() -> None:
    service, _, store = start()
    first = run_virtually(upload(store))
    assert run_virtually(upload(store, owner=replace(OWNER, name="shop", uid="u2"))) == first
    assert len(service.held) == 1


def test_an_earlier_upload_with_another_chain_behind_the_same_certificate_is_not_used() -> None:
    """The service may compare the first certificates only."""
    _, _, store = start()
    first = run_virtually(upload(store, fingerprint="of the certificate alone"))
    second = run_virtually(upload(store, fingerprint="of the whole chain"))
    assert first != second


def test_what_the_filter_lets_through_is_checked_again() -> None:
    service, _, store = start()
    service.hold(
        "PEM", [{"TagKey": CLUSTER_TAG, "TagValue": "c2"}, {"TagKey": FINGERPRINT_TAG, "TagValue": "ff"}]
    )
    assert run_virtually(store.inventory()) == ()


def test_an_inventory_of_several_pages_is_read_to_the_end() -> None:
    service, api, store = start()
    for n in range(1001):
        service.hold(f"PEM {n}", [{"TagKey": CLUSTER_TAG, "TagValue": "c1"}])
    assert len(run_virtually(store.inventory())) == 1001
    assert [params["Offset"] for _, params, _ in api.sent] == [0, 1000]


def test_passes_of_one_moment_share_a_list_and_later_ones_do_not() -> None:
    async def passes(store: CloudCertificates) -> None:
        await asyncio.gather(store.inventory(), store.inventory())
        await asyncio.sleep(2)
        await store.inventory()

    _, api, store = start(takes=0.1)
    run_virtually(passes(store))
    assert len(api.actions) == 2


@pytest.mark.parametrize("head_start", [-0.05, 0.05], ids=["listing first", "uploading first"])
@pytest.mark.parametrize("slow", ["", "DescribeCertificates"], ids=["", "with a slow list"])
def test_a_list_made_while_an_upload_was_under_way_is_not_shared_afterwards(
    head_start: float, slow: str
) -> None:
    async def both(store: CloudCertificates, service: Service) -> list[str]:
        async def later(delay: float, what: Any) -> Any:
            await asyncio.sleep(max(delay, 0))
            return await what

        made, _ = await asyncio.gather(
            later(-head_start, upload(store)), later(head_start, store.inventory())
        )
        return [c.id for c in await store.inventory() if c.id == made]

    service, _, store = start(0.09, slow)
    assert run_virtually(both(store, service)) == ["cert-1"]


def test_users_are_asked_for_in_every_region() -> None:
    _, api, store = start()
    assert run_virtually(store.users(CertId("cert-1"))) == ["lb-1", "lb-1"]
    assert len(api.sent) == 2


def test_a_deletion_of_what_is_gone_is_fine() -> None:
    _, _, store = start()
    run_virtually(store.delete(CertId("cert-9")))


def test_a_deletion_that_did_not_happen_is_an_error() -> None:
    service, _, store = start()
    service.hold("PEM", [])
    service.delete_result = False
    with pytest.raises(errors.InUse, match="cert-1 was not deleted, RequestId r-2"):
        run_virtually(store.delete(CertId("cert-1")))
