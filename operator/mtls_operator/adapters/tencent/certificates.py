"""The CertificateStore port over the SSL certificate service.

Every upload of ours carries tags that name the cluster, the owner and the fingerprint. That is how
it is found again after a crash or a lost reply, and the only reason to ever delete it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mtls_operator import errors
from mtls_operator.adapters.tencent import shapes
from mtls_operator.adapters.tencent.deletions import Deletions
from mtls_operator.api.meta import GROUP
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateOwner,
    CloudCertificate,
    Fingerprint,
)
from mtls_operator.core.inventory import can_serve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtls_operator.adapters.tencent.api import CloudApi
    from mtls_operator.api.model import Json
    from mtls_operator.core.cloud import DescribedCertificate

CLUSTER_TAG: Final = f"{GROUP}/cluster"
NAMESPACE_TAG: Final = f"{GROUP}/namespace"
NAME_TAG: Final = f"{GROUP}/name"
UID_TAG: Final = f"{GROUP}/uid"
FINGERPRINT_TAG: Final = f"{GROUP}/fingerprint"
COPY_TAG: Final = f"{GROUP}/copy-of"
"""An equal certificate that somebody else had uploaded before; it tells that listener's from others."""

_TYPES: Final = {CertificateKind.SERVER: "SVR", CertificateKind.CA: "CA"}
_KINDS: Final = {wire: kind for kind, wire in _TYPES.items()}
_PAGE: Final = 1000
_SHARED_SECONDS: Final = 1.0
_NO_REGION: Final = ""
"""The certificate service has no regions."""


class CloudCertificates:
    """Uploads, finds and deletes certificates."""

    def __init__(self, api: CloudApi, *, cluster: str, regions: Sequence[str]) -> None:
        self._api = api
        self._cluster = cluster
        self._regions = tuple(regions)
        self._deletions = Deletions(api)
        self._lock = asyncio.Lock()
        self._shared: tuple[float, tuple[CloudCertificate, ...]] | None = None
        self._writes = 0

    def expire_reads(self) -> None:
        """Have the next `inventory` ask the cloud."""
        self._written()

    async def inventory(self) -> Sequence[CloudCertificate]:
        """Return every upload that carries this cluster's tag; passes of the same second share it."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._shared is not None and now - self._shared[0] <= _SHARED_SECONDS:
                return self._shared[1]
            writes, listed = self._writes, await self._list()
            if writes == self._writes:
                self._shared = (now, listed)
            return listed

    async def _list(self) -> tuple[CloudCertificate, ...]:
        found: list[CloudCertificate] = []
        while True:
            query: Json = {
                "Offset": len(found),
                "Limit": _PAGE,
                "Tags": [{"TagKey": CLUSTER_TAG, "TagValue": self._cluster}],
            }
            reply = await self._api.read("ssl", _NO_REGION, "DescribeCertificates", query)
            page = shapes.items(reply, "Certificates")
            found += [_read(certificate) for certificate in page]
            if len(page) < _PAGE:
                # The filter is the service's; ownership is decided here.
                return tuple(c for c in found if c.owner.cluster == self._cluster)

    async def upload(
        self,
        kind: CertificateKind,
        *,
        chain: str,
        key: str,
        alias: str,
        owner: CertificateOwner,
        fingerprint: Fingerprint,
        tags: Mapping[str, str],
    ) -> CertId:
        """Upload a certificate with our tags and return its id.

        With Repeatable=false the service answers with the id of an equal certificate that it has.
        That one is used when its tags say that it is this cluster's and has the same fingerprint; somebody
        else's could be deleted at any time, so then a copy is made. The service may compare the first
        certificates only, and an earlier upload have another chain behind it: the fingerprint covers it.
        """
        body: dict[str, Json] = {
            "CertificatePublicKey": chain,
            "CertificateType": _TYPES[kind],
            "Alias": alias,
            "Tags": _tags({**tags, **_marks(owner, fingerprint)}),
            "Repeatable": False,
        }
        if key:
            body["CertificatePrivateKey"] = key
        reply = await self._upload(body)
        repeated = shapes.text(reply, "RepeatCertId")
        if repeated and not await self._has(CertId(repeated), kind, owner, fingerprint):
            marks = _tags({**tags, **_marks(owner, fingerprint), COPY_TAG: repeated})
            reply = await self._upload({**body, "Tags": marks, "Repeatable": True})
            repeated = ""
        return _uploaded_id(reply, repeated)

    async def _has(
        self, certificate: CertId, kind: CertificateKind, owner: CertificateOwner, fingerprint: Fingerprint
    ) -> bool:
        """Tell whether an upload may take the place of another one with these marks."""
        return any(
            known.id == certificate and can_serve(known, kind, owner, fingerprint)
            for known in await self.inventory()
        )

    async def _upload(self, body: Mapping[str, Json]) -> Mapping[str, object]:
        try:
            return await self._api.write("ssl", _NO_REGION, "UploadCertificate", dict(body))
        finally:
            self._written()

    def _written(self) -> None:
        """Drop the shared list, and keep a list that is under way from being shared: both may be old now."""
        self._writes += 1
        self._shared = None

    async def copy_of(self, chain: str) -> CertId | None:
        """Return a certificate of the account that counts as equal, whoever uploaded it; None without one."""
        body: Json = {"CertificatePublicKey": chain}
        reply = await self._api.read("ssl", _NO_REGION, "CheckCertificateExist", body)
        named = shapes.text(reply, "RepeatCertId")
        return CertId(named) if named else None

    async def authorities_in(self, certificate: CertId) -> int:
        """Return how many authorities a CA upload holds; 0 for one that is gone or no CA's.

        DescribeCertificate shows their names, and never a key.
        """
        try:
            body: Json = {"CertificateId": certificate}
            reply = await self._api.read("ssl", _NO_REGION, "DescribeCertificate", body)
        except errors.CloudNotFound:
            return 0
        return len(shapes.texts(reply, "CACommonNames"))

    async def describe(self, certificate: CertId) -> DescribedCertificate | None:
        """Return what the cloud says of a certificate, whoever put it there; None when there is none.

        Not by DescribeCertificateDetail, which answers with the private key.
        """
        body: Json = {"CertificateId": certificate}
        try:
            return shapes.read_described(await self._api.read("ssl", _NO_REGION, "DescribeCertificate", body))
        except errors.CloudNotFound:
            return None

    async def users(self, certificate: CertId) -> Sequence[str]:
        """Return the load balancers that use a certificate, in every region served."""
        found: list[str] = []
        for region in self._regions:
            body: Json = {"CertIds": [certificate]}
            reply = await self._api.read("clb", region, "DescribeLoadBalancerListByCertId", body)
            for entry in shapes.items(reply, "CertSet"):
                found += [shapes.text(lb, "LoadBalancerId") for lb in shapes.items(entry, "LoadBalancers")]
        return found

    async def delete(self, certificate: CertId) -> None:
        """Delete an upload; one that is gone already is fine."""
        try:
            await self._deletions.delete(certificate)
        except errors.CloudNotFound:
            return
        finally:
            self._written()


def _uploaded_id(reply: Mapping[str, object], repeated: str) -> CertId:
    found = repeated or shapes.text(reply, "CertificateId")
    if not found:
        raise errors.ReplyLost("UploadCertificate", "EmptyReply", "the answer has no CertificateId")
    return CertId(found)


def _marks(owner: CertificateOwner, fingerprint: Fingerprint) -> dict[str, str]:
    return {
        CLUSTER_TAG: owner.cluster,
        NAMESPACE_TAG: owner.namespace,
        NAME_TAG: owner.name,
        UID_TAG: owner.uid,
        FINGERPRINT_TAG: fingerprint,
    }


def _tags(pairs: Mapping[str, str]) -> Json:
    return [{"TagKey": key, "TagValue": value} for key, value in pairs.items()]


def _read(body: Mapping[str, object]) -> CloudCertificate:
    tags = shapes.tags(body)
    copy_of = tags.get(COPY_TAG, "")
    return CloudCertificate(
        id=CertId(shapes.text(body, "CertificateId")),
        kind=_KINDS.get(shapes.text(body, "CertificateType"), CertificateKind.SERVER),
        fingerprint=Fingerprint(tags.get(FINGERPRINT_TAG, "")),
        owner=CertificateOwner(
            cluster=tags.get(CLUSTER_TAG, ""),
            namespace=tags.get(NAMESPACE_TAG, ""),
            name=tags.get(NAME_TAG, ""),
            uid=tags.get(UID_TAG, ""),
        ),
        copy_of=CertId(copy_of) if copy_of else None,
    )
