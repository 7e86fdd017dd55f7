"""The metrics as Prometheus reads them."""

import httpx

from mtls_operator.adapters.listening import listen
from mtls_operator.adapters.metrics import Metrics, MetricsServer
from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.api.meta import ObjectRef

API = ObjectRef("edge", "api")


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.render().decode().splitlines() if not line.startswith("#")]


def test_one_result_of_a_listener_is_1_and_the_others_are_0() -> None:
    metrics = Metrics()
    metrics.set_verification(API, VerificationResult.ENFORCED)
    metrics.set_verification(API, VerificationResult.OPEN)
    assert lines(metrics) == [
        'mtls_listener_verification{name="api",namespace="edge",result="Enforced"} 0.0',
        'mtls_listener_verification{name="api",namespace="edge",result="Open"} 1.0',
        'mtls_listener_verification{name="api",namespace="edge",result="Unknown"} 0.0',
    ]


def test_nothing_is_left_of_a_listener_that_is_gone() -> None:
    metrics = Metrics()
    metrics.set_verification(API, VerificationResult.ENFORCED)
    metrics.forget_verification(API)
    metrics.forget_verification(API)
    assert lines(metrics) == []


async def test_they_are_served_over_http_and_nothing_else_is() -> None:
    metrics = Metrics()
    metrics.set_verification(API, VerificationResult.UNKNOWN)
    listening = listen("127.0.0.1", 0, what="the metrics", setting="metricsPort")
    server = MetricsServer(metrics, listening)
    await server.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient(trust_env=False) as client:
        found, missing = await client.get(f"{address}/metrics"), await client.get(f"{address}/")
    await server.stop()
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain")
    assert 'result="Unknown"} 1.0' in found.text
    assert missing.status_code == 404
