"""Wait until the operator has looked at a listener in the cloud, and tell what it said.

Called by `commands.sync` and `commands.plan`. Progress goes to stderr, so that what is found can be piped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from kubectl_mtls.errors import Refusal
from kubectl_mtls.render import counted
from mtls_operator.api.condition import ConditionStatus
from mtls_operator.api.meta import PAUSED_ANNOTATION, SYNC_ANNOTATION
from mtls_operator.core.conditions import READY
from mtls_operator.core.reasons import Reason
from mtls_operator.errors import KubeForbidden, KubeUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from kubectl_mtls.session import Session
    from mtls_operator.api.condition import Condition
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef

_LOOK_SECONDS: Final = 0.5
_SAY_SECONDS: Final = 10
_SETTLING_SECONDS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the operator found.

    Attributes:
        listener: as its status says after the look.
        news: events about changes by somebody else that this look led to.
    """

    listener: MutualTLSListener
    news: tuple[str, ...]

    @property
    def ready(self) -> Condition | None:
        """The condition Ready."""
        return self.listener.status.condition(READY)

    @property
    def is_ready(self) -> bool:
        """Whether the listener is as its manifest says."""
        return self.ready is not None and self.ready.status is ConditionStatus.TRUE

    def why(self) -> str:
        """Return why it is not."""
        ready = self.ready
        return f"{ready.reason}: {ready.message}" if ready is not None else "the operator says nothing"


def look_now(session: Session, ref: ObjectRef, patience: timedelta) -> Found:
    """Have the operator look at a listener's part of the cloud, and return what it found.

    Raises:
        Refusal: it is paused or being deleted, or the operator does not answer in time.
    """
    listener = session.cluster.listener(ref)
    _require_looked_after(listener)
    before = _drift_events(session, listener)
    value = f"{session.clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
    session.cluster.annotate(listener, SYNC_ANNOTATION, value)
    after = wait_for(session, ref, lambda one: one.status.last_handled_sync == value, patience)
    after = _settled(session, after)
    found = _drift_events(session, after)
    return Found(listener=after, news=tuple(note for uid, note in found.items() if uid not in before))


def _settled(session: Session, listener: MutualTLSListener) -> MutualTLSListener:
    """Return the listener when what the look set off is over: an authority uploads in a pass of its own."""
    began = session.clock.now()
    while _is_under_way(listener) and (session.clock.now() - began).total_seconds() < _SETTLING_SECONDS:
        session.clock.sleep(_LOOK_SECONDS)
        listener = _read(session, listener.ref) or listener
    return listener


def _is_under_way(listener: MutualTLSListener) -> bool:
    ready = listener.status.condition(READY)
    return ready is not None and ready.reason in (Reason.AUTHORITY_NOT_READY, Reason.PROGRESSING)


def wait_for(
    session: Session, ref: ObjectRef, is_over: Callable[[MutualTLSListener], bool], patience: timedelta
) -> MutualTLSListener:
    """Return the listener when the operator has looked.

    Raises:
        Refusal: the operator does not answer in time.
    """
    began = said = session.clock.now()
    click.echo("Waiting for the operator to look at the cloud …", err=True)
    while session.clock.now() - began < patience:
        found = _read(session, ref)
        if found is not None and is_over(found):
            return found
        if (session.clock.now() - said).total_seconds() >= _SAY_SECONDS:
            said = session.clock.now()
            click.echo(f"… for {counted(int((said - began).total_seconds()), 'second')} now", err=True)
        session.clock.sleep(_LOOK_SECONDS)
    raise Refusal(
        f"the operator has not looked at {ref} within {int(patience.total_seconds())} seconds. "
        "Is it running? See its log: kubectl logs -n clb-mtls-operator deployment/clb-mtls-operator"
    )


def _read(session: Session, ref: ObjectRef) -> MutualTLSListener | None:
    try:
        return session.cluster.listener(ref)
    except KubeUnavailable:
        return None


def _require_looked_after(listener: MutualTLSListener) -> None:
    kind, ref, metadata = listener.kind, listener.ref, listener.metadata
    if metadata.is_deleting:
        raise Refusal(f"{kind} {ref} is being deleted; the operator does not compare it any more.")
    if metadata.is_paused:
        raise Refusal(
            f"{kind} {ref} is paused: the operator leaves it alone until the annotation goes: "
            f"kubectl annotate mtl {ref.name} -n {ref.namespace} {PAUSED_ANNOTATION}-"
        )


def _drift_events(session: Session, listener: MutualTLSListener) -> dict[str, str]:
    """Return events about drift, by uid; none for somebody who may not list events."""
    try:
        return dict(session.cluster.drift_events(listener))
    except KubeForbidden:
        return {}
