"""A data plane that serves nothing, for tests and users of the API alone.

Pure but for what it remembers. Chosen by `clb-simulator serve --data-plane none`.
"""

from clb_simulator.dataplane.model import HealthState, Listener


class NullDataPlane:
    """Accepts every configuration and opens no socket."""

    def __init__(self) -> None:
        self._unchecked: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Do nothing."""

    async def apply(self, listeners: tuple[Listener, ...]) -> None:
        """Remember only which routes have their health check off."""
        self._unchecked = frozenset(
            route.location_id
            for listener in listeners
            for domain in listener.domains
            for route in domain.routes
            if not route.health_check.enabled
        )

    def health(self, location_id: str, address: str, port: int) -> HealthState:
        """Return Close where checking is off and Unknown elsewhere: nothing is ever probed."""
        del address, port
        return HealthState.CLOSE if location_id in self._unchecked else HealthState.UNKNOWN

    async def stop(self) -> None:
        """Do nothing."""
