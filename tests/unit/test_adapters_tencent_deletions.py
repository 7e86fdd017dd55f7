"""A certificate is deleted by the deletion that looks for users, where the account allows it."""

from typing import Any

import pytest
from unit.fakes.scripted_api import Reply, ScriptedApi
from unit.fakes.virtual_time import run_virtually

from mtls_operator import errors
from mtls_operator.adapters.tencent.deletions import Deletions
from mtls_operator.adapters.tencent.errors import error_for
from mtls_operator.core.cloud import CertId

CERTIFICATE = CertId("cert-1")
PLAIN, CHECKED = ("DeleteCertificate", False), ("DeleteCertificate", True)


class Service:
    """A certificate service that answers a deletion's task with these statuses, one after the other."""

    def __init__(self, *statuses: int, role: bool = True) -> None:
        self.statuses = list(statuses)
        self.role = role

    def __call__(self, action: str, params: Any) -> Reply:
        if action == "DescribeDeleteCertificatesTaskResult":
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return {
                "DeleteTaskResult": [{"TaskId": params["TaskIds"][0], "Status": status, "Error": "a word"}]
            }
        if not params["IsCheckResource"]:
            return {"DeleteResult": True, "TaskId": ""}
        if not self.role:
            raise error_for(action, "FailedOperation.RoleNotFoundAuthorization", "no role", "r-1")
        return {"DeleteResult": False, "TaskId": "task-1"}


def start(service: Service) -> tuple[ScriptedApi, Deletions]:
    api = ScriptedApi(service)
    return api, Deletions(api)


def deletions(api: ScriptedApi) -> list[tuple[str, bool]]:
    return [
        (action, params["IsCheckResource"]) for action, params, _ in api.sent if action == "DeleteCertificate"
    ]


def test_it_returns_when_the_task_says_that_the_certificate_is_gone() -> None:
    api, store = start(Service(0, 0, 1))
    run_virtually(store.delete(CERTIFICATE))
    assert deletions(api) == [CHECKED]
    assert len(api.sent) == 4


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(4, errors.InUse, id="still bound"),
        pytest.param(2, errors.TaskFailed, id="failed"),
        pytest.param(5, errors.Unavailable, id="timed out"),
        pytest.param(0, errors.Unavailable, id="never ends"),
        pytest.param(9, errors.TaskFailed, id="unknown"),
    ],
)
def test_a_certificate_that_is_not_gone_is_an_error_and_never_deleted_without_looking(
    status: int, kind: type[errors.CloudError]
) -> None:
    api, store = start(Service(status))
    with pytest.raises(kind, match="cert-1 was not deleted"):
        run_virtually(store.delete(CERTIFICATE))
    assert deletions(api) == [CHECKED]


@pytest.mark.parametrize("service", [Service(role=False), Service(3)], ids=["at once", "by the task"])
def test_without_the_role_the_plain_deletion_is_used_and_the_role_not_asked_for_again_soon(
    service: Service,
) -> None:
    async def two(store: Deletions) -> None:
        await store.delete(CERTIFICATE)
        await store.delete(CERTIFICATE)

    api, store = start(service)
    run_virtually(two(store))
    assert deletions(api) == [CHECKED, PLAIN, PLAIN]


def test_an_operator_that_may_not_delete_is_told_so() -> None:
    def refuse(action: str, params: Any) -> Reply:
        del params
        raise error_for(action, "AuthFailure.UnauthorizedOperation", "ssl:DeleteCertificate", "r-1")

    api = ScriptedApi(refuse)
    with pytest.raises(errors.AccessDenied):
        run_virtually(Deletions(api).delete(CERTIFICATE))
    assert deletions(api) == [CHECKED]
