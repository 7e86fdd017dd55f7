"""X.509 without Kubernetes, cloud, clock or network."""
