"""ReplaceCertForLoadBalancers: one certificate for another wherever it is bound, in every region.

Pure over the store. Only ap-guangzhou answers it. Nothing says that it is asynchronous, so it is carried
out at once, and is refused while one of the load balancers that it would change is busy.
"""

from dataclasses import replace
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.clb.bindings import ca_certificate, server_certificate
from clb_simulator.clb.load_balancers import uses_certificate
from clb_simulator.errors import ApiError, invalid, missing_parameter
from clb_simulator.model import CertificateBinding
from clb_simulator.params import Object, Params

_ONLY_REGION: Final = "ap-guangzhou"


def replace_cert_for_load_balancers(call: Call, params: Params) -> Object:
    """ReplaceCertForLoadBalancers: the bindings keep their mode, and get another server certificate or CA."""
    old_id = params.required_text("OldCertificateId")
    old = call.store.certificates.get(old_id)
    if old is None:
        raise invalid(f"The certificate {old_id} does not exist.")
    if not _owners(call, params):
        raise invalid(f"No load balancer uses the certificate {old_id}.")
    wanted = params.part("Certificate")
    if wanted is None:
        raise missing_parameter("Certificate")
    # The modes are those of the bindings; clients send the whole CertificateInput.
    wanted.ignore("SSLMode", "SSLVerifyClient")
    if old.certificate_type == "SVR":
        wanted.ignore("CertCaId", "CertCaName", "CertCaContent")
        new_id: str | None = server_certificate(call, wanted).certificate_id
    else:
        wanted.ignore("CertId", "CertName", "CertContent", "CertKey")
        new_id = ca_certificate(call, wanted)
    if new_id is None:
        raise missing_parameter("Certificate.CertCaId")
    for listener in call.store.listeners.all():
        changed = _exchanged(listener.certificate, old_id, new_id)
        call.store.listeners.put(listener.listener_id, replace(listener, certificate=changed))
    for domain in call.store.domains.all():
        changed = _exchanged(domain.certificate, old_id, new_id)
        call.store.domains.put(domain.domain_id, replace(domain, certificate=changed))
    return {}


def _owners(call: Call, params: Params) -> tuple[str, ...]:
    if call.region != _ONLY_REGION:
        raise ApiError("UnsupportedRegion", f"ReplaceCertForLoadBalancers is called in {_ONLY_REGION} only.")
    old_id = params.required_text("OldCertificateId")
    return tuple(
        one.load_balancer_id for one in call.store.load_balancers.all() if uses_certificate(call, one, old_id)
    )


def _exchanged(binding: CertificateBinding | None, old_id: str, new_id: str) -> CertificateBinding | None:
    if binding is None or not binding.uses(old_id):
        return binding
    return replace(
        binding,
        certificate_ids=tuple(new_id if one == old_id else one for one in binding.certificate_ids),
        ca_id=new_id if binding.ca_id == old_id else binding.ca_id,
    )


ACTIONS: Final = {
    "ReplaceCertForLoadBalancers": Action(
        handler=replace_cert_for_load_balancers, kind=Kind.BATCH, owners=_owners
    ),
}
