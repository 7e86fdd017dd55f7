"""`kubectl mtls plan`: what the operator would do to a listener in the cloud, without doing it."""

from __future__ import annotations

import contextlib
import secrets
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from kubectl_mtls.commands.sync import say_news
from kubectl_mtls.draft import draft_name, draft_of, read_manifests, ref_of
from kubectl_mtls.errors import Refusal
from kubectl_mtls.looking import Found, look_now, wait_for
from kubectl_mtls.parameters import DURATION, NAMED_OBJECT
from kubectl_mtls.render import harmless
from kubectl_mtls.session import Session, with_cluster
from mtls_operator.api.meta import PLAN_ONLY_ANNOTATION
from mtls_operator.core.conditions import READY
from mtls_operator.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.api.model import Json

_MARK_BYTES: Final = 3


@click.command()
@click.argument("listener", type=NAMED_OBJECT, metavar="[[NAMESPACE/]NAME]", required=False)
@click.option("-f", "--filename", "file", metavar="FILE", help="Plan a manifest; - is stdin.")
@click.option(
    "--timeout", type=DURATION, default=timedelta(minutes=2), help="How long to wait. [default: 2m]"
)
@with_cluster
def plan(session: Session, *, listener: NamedObject | None, file: str | None, timeout: timedelta) -> None:
    """Show what the operator would do to a listener.

    With a file: what applying it would do. Nothing is changed; for the moment of the look there is an
    object NAME-plan-…, which the command removes again. With a name: what is left to do for the object as
    it is, which is something with the annotation plan-only or with driftPolicy Report.

    \b
    Examples:
      kubectl mtls plan -f api.yaml
      kubectl mtls plan platform/api
    """
    if (listener is None) == (file is None):
        raise click.UsageError("name a MutualTLSListener, or a file with --filename; not both.")
    if listener is not None:
        _show_pending(look_now(session, session.locate(listener), timeout))
    if file is not None:
        for manifest in read_manifests(_read(file), file):
            _plan_manifest(session, manifest, file, timeout)


def _read(file: str) -> str:
    try:
        with click.open_file(file) as opened:
            return str(opened.read())
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file} cannot be read: {error}") from None


def _show_pending(found: Found) -> None:
    one, sentences = found.listener, found.listener.status.plan
    say_news(found)
    if not sentences and not found.is_ready:
        raise Refusal(f"no plan for {one.kind} {one.ref}. {harmless(found.why())}")
    if not sentences:
        click.echo(f"Nothing to change: the cloud is as {one.kind} {one.ref} says.")
        return
    click.echo(f"Left to do for {one.kind} {one.ref}:")
    _print(sentences)
    click.echo(f"Nothing of this is done. {_way_on(one)}")


def _way_on(listener: MutualTLSListener) -> str:
    where = f"mtl {listener.metadata.name} -n {listener.metadata.namespace}"
    if listener.metadata.is_plan_only:
        return f"To have it done: kubectl annotate {where} {PLAN_ONLY_ANNOTATION}-"
    repair = """'{"spec": {"driftPolicy": "Repair"}}'"""
    return f"To have it done: kubectl patch {where} --type merge -p {repair}"


def _plan_manifest(session: Session, manifest: Mapping[str, Json], source: str, patience: timedelta) -> None:
    planned = ref_of(manifest, session.namespace)
    draft = draft_name(planned, secrets.token_hex(_MARK_BYTES))
    with _interruptible(), _removed(session, draft):
        session.cluster.create_draft(draft, draft_of(manifest, planned, draft))
        looked = wait_for(session, draft, _is_planned, patience)
    found = Found(listener=looked, news=())
    sentences = looked.status.plan
    if not sentences and not found.is_ready:
        raise Refusal(
            f"{looked.kind} {planned} cannot be done as {source} has it. {harmless(found.why())} "
            "Nothing was changed."
        )
    if not sentences:
        click.echo(f"Nothing to change: the cloud is as {source} says of {looked.kind} {planned}.")
        return
    click.echo(f"To make {looked.kind} {planned} as {source} says:")
    _print(sentences)
    click.echo(f"Nothing was changed. To have it done: kubectl apply -f {source}")


def _is_planned(draft: MutualTLSListener) -> bool:
    ready = draft.status.condition(READY)
    return ready is not None and ready.observed_generation == draft.metadata.generation


def _print(sentences: Sequence[str]) -> None:
    for number, sentence in enumerate(sentences, start=1):
        click.echo(f"{number:>3}. {harmless(sentence)}")


@contextlib.contextmanager
def _removed(session: Session, draft: ObjectRef) -> Iterator[None]:
    """Remove the draft in the end, whatever happens; its name is known before it is asked for."""
    try:
        yield
    finally:
        try:
            session.cluster.delete_draft(draft)
        except OperatorError as error:
            click.echo(
                f"The draft is left: {harmless(str(error))} It holds nothing. Remove it: "
                f"kubectl delete mtl {draft.name} -n {draft.namespace}",
                err=True,
            )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Treat a termination as Ctrl-C, so that it leaves nothing behind either."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
