"""What a listener's answers to the trials mean: are its doors closed to whom they should be?

    Refused    a TLS alert, or a response that the control request with a good certificate does not get
    Open       a request without a good certificate gets what the control request gets
    Unknown    anything else, such as no answer; it blocks nothing

Pure. The trials are planned in `core.trials` and made by `probing`. The control is repeated, so that
what varies between its own answers (a date, a body that names the real server) is not taken for a
difference between the load balancer's refusal and the application's answer.

An application may itself answer 400 to everybody. Behind a closed door its 400 is another one than the
load balancer's, which the headers or the body show. Where nothing shows that the control's refusal is
the application's, an equal one means nothing: the control may have been refused, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mtls_operator.api.listener_status import VerificationResult

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mtls_operator.core.trials import Trial

BACKEND_HEADERS: Final = ("x-real-server", "x-served-by", "x-backend-server")
"""Headers by which real servers say who they are."""
_VOLATILE: Final = frozenset(
    {"date", "age", "expires", "last-modified", "etag", "content-length", "set-cookie", *BACKEND_HEADERS}
)
"""Headers that may differ between two answers to the same request: a body's length goes with its digest."""
_PLAIN: Final = frozenset(
    {
        *("date", "age", "expires", "last-modified", "etag", "content-length", "set-cookie"),
        *("server", "content-type", "connection", "keep-alive", "transfer-encoding", "via", "vary"),
        *("alt-svc", "strict-transport-security", "location", "cache-control"),
    }
)
"""Headers that a load balancer's own page may have; any other one comes from the application."""
_FIRST_REFUSAL: Final = 400
_FIRST_REDIRECTION: Final = 300
_BROKEN_GATEWAY: Final = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An HTTP response.

    Attributes:
        headers: names in lower case.
        body: SHA-256 of its beginning.
        certificate: SHA-256 of the server certificate that was shown.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """A TLS alert that the other side sent; `certificate` is empty when it came before that was shown."""

    alert: str
    certificate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Neither of the two: no connection, no answer in time, or one that is not HTTP."""

    why: str


Observation = Answered | Alerted | Silent


class Verdict(StrEnum):
    """What one trial shows."""

    REFUSED = "Refused"
    OPEN = "Open"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A trial with its verdict, and what it rests on."""

    trial: Trial
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReport:
    """What the trials of one domain show.

    Attributes:
        control: what the request with a good certificate got, in words.
        failure: why nothing can be said; empty when the control got through.
        served: the server certificates that the control was shown.
        backends: who answered the control, as far as they say so.
    """

    domain: str
    control: str
    failure: str
    findings: tuple[Finding, ...] = ()
    served: frozenset[str] = frozenset()
    backends: frozenset[str] = frozenset()

    @property
    def result(self) -> VerificationResult:
        """Open if one trial got in; Enforced if all were refused."""
        verdicts = {finding.verdict for finding in self.findings}
        if Verdict.OPEN in verdicts:
            return VerificationResult.OPEN
        enforced = not self.failure and verdicts == {Verdict.REFUSED}
        return VerificationResult.ENFORCED if enforced else VerificationResult.UNKNOWN

    def reasons(self) -> Iterator[str]:
        """Yield what stands in the way of Enforced, in words: of an open door, by which way."""
        if self.failure:
            yield f"{self.domain}: {self.failure}"
            return
        worst = Verdict.OPEN if self.result is VerificationResult.OPEN else Verdict.UNKNOWN
        for finding in self.findings:
            if finding.verdict is worst:
                yield f"{self.domain}, {finding.trial.what}: {finding.why}"


def overall(reports: Collection[SiteReport]) -> VerificationResult:
    """Return the listener's result: the worst of its domains, an open one before an unknown one."""
    results = {report.result for report in reports}
    for worst in (VerificationResult.OPEN, VerificationResult.UNKNOWN):
        if worst in results:
            return worst
    return VerificationResult.ENFORCED if results else VerificationResult.UNKNOWN


def report_site(
    domain: str,
    controls: Sequence[Observation],
    trials: Iterable[tuple[Trial, Observation]],
    certificates: Collection[str],
) -> SiteReport:
    """Judge the trials of a domain.

    Args:
        domain: as the manifest has it.
        controls: what the request with a good certificate got, several times.
        trials: what the others got.
        certificates: SHA-256 of the server certificates that may be shown; empty where not known.
    """
    made = tuple(trials)
    failure = _why_not_through(controls, certificates)
    answers = [one for one in controls if isinstance(one, Answered)]
    if failure:
        nothing = tuple(Finding(trial=t, verdict=Verdict.UNKNOWN, why=failure) for t, _ in made)
        return SiteReport(domain=domain, control=_words(controls), failure=failure, findings=nothing)
    alerts = any(isinstance(seen, Alerted) for _, seen in made)
    control = _Control.of(answers, refusals_are_alerts=alerts)
    return SiteReport(
        domain=domain,
        control=_words(controls),
        failure="",
        findings=tuple(_find(trial, seen, control, certificates) for trial, seen in made),
        served=frozenset(answer.certificate for answer in answers),
        backends=frozenset(name for answer in answers if (name := _backend(answer))),
    )


def _why_not_through(controls: Sequence[Observation], certificates: Collection[str]) -> str:
    """Return why the control did not get through, empty when it did. One failure of several counts."""
    if not controls:
        return "there was no request with a good certificate"
    for seen in controls:
        if isinstance(seen, Silent):
            return seen.why
        if certificates and seen.certificate and seen.certificate not in certificates:
            return f"another server certificate is shown than the listener's: {seen.certificate}"
        if isinstance(seen, Alerted):
            return f"a good certificate is refused by the TLS alert {seen.alert}"
        if seen.status in _BROKEN_GATEWAY:
            return f"a good certificate gets HTTP {seen.status}: no real server answers as it should"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Control:
    """What the answers to the control have in common.

    Attributes:
        signed: the headers by which every one of them says who answered.
        body: its digest; None where it varies.
        certain: the answers come from behind the door, and are no refusal of the load balancer's own.
    """

    statuses: frozenset[int]
    stable: Mapping[str, str]
    names: frozenset[str]
    signed: frozenset[str]
    body: str | None
    certain: bool

    @classmethod
    def of(cls, answers: Sequence[Answered], *, refusals_are_alerts: bool) -> _Control:
        first = answers[0]
        bodies = {answer.body for answer in answers}
        shared = {n: v for n, v in first.headers.items() if all(a.headers.get(n) == v for a in answers)}
        statuses = frozenset(answer.status for answer in answers)
        names = frozenset(name for answer in answers for name in answer.headers)
        everywhere = frozenset.intersection(*(frozenset(answer.headers) for answer in answers))
        return cls(
            statuses=statuses,
            stable={name: value for name, value in shared.items() if name not in _VOLATILE},
            names=names | _VOLATILE,
            signed=everywhere & frozenset(BACKEND_HEADERS),
            body=bodies.pop() if len(bodies) == 1 else None,
            certain=refusals_are_alerts or max(statuses) < _FIRST_REFUSAL or bool(everywhere - _PLAIN),
        )

    def is_like(self, answer: Answered) -> bool:
        """Tell whether an answer has all that the control's answers have in common, and nothing more."""
        return (
            all(answer.headers.get(name) == value for name, value in self.stable.items())
            and self.names >= frozenset(answer.headers)
            and self.body in (None, answer.body)
        )


def _find(trial: Trial, seen: Observation, control: _Control, certificates: Collection[str]) -> Finding:
    verdict, why = _judge(seen, control, certificates)
    return Finding(trial=trial, verdict=verdict, why=why)


def _judge(seen: Observation, control: _Control, certificates: Collection[str]) -> tuple[Verdict, str]:
    if isinstance(seen, Silent):
        return Verdict.UNKNOWN, seen.why
    if certificates and seen.certificate and seen.certificate not in certificates:
        return Verdict.UNKNOWN, f"another server certificate is shown: {seen.certificate}"
    if isinstance(seen, Alerted):
        return Verdict.REFUSED, f"TLS alert {seen.alert}"
    code = f"HTTP {seen.status}"
    if control.signed & frozenset(seen.headers):
        return Verdict.OPEN, f"{code} from {_backend(seen) or 'a real server'}"
    if seen.status not in control.statuses and not _both_succeed(seen.status, control.statuses):
        if seen.status in _BROKEN_GATEWAY:
            return Verdict.UNKNOWN, f"{code}: it is not the door that answers"
        return Verdict.REFUSED, code
    return _judge_by_content(seen, control, code)


def _both_succeed(status: int, statuses: Collection[int]) -> bool:
    return status < _FIRST_REDIRECTION and min(statuses) < _FIRST_REDIRECTION


def _judge_by_content(seen: Answered, control: _Control, code: str) -> tuple[Verdict, str]:
    """Judge an answer whose status the control gets as well."""
    if control.is_like(seen):
        if control.certain:
            return Verdict.OPEN, f"{code}, as with a good certificate"
        return Verdict.UNKNOWN, (
            f"{code}, as with a good certificate, and nothing tells whether the application says so or the "
            "load balancer. Set verification.path to one that is answered with 200"
        )
    if seen.status < _FIRST_REDIRECTION:
        # Success is not how anybody is refused: another real server has another body.
        return Verdict.OPEN, f"{code}, as with a good certificate"
    if seen.status < _FIRST_REFUSAL:
        return Verdict.UNKNOWN, f"{code}, and to another place than with a good certificate"
    return Verdict.REFUSED, f"{code}, which is another one than with a good certificate"


def _words(controls: Sequence[Observation]) -> str:
    """Return what the control got, each answer once."""
    return ", ".join(dict.fromkeys(_word(seen) for seen in controls))


def _word(seen: Observation) -> str:
    if isinstance(seen, Answered):
        backend = _backend(seen)
        return f"HTTP {seen.status} from {backend}" if backend else f"HTTP {seen.status}"
    return f"TLS alert {seen.alert}" if isinstance(seen, Alerted) else seen.why


def _backend(answer: Answered) -> str:
    """Return who answered, as far as the answer says so, shortened to what a status may hold."""
    name = next((answer.headers[header] for header in BACKEND_HEADERS if header in answer.headers), "")
    return name[:63] if name.isascii() and name.isprintable() else ""
