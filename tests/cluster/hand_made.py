"""The whole guide by hand: certificates by OpenSSL, uploads, a listener, a rule, two real servers.

Runs openssl and calls the cloud's API as a person in the console does; the operator knows nothing of it.
"""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster.kube_api import Manifest
from cluster.tenant import DOMAIN, PORT, Tenant
from eventually import eventually

from mtls_devcluster.curl import Site
from mtls_devcluster.identity import Identity, why_not_served

PROBE: Final = {
    "HealthSwitch": 1,
    "HttpCheckPath": "/healthz",
    "HttpCheckMethod": "GET",
    "IntervalTime": 3,
    "TimeOut": 2,
    "HealthNum": 2,
    "UnHealthNum": 3,
    "HttpCode": 6,
}
INSTANCES: Final = ("ins-rs000001", "ins-rs000002")
NAME: Final = "made by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMade:
    """What a person has made.

    Attributes:
        listener: its id.
        ca: the upload of the root.
        server: the upload of the server certificate.
        client: a client with a certificate of the root.
        folder: ca.crt, ca.key, server.crt, server.key, client.crt and client.key, as in the guide.
    """

    listener: str
    ca: str
    server: str
    client: Identity
    site: Site
    folder: Path

    def secret(self, which: str) -> Manifest:
        """Return the members of a Secret with a certificate and its key."""
        files = {"tls.crt": f"{which}.crt", "tls.key": f"{which}.key"}
        return {
            name: base64.b64encode((self.folder / file).read_bytes()).decode() for name, file in files.items()
        }


def certificates(folder: Path) -> None:
    """Steps 1 to 3 of the guide."""
    root = ("-subj", "/CN=Root by hand", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(folder, "req", "-x509", *_new_key("ca"), *root, "-days", "3650", "-out", "ca.crt")
    for name, subject in (("server", DOMAIN), ("client", "somebody")):
        extensions = f"subjectAltName=DNS:{subject}\nextendedKeyUsage={name}Auth\nkeyUsage=digitalSignature\n"
        (folder / f"{name}.ext").write_text(extensions)
        _openssl(folder, "req", *_new_key(name), "-subj", f"/CN={subject}", "-out", f"{name}.csr")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "365")
        _openssl(
            folder,
            *("x509", "-req", "-in", f"{name}.csr", *signing),
            *("-extfile", f"{name}.ext", "-out", f"{name}.crt"),
        )


def _new_key(name: str) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def follow_the_guide(tenant: Tenant, folder: Path, *, sni: bool = False, **rule: Any) -> HandMade:
    """Make everything, and return when the listener serves its client; `rule` changes the rule's fields."""
    certificates(folder)
    cloud = tenant.world.cloud
    ca = upload(tenant, folder, "ca", "CA")
    server = upload(tenant, folder, "server", "SVR")
    binding = {
        "Certificate": {"SSLMode": "MUTUAL", "SSLVerifyClient": "ON", "CertId": server, "CertCaId": ca}
    }
    made = cloud.change(
        "CreateListener",
        LoadBalancerId=tenant.balancer,
        Ports=[PORT],
        Protocol="HTTPS",
        ListenerNames=[NAME],
        SniSwitch=int(sni),
        **({} if sni else binding),
    )["ListenerIds"][0]
    usual = {"Domain": DOMAIN, "Url": "/", "Scheduler": "WRR", "HealthCheck": PROBE, "Http2": True}
    rules = [{**usual, **(binding if sni else {}), **rule}]
    location = cloud.change("CreateRule", LoadBalancerId=tenant.balancer, ListenerId=made, Rules=rules)
    cloud.change(
        "RegisterTargets",
        LoadBalancerId=tenant.balancer,
        ListenerId=made,
        LocationId=location["LocationIds"][0],
        Targets=[{"InstanceId": one, "Port": tenant.world.node_port, "Weight": 10} for one in INSTANCES],
    )
    read = {name: (folder / name).read_bytes() for name in ("client.crt", "client.key", "ca.crt")}
    client = Identity(chain=read["client.crt"], key=read["client.key"], trusted=read["ca.crt"])
    site = Site(domain=DOMAIN, port=PORT, address=tenant.address)
    eventually(lambda: why_not_served(site, client.context()) == "", what="the listener serves its client")
    return HandMade(listener=made, ca=ca, server=server, client=client, site=site, folder=folder)


def upload(tenant: Tenant, folder: Path, name: str, kind: str) -> str:
    """Upload a certificate of the folder, and its key where it is a server's; return its id."""
    fields = {"CertificatePublicKey": (folder / f"{name}.crt").read_text().strip(), "CertificateType": kind}
    if kind == "SVR":
        fields["CertificatePrivateKey"] = (folder / f"{name}.key").read_text().strip()
    made = tenant.world.cloud.call("ssl", "UploadCertificate", Alias=f"{name} by hand", **fields)
    return str(made["CertificateId"])


def bring(tenant: Tenant, made: HandMade) -> None:
    """Give root and server certificate to the operator: two Secrets and an authority."""
    for name, which in (("by-hand-root", "ca"), ("by-hand-server", "server")):
        metadata = {"name": name, "namespace": tenant.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}
        tenant.world.kube.create({**body, "data": made.secret(which)})
    tenant.authority(source={"secretRef": {"name": "by-hand-root"}})


def tls() -> Manifest:
    return {"caRef": {"name": "clients"}, "serverCertificate": {"secretRef": {"name": "by-hand-server"}}}
