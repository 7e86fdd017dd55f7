"""What every command has: a cluster, a namespace, the time; and the options that choose them.

The options are kubectl's own. I/O: the system's clock.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Concatenate, ParamSpec

import click

from kubectl_mtls.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubectl_mtls.cloud import FoundListener, Place
    from kubectl_mtls.http import Connection
    from kubectl_mtls.parameters import NamedObject
    from kubectl_mtls.ports import Clock
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.probing.prober import Prober

P = ParamSpec("P")


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Where the world begins; the tests have another one.

    Attributes:
        connect: from the names of a kubeconfig and a context to a cluster.
        prober: who makes requests at listeners.
        look: from a place in the cloud to the listener that is there.
    """

    connect: Callable[[str | None, str | None], Connection]
    look: Callable[[Place], FoundListener]
    clock: Clock
    prober: Prober


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of a command."""

    cluster: Cluster
    namespace: str
    look: Callable[[Place], FoundListener]
    clock: Clock
    prober: Prober

    def locate(self, named: NamedObject) -> ObjectRef:
        """Return where an object is that was named with or without its namespace."""
        return named.within(self.namespace)


def with_cluster(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command kubectl's options for a cluster and a namespace, and the session they make."""

    @click.option("-n", "--namespace", metavar="NAME", help="The namespace. [default: the context's]")
    @click.option(
        "--context", metavar="NAME", help="The context of the kubeconfig. [default: its current one]"
    )
    @click.option(
        "--kubeconfig", metavar="FILE", help="The kubeconfig. [default: KUBECONFIG, else ~/.kube/config]"
    )
    @click.pass_obj
    @functools.wraps(command)
    def run(
        outside: Outside,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        named = {name: kwargs.pop(name) for name in ("kubeconfig", "context", "namespace")}
        connection = outside.connect(_text(named["kubeconfig"]), _text(named["context"]))
        session = Session(
            cluster=Cluster(connection.api),
            namespace=_text(named["namespace"]) or connection.namespace,
            look=outside.look,
            clock=outside.clock,
            prober=outside.prober,
        )
        command(session, *args, **kwargs)

    return run


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def confirm(question: str, *, yes: bool) -> bool:
    """Ask, unless the answer was given with the command; no answer is a no."""
    if yes:
        return True
    try:
        return click.confirm(question, default=False)
    except click.Abort:
        click.echo()
        return False
