"""`kubectl mtls revoke`: it says what cannot be undone, and what it does not do, before it does it."""

from typing import Any

import pytest
from builders import client_cert_manifest
from unit.fakes.plugin import FakeApi, Manifest, run

REVOKE = ("revoke", "team-a/payments", "--reason", "KeyCompromise")


def issued(**spec: Any) -> Manifest:
    manifest = client_cert_manifest(
        namespace="team-a", caRef={"name": "clients", "namespace": "edge"}, **spec
    )
    return {**manifest, "status": {"serialNumber": "a1b2", "notAfter": "2027-02-21T12:00:00Z"}}


def revocation(api: FakeApi) -> object:
    return api.find("ClientCert", "team-a", "payments")["spec"].get("revoked")


def test_it_writes_the_reason_after_a_yes() -> None:
    api = FakeApi(issued())
    result = run(api, *REVOKE, answer="y\n")
    assert result.exit_code == 0, result.output
    assert revocation(api) == {"reason": "KeyCompromise"}
    assert (
        "kubectl mtls issued --ca edge/clients --requester-namespace team-a --name payments" in result.stdout
    )


def test_it_says_what_it_means_before_it_asks() -> None:
    before, _, _ = run(FakeApi(issued()), *REVOKE, answer="n\n").stdout.partition("for good, reason")
    assert "cannot be taken back" in before
    assert (
        "CLB reads no revocation list: it still accepts its certificates until 2027-02-21 12:00Z." in before
    )
    assert "kubectl mtls rotate ca edge/clients --evict" in before
    assert "a1b2" in before


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "Enter", "nobody there"])
def test_nothing_is_written_without_a_yes(answer: str) -> None:
    api = FakeApi(issued())
    result = run(api, *REVOKE, answer=answer)
    assert (result.exit_code, api.writes) == (0, [])
    assert "Nothing was changed." in result.stdout


def test_the_reason_is_taken_in_any_case_of_letters_and_written_as_the_api_has_it() -> None:
    api = FakeApi(issued())
    run(api, "revoke", "team-a/payments", "--reason", "keycompromise", "--yes")
    assert revocation(api) == {"reason": "KeyCompromise"}


@pytest.mark.parametrize("arguments", [["team-a/payments"], ["team-a/payments", "--reason", "Boredom"], []])
def test_it_needs_one_object_and_a_reason_of_the_standard(arguments: list[str]) -> None:
    assert run(FakeApi(issued()), "revoke", *arguments).exit_code == 2


def test_the_first_reason_counts() -> None:
    api = FakeApi(issued(revoked={"reason": "Superseded"}))
    again = run(api, "revoke", "team-a/payments", "--reason", "Superseded")
    assert (again.exit_code, "nothing was changed" in again.stdout) == (0, True)
    other = run(api, *REVOKE, "--yes")
    assert (other.exit_code, "the first one counts" in other.stderr) == (1, True)
    assert api.writes == []


def test_one_that_has_no_certificate_yet_can_be_revoked() -> None:
    api = FakeApi(client_cert_manifest(namespace="team-a"))
    assert run(api, *REVOKE, "--yes").exit_code == 0
    assert revocation(api) == {"reason": "KeyCompromise"}


def test_another_object_of_the_same_name_is_not_revoked() -> None:
    api = FakeApi(issued())

    def replace(_path: str) -> None:
        api.put({**issued(), "metadata": {**issued()["metadata"], "uid": "another"}})

    api.after_get = replace
    result = run(api, *REVOKE, "--yes")
    assert (result.exit_code, api.writes) == (1, [])


def test_one_that_is_not_there_is_named() -> None:
    result = run(FakeApi(), *REVOKE, "--yes")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: ClientCert team-a/payments is not there. See which there are: kubectl get clientcerts -A\n"
    )
