"""X.509 without Kubernetes, cloud, clock or network.

Everything here is a function of its arguments (`now` is one of them) and of the system's random
source. Called by `core`, the reconcilers and `kubectl mtls`.
"""
