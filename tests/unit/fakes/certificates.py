"""The certificate service in memory."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from unit.fakes.cloud import FakeLoadBalancers, refused
from unit.fakes.faults import Faults

from mtls_operator import errors
from mtls_operator.core.cloud import (
    CertId,
    CertificateKind,
    CertificateOwner,
    CloudCertificate,
    DescribedCertificate,
    Fingerprint,
)


@dataclass(frozen=True)
class Upload:
    certificate: CloudCertificate
    chain: str
    key: str
    tags: Mapping[str, str]


class FakeCertificateStore:
    """The certificate service; it refuses to delete what is bound.

    Attributes:
        foreign: what somebody else uploaded, before us; chains by id.
        names_newest: which of several equal certificates the service names.
    """

    def __init__(self, faults: Faults, balancers: FakeLoadBalancers, *, cluster: str) -> None:
        self._faults = faults
        self._balancers = balancers
        self._cluster = cluster
        self._ids = count(1)
        self.uploads: dict[CertId, Upload] = {}
        self.expired = 0
        self.foreign: dict[CertId, str] = {}
        self.names_newest = False
        self.others: dict[CertId, DescribedCertificate] = {}
        self.used_by_other_products: set[CertId] = set()
        self.used_elsewhere: dict[CertId, list[str]] = {}
        self.unreachable: errors.CloudError | None = None
        self.quota: int | None = None
        self.before_delete: list[Callable[[CloudCertificate], None]] = []
        self.pauses = 0
        """How often others get their turn before a call is answered."""

    async def _pause(self) -> None:
        for _ in range(self.pauses):
            await asyncio.sleep(0)
        if self.unreachable is not None:
            raise self.unreachable

    def expire_reads(self) -> None:
        self.expired += 1

    async def inventory(self) -> Sequence[CloudCertificate]:
        await self._pause()
        known = (upload.certificate for upload in self.uploads.values())
        return [certificate for certificate in known if certificate.owner.cluster == self._cluster]

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
        await self._pause()
        if self.quota is not None and len(self.uploads) >= self.quota:
            raise refused("UploadCertificate", errors.CertificateQuotaExceeded, "too many")
        made = CertId(f"cert-{next(self._ids)}")
        with self._faults.write(f"UploadCertificate {kind} {alias}", cloud=True):
            certificate = CloudCertificate(
                id=made, kind=kind, fingerprint=fingerprint, owner=owner, copy_of=self._foreign_copy(chain)
            )
            self.uploads[made] = Upload(certificate, chain, key, tags)
        return made

    def _foreign_copy(self, chain: str) -> CertId | None:
        return next((one for one, text in self.foreign.items() if text == chain), None)

    async def copy_of(self, chain: str) -> CertId | None:
        texts = {**self.foreign, **{one: upload.chain for one, upload in self.uploads.items()}}
        equal = [one for one, text in texts.items() if text == chain]
        if not equal:
            return None
        return equal[-1] if self.names_newest else equal[0]

    async def authorities_in(self, certificate: CertId) -> int:
        return self.foreign.get(certificate, "").count("BEGIN CERTIFICATE")

    async def describe(self, certificate: CertId) -> DescribedCertificate | None:
        return self.others.get(certificate)

    async def users(self, certificate: CertId) -> Sequence[str]:
        await self._pause()
        return [*self._balancers.users_of(certificate), *self.used_elsewhere.get(certificate, ())]

    async def delete(self, certificate: CertId) -> None:
        await self._pause()
        for check in self.before_delete:
            if certificate in self.uploads:
                check(self.uploads[certificate].certificate)
        with self._faults.write(f"DeleteCertificate {certificate}", cloud=True):
            if self._balancers.users_of(certificate) or certificate in self.used_by_other_products:
                raise refused("DeleteCertificate", errors.InUse, certificate)
            self.uploads.pop(certificate, None)
