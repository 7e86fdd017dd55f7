"""A local Kubernetes control plane, the simulator and the operator, for demo and tests."""
