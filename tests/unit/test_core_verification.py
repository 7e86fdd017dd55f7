"""What answers mean: when a door counts as closed, when as open, and when nobody can tell."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.api.meta import ObjectRef
from mtls_operator.core.trials import Shows, Trial
from mtls_operator.core.verification import (
    Alerted,
    Answered,
    Observation,
    Silent,
    SiteReport,
    Verdict,
    overall,
    report_site,
)

OURS = "aa" * 32
FOREIGN = "bb" * 32
TRIAL = Trial(
    domain="a.test",
    host="a.test",
    sni="a.test",
    shows=Shows.NONE,
    authority=ObjectRef("edge", "clients"),
    what="no certificate",
)
NGINX = {"server": "nginx", "content-type": "text/html", "date": "Mon", "content-length": "237"}


def answer(
    status: int = 200, body: str = "hello", headers: Mapping[str, str] = NGINX, certificate: str = OURS
) -> Answered:
    return Answered(status=status, headers=headers, body=body, certificate=certificate)


def real(server: str, status: int = 200) -> Answered:
    """An answer of a real server that says who it is."""
    return answer(status, f"{server}\n", {**NGINX, "x-real-server": server})


def judged(controls: Sequence[Observation], *seen: Observation) -> SiteReport:
    return report_site("a.test", controls, [(TRIAL, one) for one in seen], {OURS})


def verdict(controls: Sequence[Observation], seen: Observation) -> Verdict:
    (finding,) = judged(controls, seen).findings
    return finding.verdict


ALERT = Alerted(alert="unknown ca", certificate=OURS)
LB_400 = answer(400, "No required SSL certificate was sent")
LB_400_BAD = answer(400, "The SSL certificate error")
BOTH = [real("rs-1"), real("rs-2")]


@pytest.mark.parametrize(
    ("controls", "seen", "expected"),
    [
        pytest.param(BOTH, ALERT, Verdict.REFUSED, id="an alert refuses"),
        pytest.param(BOTH, Alerted(alert="unrecognized name"), Verdict.REFUSED, id="an alert before all"),
        pytest.param(BOTH, LB_400, Verdict.REFUSED, id="another status refuses"),
        pytest.param(BOTH, answer(421, "Misdirected"), Verdict.REFUSED, id="421 refuses"),
        pytest.param(BOTH, answer(302, ""), Verdict.REFUSED, id="a redirect that the control does not get"),
        pytest.param(BOTH, real("rs-2"), Verdict.OPEN, id="the same answer is an open door"),
        pytest.param(BOTH, real("rs-3"), Verdict.OPEN, id="so is that of a real server not seen before"),
        pytest.param(BOTH, real("rs-1", 403), Verdict.OPEN, id="whatever status a real server gives"),
        pytest.param(
            [answer(body="it is 12:00"), answer(body="it is 12:01")],
            answer(body="it is 12:02"),
            Verdict.OPEN,
            id="a body that varies is not compared",
        ),
        pytest.param(
            [answer(body="you are first")] * 4,
            answer(body="another page"),
            Verdict.OPEN,
            id="nobody is refused with success, whatever is in it",
        ),
        pytest.param([answer(204, "")], answer(200, "x"), Verdict.OPEN, id="nor with another success"),
        pytest.param(
            [answer(302, "", {**NGINX, "location": "/in"})],
            answer(302, "", {**NGINX, "location": "/help"}),
            Verdict.UNKNOWN,
            id="a redirect to another place can be either",
        ),
        pytest.param(BOTH, Silent(why="no answer within 5 s"), Verdict.UNKNOWN, id="silence says nothing"),
        pytest.param(BOTH, answer(502, "bad gateway"), Verdict.UNKNOWN, id="nor does a dead real server"),
        pytest.param(
            BOTH, answer(400, "x", certificate=FOREIGN), Verdict.UNKNOWN, id="nor does somebody else"
        ),
    ],
)
def test_one_trial(controls: list[Observation], seen: Observation, expected: Verdict) -> None:
    assert verdict(controls, seen) is expected


@pytest.mark.parametrize(
    "failure",
    [
        Silent(why="no connection: connection refused"),
        answer(502, "bad gateway"),
        answer(504, "timeout"),
        ALERT,
        answer(certificate=FOREIGN),
    ],
)
def test_nothing_is_known_when_a_good_certificate_does_not_get_through(failure: Observation) -> None:
    for controls in ([failure], [real("rs-1"), failure]):
        report = judged(controls, ALERT, LB_400, real("rs-1"))
        assert report.result is VerificationResult.UNKNOWN
        assert {one.verdict for one in report.findings} == {Verdict.UNKNOWN}


class TestApplicationThatAnswers400ToAll:
    """It must look neither like a closed door nor, behind one, like an open one."""

    APP = answer(400, '{"error":"bad"}', {**NGINX, "content-type": "application/json"})
    SIGNED = real("rs-1", 400)

    @pytest.mark.parametrize("app", [APP, SIGNED])
    def test_behind_a_closed_door_the_load_balancers_400_is_another_one(self, app: Answered) -> None:
        report = judged([app] * 4, LB_400, LB_400_BAD)
        assert report.result is VerificationResult.ENFORCED

    def test_behind_a_door_that_alerts_it_is_closed_as_well(self) -> None:
        assert judged([self.APP] * 4, ALERT, ALERT).result is VerificationResult.ENFORCED

    def test_behind_an_open_door_it_shows_by_its_headers(self) -> None:
        assert judged([self.SIGNED] * 4, self.SIGNED).result is VerificationResult.OPEN
        other = answer(400, "x", {**NGINX, "x-request-id": "1"})
        assert judged([other] * 4, other).result is VerificationResult.OPEN

    def test_behind_a_door_that_alerts_for_some_it_shows_by_getting_there(self) -> None:
        assert judged([self.APP] * 4, self.APP, ALERT).result is VerificationResult.OPEN

    def test_without_any_sign_of_the_application_nobody_can_tell(self) -> None:
        report = judged([self.APP] * 4, self.APP)
        assert report.result is VerificationResult.UNKNOWN
        assert "verification.path" in "".join(report.reasons())


def test_a_load_balancer_that_refuses_everybody_is_no_open_door() -> None:
    """The good certificate and the foreign one get the same page, because both are refused."""
    report = judged([LB_400_BAD] * 4, LB_400, LB_400_BAD)
    assert report.result is VerificationResult.UNKNOWN


def test_one_open_way_makes_the_domain_open_and_names_it() -> None:
    report = judged(BOTH, ALERT, real("rs-1"), Silent(why="gone"))
    assert report.result is VerificationResult.OPEN
    assert list(report.reasons()) == ["a.test, no certificate: HTTP 200 from rs-1"]


def test_the_worst_domain_counts() -> None:
    closed, opened, unknown = judged(BOTH, ALERT), judged(BOTH, BOTH[0]), judged([], ALERT)
    assert overall([closed]) is VerificationResult.ENFORCED
    assert overall([closed, unknown]) is VerificationResult.UNKNOWN
    assert overall([unknown, opened, closed]) is VerificationResult.OPEN
    assert overall([]) is VerificationResult.UNKNOWN


def test_without_a_trial_nothing_is_enforced() -> None:
    assert judged(BOTH).result is VerificationResult.UNKNOWN


def test_it_says_who_answered_and_what_was_shown() -> None:
    report = judged(BOTH, ALERT)
    assert report.backends == {"rs-1", "rs-2"}
    assert report.served == {OURS}


_HEADERS = st.dictionaries(
    st.sampled_from(["server", "date", "content-type", "x-real-server", "x-request-id"]),
    st.sampled_from(["a", "b"]),
)
_ANSWERS = st.builds(
    answer,
    st.sampled_from([200, 204, 302, 400, 403, 404, 421, 500, 502]),
    st.sampled_from(["one", "two"]),
    _HEADERS,
    st.sampled_from([OURS, FOREIGN, ""]),
)
_ALERTS = st.builds(Alerted, alert=st.just("unknown ca"), certificate=st.sampled_from([OURS, FOREIGN, ""]))
_SEEN = st.one_of(_ANSWERS, _ALERTS, st.just(Silent(why="gone")))


@given(st.lists(_SEEN, max_size=4), st.lists(_SEEN, min_size=1, max_size=4))
def test_enforced_means_that_every_answer_differs_from_the_controls(
    controls: list[Observation], seen: list[Observation]
) -> None:
    report = judged(controls, *seen)
    if report.result is VerificationResult.ENFORCED:
        assert all(isinstance(one, Answered) for one in controls)
        assert not any(isinstance(one, Silent) for one in seen)
        assert not any(one in controls for one in seen)


@given(st.lists(_SEEN, max_size=4), st.lists(_SEEN, min_size=1, max_size=4))
def test_open_means_that_somebody_got_an_answer_where_a_good_certificate_does(
    controls: list[Observation], seen: list[Observation]
) -> None:
    report = judged(controls, *seen)
    if report.result is VerificationResult.OPEN:
        assert all(isinstance(one, Answered) and one.status not in (500, 502) for one in controls)
        assert any(isinstance(one, Answered) and one.certificate != FOREIGN for one in seen)


@given(st.lists(_SEEN, min_size=1, max_size=4))
def test_an_open_door_is_never_called_enforced(controls: list[Observation]) -> None:
    """Whatever a good certificate gets, somebody who gets the same is not refused."""
    for same in controls:
        assert judged(controls, same, ALERT).result is not VerificationResult.ENFORCED


@given(st.lists(_SEEN, min_size=1, max_size=4))
def test_a_door_that_alerts_everybody_else_is_never_called_open(controls: list[Observation]) -> None:
    assert judged(controls, ALERT, ALERT).result is not VerificationResult.OPEN


@given(st.lists(_SEEN, min_size=1, max_size=4), st.lists(_SEEN, min_size=1, max_size=3), st.randoms())
def test_the_order_of_the_trials_does_not_matter(
    controls: list[Observation], seen: list[Observation], random: object
) -> None:
    assert judged(controls, *seen).result is judged(controls, *reversed(seen)).result
    assert judged(controls, *seen).result is judged(list(reversed(controls)), *seen).result
