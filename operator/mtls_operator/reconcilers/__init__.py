"""Gather, decide, execute, report: one module for each kind, and the keyed work queue."""
