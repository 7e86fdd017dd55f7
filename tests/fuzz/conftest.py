"""The simulator's fixtures, for tests with made-up requests."""

from simulator.conftest import authority, clock, cloud, start_cloud

__all__ = ["authority", "clock", "cloud", "start_cloud"]
