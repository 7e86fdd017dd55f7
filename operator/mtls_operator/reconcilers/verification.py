"""Try the doors of listeners now and then, beside the passes, and tell a pass what was found.

A pass over a listener that is as desired says what its doors are, and goes on: a task of the
listener's own tries them, at once and then every `spec.verification.interval`, and wakes the listener
only when what it found has changed. So an address that swallows everything holds up no worker, and a
steady listener costs neither a pass nor a write. What has been found lives in memory and in the
status; after a restart the status is believed until the first trial.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.core.conditions import VERIFIED
from mtls_operator.core.reasons import Reason
from mtls_operator.core.trials import Door, differing, parse_address, sites_of
from mtls_operator.core.verified import Known, Verified, found, remembered, switched_off
from mtls_operator.errors import OperatorError
from mtls_operator.pki.inspect import fingerprint_of, load_chain

if TYPE_CHECKING:
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import Key, ObjectRef
    from mtls_operator.core.cloud import LoadBalancer
    from mtls_operator.ports import Clock, Gauges, Recorder, Wake
    from mtls_operator.probing.rounds import Keyring, Trials
    from mtls_operator.reconcilers.probes import Probes
    from mtls_operator.reconcilers.server_certs import Bindings

log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS: Final = 2.0
_MOST_DOUBLINGS: Final = 16
_DOUBTS: Final = 2
"""So many trials in a row may find nothing out before that is said: a certificate that was changed a
moment ago, or a real server that starts, is no news."""
_SWITCHED_OFF: Final = "spec.verification.enabled is false"
_SWITCHED_OFF_FOR_ALL: Final = "verification.enabled of the operator's configuration is false"


class Verifies(Protocol):
    """Whoever knows about the doors of listeners."""

    async def consult(
        self, resource: MutualTLSListener, balancer: LoadBalancer, bindings: Bindings
    ) -> Verified:
        """Return what is known, and see to it that it stays known."""
        ...

    def forget(self, ref: ObjectRef) -> None:
        """End the trials of a listener that is gone."""
        ...


class NoVerification:
    """For an operator that cannot reach its load balancers, by its configuration."""

    async def consult(
        self, resource: MutualTLSListener, balancer: LoadBalancer, bindings: Bindings
    ) -> Verified:
        """Return that nothing is tried."""
        del resource, balancer, bindings
        return switched_off(_SWITCHED_OFF_FOR_ALL)

    def forget(self, ref: ObjectRef) -> None:
        """Do nothing: there is nothing."""


@dataclass(slots=True)
class _Watch:
    """A listener whose doors are tried.

    Attributes:
        known: what the trials of this process have shown, None before the first.
        backends: the real servers that have answered, in this process or before.
        attempts: trials in a row that did not find all doors closed.
    """

    key: Key
    door: Door
    interval: float
    backends: frozenset[str]
    known: Known | None = None
    attempts: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def take(self, new: Known) -> bool:
        """Take up what a trial has shown; tell whether that is news."""
        self.attempts = 0 if new.result is VerificationResult.ENFORCED else self.attempts + 1
        doubtful = new.result is VerificationResult.UNKNOWN and self.attempts <= _DOUBTS
        if doubtful or new == self.known:
            return False
        self.known, self.backends = new, new.backends
        return True

    def wait(self) -> float:
        """Return the seconds until the next trial: soon while a door is open, or nothing is known."""
        if not self.attempts:
            return self.interval
        doublings = min(self.attempts - 1, _MOST_DOUBLINGS)
        return min(self.interval, _FIRST_RETRY_SECONDS * (1 << doublings))


class Verification:
    """Tries the doors of all listeners that want it."""

    def __init__(
        self, *, trials: Trials, probes: Probes, wake: Wake, recorder: Recorder, gauges: Gauges, clock: Clock
    ) -> None:
        """Take what trials need, whom to wake with news, and where they are counted."""
        self._trials = trials
        self._probes = probes
        self._wake = wake
        self._recorder = recorder
        self._gauges = gauges
        self._clock = clock
        self._watches: dict[ObjectRef, _Watch] = {}

    async def consult(
        self, resource: MutualTLSListener, balancer: LoadBalancer, bindings: Bindings
    ) -> Verified:
        """Return what is known of a listener's doors, and have them tried from now on.

        Raises:
            SpecError: a domain admits no authority.
        """
        await self._warn_of_difference(resource)
        if not resource.spec.verification.enabled:
            self.forget(resource.ref)
            return switched_off(_SWITCHED_OFF)
        try:
            door = door_of(resource, balancer, bindings)
        except ValueError as error:
            self.forget(resource.ref)
            unknown = Known(result=VerificationResult.UNKNOWN, message=f"spec.verification.address: {error}")
            return self._count(resource, found(unknown, resource.status, self._clock.now()))
        watch = self._watch(resource, door)
        if watch.known is None:
            return self._count(resource, remembered(resource.status))
        return self._count(resource, found(watch.known, resource.status, self._clock.now()))

    def _count(self, resource: MutualTLSListener, verified: Verified) -> Verified:
        result = verified.status.result if verified.status else VerificationResult.UNKNOWN
        self._gauges.set_verification(resource.ref, result)
        return verified

    async def _warn_of_difference(self, resource: MutualTLSListener) -> None:
        """Say once for each state of the manifest that its domains admit different clients."""
        condition = resource.status.condition(VERIFIED)
        if condition is not None and condition.observed_generation == resource.metadata.generation:
            return
        text = differing(sites_of(resource))
        if text:
            await self._recorder.warning(
                resource,
                Reason.DOMAINS_DIFFER_IN_CA,
                f"{text}. Whether CLB keeps a client of one away from the other is not documented: it may "
                "name one domain in the handshake and ask for another. Verification tries it; listeners of "
                "their own keep them apart.",
            )

    def _watch(self, resource: MutualTLSListener, door: Door) -> _Watch:
        interval = resource.spec.verification.interval.total_seconds()
        before = self._watches.get(resource.ref)
        if before is not None and (before.door, before.interval) == (door, interval):
            return before
        self._end(before)
        seen = resource.status.verification.backends_seen if resource.status.verification else ()
        watch = _Watch(
            key=resource.key,
            door=door,
            interval=interval,
            backends=before.backends if before else frozenset(seen),
            known=before.known if before else None,
        )
        # After a restart, what was closed before is tried within the interval: all at once would be a burst.
        calm = before is None and _was_enforced(resource)
        delay = random.uniform(0, interval) if calm else 0.0  # noqa: S311 - spreading, not secrecy
        self._watches[resource.ref] = watch
        watch.task = asyncio.create_task(self._try_forever(watch, delay), name=f"verify {resource.ref}")
        return watch

    def forget(self, ref: ObjectRef) -> None:
        """End the trials of a listener that is gone."""
        self._end(self._watches.pop(ref, None))
        self._gauges.forget_verification(ref)

    def _end(self, watch: _Watch | None) -> None:
        if watch is not None and watch.task is not None:
            watch.task.cancel()

    async def start(self) -> None:
        """Begin with nothing: the passes say what is to be tried."""

    async def stop(self) -> None:
        """End all trials."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _try_forever(self, watch: _Watch, delay: float) -> None:
        while True:
            await asyncio.sleep(delay)
            try:
                if watch.take(await self._try(watch)) and watch.known is not None:
                    self._gauges.set_verification(watch.key.ref, watch.known.result)
                    await self._wake(watch.key)
                delay = watch.wait()
            except Exception:
                log.exception("%s: a trial failed; this is a defect of the operator", watch.key)
                delay = watch.interval

    async def _try(self, watch: _Watch) -> Known:
        keyrings: dict[ObjectRef, Keyring] = {}
        for authority in watch.door.authorities:
            try:
                keyrings[authority] = await self._probes.keyring(authority)
            except OperatorError as error:
                return Known(
                    result=VerificationResult.UNKNOWN,
                    message=f"no certificate to try with: {error}",
                    backends=watch.backends,
                )
        return Known.of(await self._trials.try_door(watch.door, keyrings), watch.backends)


def _was_enforced(resource: MutualTLSListener) -> bool:
    """Tell whether the status says that the doors of this very manifest were closed."""
    condition, verification = resource.status.condition(VERIFIED), resource.status.verification
    return (
        verification is not None
        and verification.result is VerificationResult.ENFORCED
        and condition is not None
        and condition.observed_generation == resource.metadata.generation
    )


def door_of(resource: MutualTLSListener, balancer: LoadBalancer, bindings: Bindings) -> Door:
    """Return where and for what a listener is tried.

    Raises:
        ValueError: the manifest's address is none.
        SpecError: a domain admits no authority.
    """
    spec = resource.spec
    where = spec.verification.address or next(iter(balancer.addresses), "")
    if not where:
        raise ValueError(f"load balancer {balancer.id} has no address: give one")
    address, port = parse_address(where, spec.port)
    return Door(
        address=address,
        port=port,
        path=spec.verification.path,
        sites=sites_of(resource),
        certificates=_shown(bindings),
        bound=frozenset(f"{domain} {tls.ca}" for domain, tls in bindings.by_domain.items()),
    )


def _shown(bindings: Bindings) -> frozenset[str]:
    """Return the fingerprints of the server certificates; none where one of them is not known here."""
    bound = {fingerprint for tls in bindings.by_domain.values() for fingerprint in tls.server}
    if not bound <= bindings.material.keys():
        return frozenset()
    return frozenset(fingerprint_of(load_chain(one.chain)[0]) for one in bindings.material.values())
