"""UploadCertificate, CheckCertificateExist, the Describe actions and ModifyCertificateAlias.

Pure over the store.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import ApiError, certificate_not_found, invalid_value
from clb_simulator.model import Certificate, Tags
from clb_simulator.params import Json, Object, Params
from clb_simulator.ssl import uploads
from clb_simulator.ssl.wire import render_authorities, render_shared, status_of, tags_of
from clb_simulator.tag.names import certificate_resource

_DEFAULT_LIMIT: Final = 10
_MAX_LIMIT: Final = 1000
_UPLOAD_RATE: Final = 10


def certificate_of(call: Call, params: Params) -> Certificate:
    """Return the certificate that a request names.

    Raises:
        ApiError: FailedOperation.CertificateNotFound.
    """
    return existing_certificate(call, params.required_text("CertificateId"))


def existing_certificate(call: Call, certificate_id: str) -> Certificate:
    """Return a certificate by its id.

    Raises:
        ApiError: FailedOperation.CertificateNotFound.
    """
    found = call.store.certificates.get(certificate_id)
    if found is None or found.deleted:
        raise certificate_not_found(certificate_id)
    return found


def upload_certificate(call: Call, params: Params) -> Object:
    """UploadCertificate: with Repeatable false an equal certificate's id comes back instead."""
    public_key = params.required_text("CertificatePublicKey")
    upload = uploads.Upload(
        chain_pem=public_key,
        key_pem=params.text("CertificatePrivateKey"),
        type=params.text("CertificateType") or "SVR",
        alias=params.text("Alias") or "",
        project_id=params.integer("ProjectId") or 0,
        password=params.text("KeyPassword"),
    )
    tags = [(one.required_text("TagKey"), one.text("TagValue") or "") for one in params.parts("Tags")]
    params.ignore("CertificateUse")
    checked = uploads.inspect(call, upload)
    if params.flag("Repeatable") is False:
        equal = uploads.find_equal(call, public_key)
        if equal is not None:
            return {"CertificateId": equal.certificate_id, "RepeatCertId": equal.certificate_id}
    call.store.certificates.put(checked.certificate_id, checked)
    if tags:
        resource = certificate_resource(checked.certificate_id)
        call.store.tags.put(resource, Tags(resource=resource, values=tuple(dict(tags).items())))
    return {"CertificateId": checked.certificate_id, "RepeatCertId": ""}


def check_certificate_exist(call: Call, params: Params) -> Object:
    """CheckCertificateExist: the id of an equal certificate, or an empty text."""
    equal = uploads.find_equal(call, params.required_text("CertificatePublicKey"))
    return {"RepeatCertId": equal.certificate_id if equal else ""}


def describe_certificates(call: Call, params: Params) -> Object:
    """DescribeCertificates: newest first; a limit above 1000 counts as 1000."""
    limit = _DEFAULT_LIMIT if (asked := params.integer("Limit")) is None else min(asked, _MAX_LIMIT)
    offset = params.integer("Offset") or 0
    if limit < 0 or offset < 0:
        raise invalid_value("Limit", "0 or more is expected.")
    is_wanted = _selection(call, params)
    found = [one for one in call.store.certificates.all() if not one.deleted and is_wanted(one)]
    found.reverse()
    order = params.text("ExpirationSort")
    if order:
        found.sort(key=lambda one: one.not_after, reverse=order == "DESC")
    page: list[Json] = [
        {
            **render_shared(call, one),
            **render_authorities(one),
            "EncryptAlgorithm": one.algorithm,
            "BoundResource": [],
            "IsIgnore": False,
            "IsSM": False,
            "HostingStatus": -1,
            "AllowDownload": True,
        }
        for one in found[offset : offset + limit]
    ]
    return {"TotalCount": len(found), "Certificates": page}


def describe_certificate(call: Call, params: Params) -> Object:
    """DescribeCertificate: without any key material."""
    one = certificate_of(call, params)
    return {**render_shared(call, one), **render_authorities(one), "OrderId": ""}


def describe_certificate_detail(call: Call, params: Params) -> Object:
    """DescribeCertificateDetail: with the certificate and its private key."""
    one = certificate_of(call, params)
    return {
        **render_shared(call, one),
        "OrderId": "",
        "CertificatePublicKey": one.chain_pem,
        "CertificatePrivateKey": one.key_pem or "",
        "CertFingerprint": one.leaf_sha1,
        "EncryptAlgorithm": one.algorithm,
        "RootCert": {"Sign": None, "Encrypt": None, "Standard": None},
        "TypeName": "",
    }


def modify_certificate_alias(call: Call, params: Params) -> Object:
    """ModifyCertificateAlias."""
    one = certificate_of(call, params)
    call.store.certificates.put(one.certificate_id, replace(one, alias=params.text("Alias") or ""))
    return {"CertificateId": one.certificate_id}


def _selection(call: Call, params: Params) -> Callable[[Certificate], bool]:
    search, kind = params.text("SearchKey"), params.text("CertificateType")
    identifiers, statuses = params.texts("CertIds"), params.integers("CertificateStatus")
    source = params.text("FilterSource")
    tags = [(one.required_text("TagKey"), one.text("TagValue")) for one in params.parts("Tags")]
    if kind not in (None, "SVR", "CA"):
        raise ApiError(
            "InvalidParameterValue", "The value of the parameter `CertificateType` is not SVR or CA."
        )
    params.ignore("Upload", "IsSM")

    def is_wanted(one: Certificate) -> bool:
        held = tags_of(call, one)
        names = (one.certificate_id, one.alias, one.common_name, *one.subject_alt_names)
        return (
            (not search or any(search in name for name in names))
            and kind in (None, one.certificate_type)
            and (not identifiers or one.certificate_id in identifiers)
            and (not statuses or status_of(call, one) in statuses)
            and source in (None, "upload")
            and all(held.get(key) == value for key, value in tags)
        )

    return is_wanted


ACTIONS: Final = {
    "UploadCertificate": Action(handler=upload_certificate, kind=Kind.WRITE, rate=_UPLOAD_RATE),
    "CheckCertificateExist": Action(handler=check_certificate_exist, kind=Kind.READ),
    "DescribeCertificates": Action(handler=describe_certificates, kind=Kind.READ),
    "DescribeCertificate": Action(handler=describe_certificate, kind=Kind.READ, rate=_UPLOAD_RATE),
    "DescribeCertificateDetail": Action(handler=describe_certificate_detail, kind=Kind.READ),
    "ModifyCertificateAlias": Action(handler=modify_certificate_alias, kind=Kind.WRITE),
}
