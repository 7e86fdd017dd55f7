"""The Kubernetes API behind the Kube port."""
