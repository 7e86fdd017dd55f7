"""The Secret with an authority's roots: made once, step by step, and changed only as a whole.

Called by the CertificateAuthority reconciler.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mtls_operator.api.meta import ROTATE_ANNOTATION, ObjectRef
from mtls_operator.core import authority as core
from mtls_operator.core.authority import Step
from mtls_operator.core.cluster import ConfigMap, Secret
from mtls_operator.core.existing_root import require_same_source, take_up
from mtls_operator.core.lineage import FIRST, Generation, Lineage, Record, render_lineage
from mtls_operator.core.ownership import authority_annotations, authority_labels, belongs_to_authority
from mtls_operator.pki.keys import generate_key
from mtls_operator.pki.roots import issue_root

if TYPE_CHECKING:
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.ports import Clock, Kube
    from mtls_operator.reconcilers.signers import Signers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What an authority stands on: its Secret, the roots in it, and the ConfigMap that publishes them."""

    secret: Secret
    lineage: Lineage
    config_map: ConfigMap


class Roots:
    """Makes, reads and writes the roots of authorities."""

    def __init__(self, kube: Kube, signers: Signers, clock: Clock) -> None:
        self._kube = kube
        self._signers = signers
        self._clock = clock

    async def ensure(self, authority: CertificateAuthority) -> Ground:
        """Return the roots, the first one made if there never was any; each step may be the first.

        Raises:
            OwnershipError: a name is taken.
            SpecError: the roots are missing, damaged or swapped, or the source cannot be used.
        """
        while True:
            secret = await self._kube.get_secret(core.key_secret(authority))
            config_map = await self._kube.get_config_map(core.trust_config_map(authority))
            core.require_ours(authority, secret, config_map)
            lineage = self._signers.lineage(authority.ref, secret) if secret is not None else None
            step = core.next_step(authority, lineage, config_map, self._clock.now())
            if step is Step.ANNOUNCE:
                await self._kube.create_config_map(_announcement(authority))
            elif step is Step.MAKE_ROOT:
                await self._kube.create_secret(_secret(authority, await self._first(authority)))
            elif secret is not None and lineage is not None and config_map is not None:
                require_same_source(authority.spec, lineage)
                await self._signers.key_of(authority, lineage.newest)
                return Ground(secret=secret, lineage=lineage, config_map=config_map)

    async def _first(self, authority: CertificateAuthority) -> Lineage:
        now = self._clock.now()
        record = Record(token=authority.metadata.annotations.get(ROTATE_ANNOTATION, ""), made_at=now)
        source = authority.spec.source.secret_ref
        if source is None:
            return Lineage((await asyncio.to_thread(new_root, authority, FIRST, record, self._clock),))
        secret = await self._kube.get_secret(ObjectRef(authority.metadata.namespace, source.name))
        issuer = take_up(secret, authority.ref, source.name, now)
        record = replace(record, source=source.name)
        return Lineage((Generation(number=FIRST, certificate=issuer.certificate, record=record),))

    async def write(self, ground: Ground, lineage: Lineage) -> Ground:
        """Replace what the Secret holds.

        Raises:
            KubeConflict: somebody wrote in between.
        """
        written = await self._kube.update_secret(replace(ground.secret, data=render_lineage(lineage)))
        return replace(ground, secret=written, lineage=lineage)

    async def delete(self, authority: CertificateAuthority) -> None:
        """Delete the Secret and the ConfigMap, where they are ours."""
        secret = await self._kube.get_secret(core.key_secret(authority))
        if secret is not None and belongs_to_authority(secret, authority):
            await self._kube.delete_secret(secret)
        config_map = await self._kube.get_config_map(core.trust_config_map(authority))
        if config_map is not None and belongs_to_authority(config_map, authority):
            await self._kube.delete_config_map(config_map)


def new_root(authority: CertificateAuthority, number: int, record: Record, clock: Clock) -> Generation:
    """Make a key and a root; takes up to a second with RSA-4096, so call it off the event loop."""
    spec = authority.spec
    key = generate_key(core.root_key(spec))
    certificate = issue_root(
        subject=core.root_subject(spec), key=key, duration=spec.duration, now=clock.now()
    )
    return Generation(number=number, certificate=certificate, key=key, record=record)


def _announcement(authority: CertificateAuthority) -> ConfigMap:
    return ConfigMap(
        ref=core.trust_config_map(authority),
        data={},
        labels=authority_labels(authority),
        annotations=authority_annotations(authority),
    )


def _secret(authority: CertificateAuthority, lineage: Lineage) -> Secret:
    return Secret(
        ref=core.key_secret(authority),
        type="Opaque",
        data=render_lineage(lineage),
        labels=authority_labels(authority),
        annotations=authority_annotations(authority),
    )
