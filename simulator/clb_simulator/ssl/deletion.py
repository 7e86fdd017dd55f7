"""DeleteCertificate and DeleteCertificates, unchecked or checked, and DescribeDeleteCertificatesTaskResult.

Pure over the store. A checked deletion is a task of its own: it looks for bindings in every region when
it runs, and its outcome is read with the last action here.
"""

import json
import uuid
from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb.load_balancers import uses_certificate
from clb_simulator.clock import china_time
from clb_simulator.errors import ApiError, certificate_not_found, missing_parameter, too_long
from clb_simulator.model import Certificate, Task, TaskStatus
from clb_simulator.params import Json, Object, Params
from clb_simulator.ssl.certificates import certificate_of, existing_certificate
from clb_simulator.tag.names import certificate_resource

CHECKED_DELETION: Final = "DeleteCertificate#checked"
_BOUND: Final = "FailedOperation.BoundResources"
_ROLE_MISSING: Final = "FailedOperation.RoleNotFoundAuthorization"
_TASK_IDS: Final = 100
_CERTIFICATE_IDS: Final = 100
_RESULT_BY_CODE: Final = {_ROLE_MISSING: 3, _BOUND: 4}


def delete_certificate(call: Call, params: Params) -> Object:
    """DeleteCertificate: at once, or by a task that first looks for bindings."""
    one = certificate_of(call, params)
    if params.flag("IsCheckResource"):
        _start_checked_deletion(call, one, call.request_id)
        return {"DeleteResult": False, "TaskId": call.request_id}
    _delete_unchecked(call, one)
    return {"DeleteResult": True, "TaskId": ""}


def delete_certificates(call: Call, params: Params) -> Object:
    """DeleteCertificates: each for itself, so some may fail; checked, each by a task of its own."""
    identifiers = tuple(dict.fromkeys(params.texts("CertificateIds")))
    if not identifiers:
        raise missing_parameter("CertificateIds")
    if len(identifiers) > _CERTIFICATE_IDS:
        raise too_long("CertificateIds", _CERTIFICATE_IDS + 1)
    is_checked = params.flag("IsSync")
    done: list[Json] = []
    failed: list[Json] = []
    tasks: list[Json] = []
    for identifier in identifiers:
        try:
            one = existing_certificate(call, identifier)
            if is_checked:
                tasks.append({"CertId": identifier, "TaskId": _start_one_of_many(call, one)})
            else:
                _delete_unchecked(call, one)
                done.append(identifier)
        except ApiError as error:
            failed.append({"CertId": identifier, "Msg": error.message})
    return {"Success": done, "Fail": failed, "CertTaskIds": tasks}


def carry_out_checked_deletion(call: Call, params: Params) -> Object:
    """Delete a certificate that is bound nowhere, when the task of its deletion ends."""
    certificate_id = params.required_text("CertificateId")
    one = call.store.certificates.get(certificate_id)
    if one is None or one.deleted:
        raise certificate_not_found(certificate_id)
    if _bound_in_any_region(call, certificate_id):
        raise ApiError(_BOUND, f"The certificate {certificate_id} is bound to resources.")
    _remove(call, one, keep_copy=False)
    return {}


def describe_delete_certificates_task_result(call: Call, params: Params) -> Object:
    """DescribeDeleteCertificatesTaskResult: 0 running, 1 done, 2 failed, 3 no role, 4 bound."""
    task_ids = params.texts("TaskIds")
    if not task_ids:
        raise missing_parameter("TaskIds")
    if len(task_ids) > _TASK_IDS:
        raise too_long("TaskIds", _TASK_IDS + 1)
    tasks = [call.store.tasks.get(task_id) for task_id in task_ids]
    results: list[Json] = [_render(one) for one in tasks if one is not None and one.service == "ssl"]
    return {"DeleteTaskResult": results}


def _delete_unchecked(call: Call, one: Certificate) -> None:
    is_bound = _bound_in_any_region(call, one.certificate_id)
    if is_bound and call.switches.bound_certificate_deletion == "refused":
        raise ApiError(
            "FailedOperation.DeleteResourceFailed",
            f"The certificate {one.certificate_id} is bound to resources.",
        )
    _remove(call, one, keep_copy=is_bound)


def _start_one_of_many(call: Call, one: Certificate) -> str:
    # The RequestId is the task id of a single deletion; several need one each.
    task_id = str(uuid.uuid5(uuid.UUID(call.request_id), one.certificate_id))
    _start_checked_deletion(call, one, task_id)
    return task_id


def _start_checked_deletion(call: Call, one: Certificate, task_id: str) -> None:
    if not call.switches.deletion_role_granted:
        raise ApiError(
            _ROLE_MISSING, "The service role SSL_QCSLinkedRoleInReplaceLoadCertificate is not granted."
        )
    task = Task(
        task_id=task_id,
        service="ssl",
        action=CHECKED_DELETION,
        region=call.region,
        load_balancer_ids=(),
        params=json.dumps({"CertificateId": one.certificate_id}),
        ids=(),
        created_at=call.now,
        due_at=call.task_due_at,
    )
    call.store.tasks.put(task.task_id, task)


def _bound_in_any_region(call: Call, certificate_id: str) -> bool:
    return any(uses_certificate(call, one, certificate_id) for one in call.store.load_balancers.all())


def _remove(call: Call, one: Certificate, *, keep_copy: bool) -> None:
    resource = certificate_resource(one.certificate_id)
    if call.store.tags.get(resource) is not None:
        call.store.tags.remove(resource)
    if keep_copy:
        call.store.certificates.put(one.certificate_id, replace(one, deleted=True))
    else:
        call.store.certificates.remove(one.certificate_id)


def _render(task: Task) -> Object:
    status = {TaskStatus.RUNNING: 0, TaskStatus.SUCCEEDED: 1, TaskStatus.FAILED: 2}[task.status]
    certificate_id: Json = json.loads(task.params)["CertificateId"]
    return {
        "TaskId": task.task_id,
        "CertId": certificate_id,
        "Status": _RESULT_BY_CODE.get(task.code or "", status),
        "Error": task.message or "",
        "CacheTime": china_time(task.created_at),
        "Domains": [],
    }


ACTIONS: Final = {
    "DeleteCertificate": Action(handler=delete_certificate, kind=Kind.WRITE),
    "DeleteCertificates": Action(handler=delete_certificates, kind=Kind.WRITE),
    CHECKED_DELETION: Action(handler=carry_out_checked_deletion, kind=Kind.EFFECT),
    "DescribeDeleteCertificatesTaskResult": Action(
        handler=describe_delete_certificates_task_result, kind=Kind.READ
    ),
}
