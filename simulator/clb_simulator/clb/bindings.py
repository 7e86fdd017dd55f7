"""Read the certificates that a request binds to a listener or a domain.

Pure over the store. A binding is always whole: what a request leaves out falls back to the defaults, so
a Certificate without SSLMode is one-way whatever was there before. Used by `listeners` and `domains`.
"""

from typing import Final

from clb_simulator.action import Call
from clb_simulator.errors import invalid, invalid_value, missing_parameter
from clb_simulator.model import Certificate, CertificateBinding, CertificateType, SslMode, VerifyClient
from clb_simulator.params import Params
from clb_simulator.ssl import uploads

_MAX_SERVER_CERTIFICATES: Final = 2


def read_binding(call: Call, params: Params) -> CertificateBinding | None:
    """Return what Certificate or MultiCertInfo asks for, or None when neither is there.

    Raises:
        ApiError: InvalidParameter for both at once, a certificate that is missing or of the wrong type, or
            MUTUAL without a CA.
    """
    single, multiple = params.part("Certificate"), params.part("MultiCertInfo")
    if single is not None and multiple is not None:
        raise invalid("Certificate and MultiCertInfo cannot be used together.")
    if single is not None:
        return _read_single(call, single)
    if multiple is not None:
        return _read_multiple(call, multiple)
    return None


def _read_single(call: Call, params: Params) -> CertificateBinding:
    ssl_mode, verify_client = _modes(params)
    server = server_certificate(call, params)
    ca_id = ca_certificate(call, params)
    if ssl_mode == "UNIDIRECTIONAL":
        return CertificateBinding(
            ssl_mode=ssl_mode,
            verify_client=verify_client,
            certificate_ids=(server.certificate_id,),
            ca_id=None,
        )
    if ca_id is None:
        raise missing_parameter(params.path("CertCaId"))
    return CertificateBinding(
        ssl_mode=ssl_mode, verify_client=verify_client, certificate_ids=(server.certificate_id,), ca_id=ca_id
    )


def _read_multiple(call: Call, params: Params) -> CertificateBinding:
    ssl_mode, verify_client = _modes(params)
    bound = [_listed_certificate(call, one) for one in params.parts("CertList")]
    servers = [one for one in bound if one.certificate_type == "SVR"]
    authorities = [one for one in bound if one.certificate_type == "CA"]
    if not servers:
        raise invalid("MultiCertInfo.CertList has no server certificate.")
    algorithms = {one.algorithm.split()[0] for one in servers}
    if len(servers) > _MAX_SERVER_CERTIFICATES or len(algorithms) != len(servers):
        raise invalid("The server certificates in MultiCertInfo.CertList must differ in their key algorithm.")
    if len(authorities) != (1 if ssl_mode == "MUTUAL" else 0):
        raise invalid(
            "MultiCertInfo.CertList needs exactly one CA certificate with MUTUAL and none otherwise."
        )
    return CertificateBinding(
        ssl_mode=ssl_mode,
        verify_client=verify_client,
        certificate_ids=tuple(one.certificate_id for one in servers),
        ca_id=authorities[0].certificate_id if authorities else None,
    )


def _modes(params: Params) -> tuple[SslMode, VerifyClient]:
    ssl_mode, verify_client = params.text("SSLMode"), params.text("SSLVerifyClient")
    if ssl_mode not in (None, "UNIDIRECTIONAL", "MUTUAL"):
        raise invalid_value(params.path("SSLMode"), "UNIDIRECTIONAL or MUTUAL is expected.")
    if verify_client not in (None, "ON", "OPTIONAL"):
        raise invalid_value(params.path("SSLVerifyClient"), "ON or OPTIONAL is expected.")
    return (
        "MUTUAL" if ssl_mode == "MUTUAL" else "UNIDIRECTIONAL",
        "OPTIONAL" if verify_client == "OPTIONAL" else "ON",
    )


def server_certificate(call: Call, params: Params) -> Certificate:
    """Return the server certificate that a CertificateInput names or brings along.

    Raises:
        ApiError: MissingParameter without one, InvalidParameter for a missing or wrong one.
    """
    certificate_id = params.text("CertId")
    name, content, key = params.text("CertName"), params.text("CertContent"), params.text("CertKey")
    if certificate_id:
        return _existing(call, certificate_id, "SVR", params.path("CertId"))
    if not (name and content and key):
        raise missing_parameter(params.path("CertId"))
    return uploads.create(call, uploads.Upload(chain_pem=content, key_pem=key, type="SVR", alias=name))


def ca_certificate(call: Call, params: Params) -> str | None:
    """Return the id of the CA that a CertificateInput names or brings along, or None.

    Raises:
        ApiError: InvalidParameter for a missing or wrong one.
    """
    ca_id = params.text("CertCaId")
    name, content = params.text("CertCaName"), params.text("CertCaContent")
    if ca_id:
        return _existing(call, ca_id, "CA", params.path("CertCaId")).certificate_id
    if not (name and content):
        return None
    created = uploads.create(call, uploads.Upload(chain_pem=content, key_pem=None, type="CA", alias=name))
    return created.certificate_id


def _listed_certificate(call: Call, params: Params) -> Certificate:
    certificate_id = params.text("CertId")
    name, content, key = params.text("CertName"), params.text("CertContent"), params.text("CertKey")
    if certificate_id:
        return _existing(call, certificate_id, None, params.path("CertId"))
    if not (name and content):
        raise missing_parameter(params.path("CertId"))
    kind: CertificateType = "SVR" if key else "CA"
    return uploads.create(call, uploads.Upload(chain_pem=content, key_pem=key, type=kind, alias=name))


def _existing(call: Call, certificate_id: str, expected: str | None, path: str) -> Certificate:
    found = call.store.certificates.get(certificate_id)
    if found is None or found.deleted:
        raise invalid(f"The certificate {certificate_id} of `{path}` does not exist.")
    if expected is not None and found.certificate_type != expected:
        raise invalid(
            f"The certificate {certificate_id} of `{path}` is of type {found.certificate_type}; "
            f"{expected} is expected."
        )
    return found
