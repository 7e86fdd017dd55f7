"""The operator's process: stopped, killed and started again by the tests that are about that.

Starts processes through the session's supervisor. Every start's log is kept.
"""

import dataclasses
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtls_devcluster import keeper
from mtls_devcluster.environment import Environment
from mtls_devcluster.errors import DevClusterError
from mtls_devcluster.operator_process import start_operator
from mtls_devcluster.processes import RunningProcess, Supervisor


class OperatorControl:
    """The one operator of the run."""

    def __init__(self, supervisor: Supervisor, environment: Environment, directory: Path) -> None:
        self._supervisor = supervisor
        self._environment = environment
        self._directory = directory
        self._process: RunningProcess | None = environment.operator
        self._is_usual = True
        self._earlier_logs: list[str] = []

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.stop()
            self._set_aside()

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self._process is None:
            return
        guard = self._process.keeper.pid
        for pid in keeper.session_members(guard):
            if pid != guard:
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=10)
        self._set_aside()

    def start(
        self,
        *,
        secret_key: str = "",
        regions: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Start it, with another secret key, for other regions or with more settings when they are given."""
        simulator = self._environment.simulator
        self._is_usual = not secret_key and not regions and not settings
        cloud = {"endpoint": simulator.api, "regions": list(regions)}
        try:
            self._process = start_operator(
                self._supervisor,
                cluster=self._environment.cluster,
                kubectl=self._environment.kubectl,
                simulator=dataclasses.replace(simulator, secret_key=secret_key or simulator.secret_key),
                directory=self._directory,
                crl_port=self._environment.crl_port,
                metrics_port=self._environment.metrics_port,
                settings={"cloud": cloud, **(settings or {})},
            )
        except DevClusterError:
            # So that the next test can start one of the same name.
            self._supervisor.processes[-1].stop()
            raise

    def ensure_usual(self) -> None:
        """Have it running as at first, whatever a test left behind."""
        if not self._is_usual:
            self.stop()
        if self._process is None:
            self.start()
        assert self._process is not None
        self._process.check()

    def logs(self) -> str:
        """Return everything that it has logged since the run began."""
        current = self._process.log.read_text() if self._process is not None else ""
        return "\n".join([*self._earlier_logs, current])

    def _set_aside(self) -> None:
        """A start begins its log anew."""
        if self._process is not None:
            self._earlier_logs.append(self._process.log.read_text())
        self._process = None
