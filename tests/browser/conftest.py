"""The simulator's fixtures, for tests in a browser."""

from simulator.conftest import authority, clock, cloud, start_cloud

__all__ = ["authority", "clock", "cloud", "start_cloud"]
