"""What really listens behind the simulated API: a port to a data plane and its implementations.

The control side describes listeners as values of `model` and applies them; it needs nothing else of
this package than `model`, `NullDataPlane` and `NginxDataPlane`.
"""
