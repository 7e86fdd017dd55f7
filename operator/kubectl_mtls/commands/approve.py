"""`kubectl mtls approve` and `kubectl mtls deny`: the word of an authority's owner about a ClientCert.

The word is an entry in a ConfigMap of the authority's namespace, so that namespace's RBAC decides who
may give it. It is about one uid and one spec: those that were shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from kubectl_mtls.errors import Refusal
from kubectl_mtls.parameters import NAMED_OBJECT
from kubectl_mtls.render import counted, minute, table
from kubectl_mtls.request_text import describe_key, describe_request
from kubectl_mtls.session import Session, confirm, with_cluster
from mtls_operator.api.authority_policy import Approval
from mtls_operator.api.duration import render_duration
from mtls_operator.api.meta import WATCH_LABEL
from mtls_operator.core.approval import (
    Judgement,
    approval_key,
    approval_value,
    approvals_config_map,
    denial_value,
    judge,
)
from mtls_operator.core.cluster import ConfigMap
from mtls_operator.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubectl_mtls.parameters import NamedObject
    from mtls_operator.api.authority import CertificateAuthority
    from mtls_operator.api.client_cert import ClientCert
    from mtls_operator.api.meta import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """Approve or deny.

    Attributes:
        entry: what goes into the ConfigMap for a ClientCert as it stands.
        effect: what comes of it, as a sentence about an object.
    """

    verb: str
    done: str
    judgement: Judgement
    entry: Callable[[ClientCert], str]
    effect: Callable[[ObjectRef], str]


_APPROVE: Final = _Word(
    verb="Approve",
    done="Approved",
    judgement=Judgement.APPROVED,
    entry=approval_value,
    effect=lambda ref: (
        "The operator issues it now, and renews it until the manifest changes. "
        f"Next: kubectl wait --for=condition=Ready clientcert/{ref.name} -n {ref.namespace}"
    ),
)
_DENY: Final = _Word(
    verb="Deny",
    done="Denied",
    judgement=Judgement.DENIED,
    entry=denial_value,
    effect=lambda ref: (
        "Nothing is issued or renewed for it while its manifest stays as it is. A certificate that it has "
        f"stays good until its end; to revoke it: kubectl mtls revoke {ref} --reason PrivilegeWithdrawn"
    ),
)

_objects = click.argument("objects", nargs=-1, type=NAMED_OBJECT, metavar="[NAMESPACE/NAME]...")
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.command()
@_objects
@click.option("--list", "lists", is_flag=True, help="List what waits for approval. Needs --ca.")
@click.option("--ca", type=NAMED_OBJECT, help="The CertificateAuthority, with --list.")
@_yes
@with_cluster
def approve(
    session: Session, *, objects: tuple[NamedObject, ...], lists: bool, ca: NamedObject | None, yes: bool
) -> None:
    """Approve ClientCerts that wait for a person.

    A CertificateAuthority whose clientCertPolicy.approval is Manual issues nothing without approval.
    This shows what each ClientCert asks for, and asks whether to approve it. The approval holds for
    exactly what was shown: after a change of the manifest the ClientCert waits again. It is kept in the
    ConfigMap <ca>-approvals of the authority's namespace, so who may write that may approve.

    \b
    Examples:
      kubectl mtls approve --list --ca clients -n platform
      kubectl mtls approve team-a/payments
      kubectl mtls approve team-a/payments team-b/reports --yes
    """
    if not lists:
        if ca is not None:
            raise click.UsageError("--ca belongs to --list; a ClientCert names its authority itself.")
        _say(session, _APPROVE, objects, yes=yes)
        return
    if objects or ca is None:
        raise click.UsageError("--list takes --ca and no ClientCerts.")
    _list_waiting(session, session.locate(ca))


@click.command()
@_objects
@_yes
@with_cluster
def deny(session: Session, *, objects: tuple[NamedObject, ...], yes: bool) -> None:
    """Deny ClientCerts, or take their approval back.

    An approval that was given is replaced by the denial. A certificate that has been issued stays good
    until it ends.

    \b
    Example:
      kubectl mtls deny team-a/payments
    """
    _say(session, _DENY, objects, yes=yes)


def _say(session: Session, word: _Word, objects: Sequence[NamedObject], *, yes: bool) -> None:
    """Go through the objects; one that cannot be done does not keep the others from it."""
    if not objects:
        raise click.UsageError("name at least one ClientCert, as NAMESPACE/NAME.")
    failures: list[OperatorError] = []
    for named in objects:
        try:
            _say_of_one(session, word, session.locate(named), yes=yes)
        except OperatorError as error:
            failures.append(error)
    for failure in failures[:-1]:
        click.echo(f"Error: {failure}", err=True)
    if failures:
        raise failures[-1]


def _say_of_one(session: Session, word: _Word, ref: ObjectRef, *, yes: bool) -> None:
    shown = session.cluster.client_cert(ref)
    authority = session.cluster.authority(shown.ca())
    _require_manual(authority)
    _require_use(shown)
    if judge(shown, _entries(session, authority.ref)) is word.judgement:
        click.echo(f"ClientCert {ref} is {word.judgement.lower()} as it stands; nothing was changed.")
        return
    click.echo(f"ClientCert {ref} asks for:\n{describe_request(shown, authority)}")
    if not confirm(f"{word.verb} ClientCert {ref}?", yes=yes):
        click.echo(f"ClientCert {ref} was left as it is.")
        return
    _require_unchanged(shown, session.cluster.client_cert(ref))
    entries = {approval_key(ref): word.entry(shown)}
    where = approvals_config_map(authority.ref)
    session.cluster.put_entries(ConfigMap(ref=where, data=entries, labels={WATCH_LABEL: "true"}))
    click.echo(f"{word.done} ClientCert {ref}, in ConfigMap {where}. {word.effect(ref)}")


def _require_manual(authority: CertificateAuthority) -> None:
    if authority.spec.client_cert_policy.approval is Approval.AUTOMATIC:
        raise Refusal(
            f"CertificateAuthority {authority.ref} approves by its policy alone: its "
            "clientCertPolicy.approval is Automatic. Set it to Manual to decide by hand."
        )


def _require_use(request: ClientCert) -> None:
    if request.metadata.is_deleting:
        raise Refusal(f"ClientCert {request.ref} is being deleted. Nothing was changed.")
    if request.is_revoked():
        raise Refusal(f"ClientCert {request.ref} is revoked for good, so nothing is issued for it any more.")


def _require_unchanged(shown: ClientCert, found: ClientCert) -> None:
    """The entry is about what was shown in any case; this saves one that would say nothing."""
    if approval_value(found) != approval_value(shown):
        raise Refusal(
            f"ClientCert {shown.ref} was changed while you looked at it. Nothing was written. "
            "Run the command again to see what it asks for now."
        )


def _entries(session: Session, authority: ObjectRef) -> Mapping[str, str]:
    found = session.cluster.config_map(approvals_config_map(authority))
    return found.data if found is not None else {}


def _list_waiting(session: Session, ref: ObjectRef) -> None:
    authority = session.cluster.authority(ref)
    _require_manual(authority)
    entries = _entries(session, ref)
    asking = [
        request
        for request in session.cluster.client_certs_of(ref)
        if not request.is_revoked() and not request.metadata.is_deleting
    ]
    waiting = [request for request in asking if judge(request, entries) is Judgement.PENDING]
    if not waiting:
        click.echo(f"Nothing waits for approval by CertificateAuthority {ref}.")
        return
    rows = [_row(request) for request in sorted(waiting, key=_age)]
    click.echo(table(("OBJECT", "COMMON NAME", "DURATION", "KEY", "ASKED"), rows))
    click.echo(
        f"{counted(len(waiting), 'ClientCert')} of {len(asking)} of CertificateAuthority {ref} without an "
        f"answer. Next: kubectl mtls approve {rows[0][0]}"
    )


def _age(request: ClientCert) -> tuple[str, str]:
    return _asked(request), str(request.ref)


def _asked(request: ClientCert) -> str:
    created = request.metadata.creation_timestamp
    return minute(created) if created else "-"


def _row(request: ClientCert) -> tuple[str, ...]:
    duration = render_duration(request.spec.duration)
    return str(request.ref), request.common_name(), duration, describe_key(request), _asked(request)
