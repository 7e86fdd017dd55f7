"""`kubectl mtls import`: the manifest for a listener that is in the cloud already."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from kubectl_mtls.cloud import REGION, Place
from kubectl_mtls.imported import Surroundings, render_import
from kubectl_mtls.parameters import NAMED_OBJECT
from kubectl_mtls.session import Session, with_cluster
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.cloud import CertId
from mtls_operator.errors import KubeForbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from kubectl_mtls.parameters import NamedObject

    T = TypeVar("T")


@click.command("import")
@click.argument("balancer", metavar="LOAD-BALANCER")
@click.argument("port", type=click.IntRange(1, 65535))
@click.option("--region", metavar="NAME", help=f"Its region. [default: {REGION}]")
@click.option("--name", metavar="NAME", help="The object's name. [default: <load balancer>-<port>]")
@click.option(
    "--ca", type=NAMED_OBJECT, help="The authority whose clients are admitted, where it cannot be found out."
)
@with_cluster
def import_listener(
    session: Session,
    *,
    balancer: str,
    port: int,
    region: str | None,
    name: str | None,
    ca: NamedObject | None,
) -> None:
    """Print the MutualTLSListener for a listener that was made by hand.

    Reads the listener with your own credentials (TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and, for
    temporary ones, TENCENTCLOUD_TOKEN) and writes nothing. Applied, the manifest lets the operator adopt
    the listener in place when nothing would change for its clients (adoptionPolicy: IfIdentical). What is
    to be filled in, and what cannot be said in a manifest, stands in comments.

    \b
    Examples:
      kubectl mtls import lb-1a2b3c4d 443 --region ap-guangzhou --ca clients -n platform
      kubectl mtls import lb-1a2b3c4d 8443 --region ap-guangzhou --name api -n platform
    """
    where = region or os.environ.get(REGION, "")
    if not where:
        raise click.UsageError(f"say in which region it is: --region, or the variable {REGION}.")
    found = session.look(Place(region=where, balancer=balancer, port=port))
    ref = ObjectRef(session.namespace, name or f"{balancer}-{port}")
    click.echo(render_import(found, _surroundings(session, ref, ca)))


def _surroundings(session: Session, ref: ObjectRef, ca: NamedObject | None) -> Surroundings:
    cluster = session.cluster
    authorities: dict[CertId, ObjectRef] = {}
    for authority in _readable(cluster.authorities, "CertificateAuthorities"):
        admitted = authority.status.admitted
        if admitted is not None and admitted.cloud_certificate_id is not None:
            authorities[CertId(admitted.cloud_certificate_id)] = authority.ref
    return Surroundings(
        ref=ref,
        nodes=_readable(cluster.nodes, "Nodes"),
        services=_readable(lambda: cluster.services(ref.namespace), "Services"),
        authorities=authorities,
        authority=session.locate(ca) if ca is not None else None,
    )


def _readable(read: Callable[[], Iterable[T]], what: str) -> list[T]:
    """Return what there is; what one may not read is said, and does not keep the rest from being printed."""
    try:
        return list(read())
    except KubeForbidden:
        click.echo(f"You may not list {what}: what depends on them is missing in the manifest.", err=True)
        return []
