"""What a client sees of a network that fails: for tests of faults on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from simulator.cloud import Cloud


@contextmanager
def broken() -> Iterator[None]:
    """Expect a call to end without a reply; the SDK's asynchronous clients let httpx's errors through."""
    with pytest.raises(httpx.TransportError):
        yield


def give_up_after(cloud: Cloud, seconds: float, product: str = "clb") -> None:
    """Let the SDK's client wait no longer than this for a reply."""
    cloud.client(product).http_client.timeout = httpx.Timeout(seconds)
