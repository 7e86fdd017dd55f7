"""24. DeleteCertificates deletes each certificate for itself; checked ones get a task each.

Source: documented (Success, Fail, CertTaskIds, at most 100 ids).
"""

from eventually import eventually_async
from simulator.cloud import Cloud, refused
from simulator.pki import Authority


async def test_unchecked_ones_go_and_the_others_are_named(cloud: Cloud, authority: Authority) -> None:
    free = await cloud.upload_ca(authority)
    binding = await cloud.mutual(authority)
    await cloud.listener(await cloud.load_balancer(), Certificate=binding)
    reply = await cloud.ssl("DeleteCertificates", CertificateIds=[free, binding["CertCaId"], "nonesuch"])
    assert reply.Success == [free]
    assert [one.CertId for one in reply.Fail] == [binding["CertCaId"], "nonesuch"]
    assert all(one.Msg for one in reply.Fail)
    assert (await cloud.ssl("DescribeCertificates")).TotalCount == 2


async def test_checked_ones_get_a_task_each(cloud: Cloud, authority: Authority) -> None:
    free = await cloud.upload_ca(authority)
    binding = await cloud.mutual(authority)
    await cloud.listener(await cloud.load_balancer(), Certificate=binding)
    wanted = [free, binding["CertId"]]
    reply = await cloud.ssl("DeleteCertificates", CertificateIds=wanted, IsSync=True)
    assert [one.CertId for one in reply.CertTaskIds] == wanted
    task_ids = [one.TaskId for one in reply.CertTaskIds]
    assert len(set(task_ids)) == 2

    async def statuses() -> list[int]:
        read = await cloud.ssl("DescribeDeleteCertificatesTaskResult", TaskIds=task_ids)
        return [int(one.Status) for one in read.DeleteTaskResult]

    assert await eventually_async(statuses, until=lambda seen: 0 not in seen) == [1, 4]


async def test_hundred_is_the_limit(cloud: Cloud) -> None:
    many = [f"id-{index}" for index in range(100)]
    assert len((await cloud.ssl("DeleteCertificates", CertificateIds=many)).Fail) == 100
    with refused("InvalidParameterValue.Length"):
        await cloud.ssl("DeleteCertificates", CertificateIds=[*many, "id-100"])
    with refused("MissingParameter"):
        await cloud.ssl("DeleteCertificates", CertificateIds=[])
