import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from eventually import eventually

from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.ports import free_ports, parse_address
from mtls_devcluster.processes import Program, Supervisor

ADDRESS = "127.0.0.11"


@dataclass(frozen=True)
class Backend:
    plain: str
    tls: str


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    plain, tls = (f"{ADDRESS}:{port}" for port in free_ports(2, ADDRESS))
    arguments = ("--name", "rs-1", "--listen", plain, "--listen-tls", tls)
    command = (sys.executable, "-m", "mtls_devcluster.backends", *arguments)
    with Supervisor(tmp_path_factory.mktemp("backend")) as supervisor:
        process = supervisor.start(Program(name="rs-1", command=command))
        eventually(lambda: "listening" in process.log.read_text())
        yield Backend(plain=f"http://{plain}", tls=f"https://{tls}")


def test_it_says_who_it_is_on_any_path(backend: Backend) -> None:
    for path in ("/", "/api/orders?id=1"):
        reply = httpx.get(backend.plain + path)
        assert (reply.status_code, reply.text, reply.headers["X-Real-Server"]) == (200, "rs-1\n", "rs-1")


def test_it_refuses_as_an_application_does_when_asked_to(backend: Backend) -> None:
    reply = httpx.get(f"{backend.plain}/status/400")
    assert (reply.status_code, reply.headers["X-Real-Server"]) == (400, "rs-1")


def test_it_speaks_https_with_a_certificate_of_its_own(backend: Backend) -> None:
    reply = httpx.get(backend.tls, verify=False)  # noqa: S501 - a load balancer does not check it either
    assert reply.text == "rs-1\n"
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(backend.tls, verify=ssl.create_default_context())


def test_it_echoes_the_headers_that_a_load_balancer_adds(backend: Backend) -> None:
    sent = {"X-Forwarded-For": "203.0.113.7", "X-Client-Proto": "https"}
    seen = httpx.get(f"{backend.plain}/headers?a=b", headers=sent).json()
    assert seen["server"] == "rs-1"
    assert seen["path"] == "/headers?a=b"
    assert sent.items() <= seen["headers"].items()


def test_it_can_be_made_unhealthy_and_healthy_again(backend: Backend) -> None:
    assert httpx.get(f"{backend.plain}/healthz").text == "ok\n"

    assert httpx.post(f"{backend.plain}/-/unhealthy").status_code == 200
    for url in (f"{backend.plain}/healthz", backend.plain):
        assert httpx.get(url).status_code == 503

    assert httpx.post(f"{backend.plain}/-/healthy").status_code == 200
    assert httpx.get(f"{backend.plain}/healthz").status_code == 200


def test_an_address_that_is_taken_is_said(backend: Backend, tmp_path: Path) -> None:
    taken = backend.plain.removeprefix("http://")
    command = (sys.executable, "-m", "mtls_devcluster.backends", "--name", "rs-2", "--listen", taken)
    with Supervisor(tmp_path) as supervisor:
        process = supervisor.start(Program(name="rs-2", command=command))
        assert process.wait(20) == 1
        assert "rs-2 cannot listen" in process.log.read_text()


@pytest.mark.parametrize(
    "text", ["0.0.0.0:80", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", ":80"]
)
def test_only_loopback_addresses_are_listened_on(text: str) -> None:
    with pytest.raises(DevClusterError, match="loopback"):
        parse_address(text)


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(20000 <= port < 30000 for port in ports)
