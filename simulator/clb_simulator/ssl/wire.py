"""Render certificates as replies carry them.

Pure over the store.
"""

import datetime as dt
from typing import Final

from clb_simulator.action import Call
from clb_simulator.clock import china_time
from clb_simulator.model import Certificate
from clb_simulator.params import Json, Object
from clb_simulator.tag.names import certificate_resource

_REVIEWING: Final = 0
_APPROVED: Final = 1
_EXPIRED: Final = 3
_STATUS_NAMES: Final = {_REVIEWING: "审核中", _APPROVED: "已颁发", _EXPIRED: "已过期"}
_DAYS_PER_MONTH: Final = 30


def status_of(call: Call, one: Certificate) -> int:
    """Return the status: under review for a moment, approved, or expired."""
    if call.now >= one.not_after:
        return _EXPIRED
    review = dt.timedelta(seconds=call.switches.certificate_review_seconds)
    return _REVIEWING if call.now < one.uploaded_at + review else _APPROVED


def tags_of(call: Call, one: Certificate) -> dict[str, str]:
    """Return the certificate's tags."""
    held = call.store.tags.get(certificate_resource(one.certificate_id))
    return dict(held.values) if held else {}


def render_shared(call: Call, one: Certificate) -> Object:
    """Render what the list, the short and the long description have in common."""
    status = status_of(call, one)
    names: list[Json] = list(one.subject_alt_names)
    tags: list[Json] = [{"TagKey": key, "TagValue": value} for key, value in tags_of(call, one).items()]
    return {
        "OwnerUin": call.uin,
        "ProjectId": str(one.project_id),
        "From": "upload",
        "CertificateType": one.certificate_type,
        "PackageType": "",
        "ProductZhName": one.common_name,
        "Domain": one.subject_alt_names[0] if one.subject_alt_names else one.common_name,
        "Alias": one.alias,
        "Status": status,
        "StatusMsg": "",
        "StatusName": _STATUS_NAMES[status],
        "VerifyType": "",
        "VulnerabilityStatus": "INACTIVE",
        "CertBeginTime": china_time(one.not_before),
        "CertEndTime": china_time(one.not_after),
        "ValidityPeriod": str((one.not_after - one.not_before).days // _DAYS_PER_MONTH),
        "InsertTime": china_time(one.uploaded_at),
        "CertificateId": one.certificate_id,
        "SubjectAltName": names,
        "IsVip": False,
        "IsDv": False,
        "IsWildcard": any(name.startswith("*.") for name in one.subject_alt_names),
        "IsVulnerability": False,
        "RenewAble": False,
        "Deployable": one.certificate_type == "SVR",
        "Tags": tags,
        "CertificateExtra": {"DomainNumber": "1", "SMCert": 0, "CompanyType": 0},
    }


def render_authorities(one: Certificate) -> Object:
    """Render the lists that describe the certificates of a CA upload."""
    is_authority = one.certificate_type == "CA"
    return {
        "CAEncryptAlgorithms": [one.algorithm] if is_authority else [],
        "CACommonNames": [*one.ca_common_names],
        "CAEndTimes": [china_time(moment) for moment in one.ca_not_after],
    }
