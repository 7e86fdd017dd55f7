"""The policy for the cloud account allows what the adapter calls, and nothing besides."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.ssl.v20191205.ssl_client import SslClient

REPOSITORY = Path(__file__).parents[2]
ADAPTER = REPOSITORY / "operator" / "mtls_operator" / "adapters" / "tencent"
POLICY = REPOSITORY / "deploy" / "cam" / "policy.json"
# The SDK is the list of what actions there are: a method of each service's client is an action.
SERVICES = {"clb": ClbClient, "ssl": SslClient}


def _texts_passed_to_calls() -> Iterator[str]:
    for module in ADAPTER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value


def _called() -> set[str]:
    return {
        f"{service}:{text}"
        for text in _texts_passed_to_calls()
        for service, client in SERVICES.items()
        if text[:1].isupper() and callable(getattr(client, text, None))
    }


def _allowed() -> list[str]:
    policy = json.loads(POLICY.read_text())
    assert all(statement["effect"] == "allow" for statement in policy["statement"])
    return [action for statement in policy["statement"] for action in statement["action"]]


def test_the_policy_allows_exactly_the_actions_that_are_called() -> None:
    called = _called()
    assert {"clb:CreateListener", "ssl:UploadCertificate"} <= called, "the source was not understood"
    assert sorted(_allowed()) == sorted(called)


def test_no_action_of_the_policy_is_a_pattern() -> None:
    assert not [action for action in _allowed() if "*" in action]
