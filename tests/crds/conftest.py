"""The CustomResourceDefinitions of crds/, installed into the run's control plane."""

from pathlib import Path

import pytest
from crds.manifests import CrdKubectl

from mtls_devcluster.cluster import Kubectl

FOLDER = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def with_crds(kubectl: Kubectl) -> Kubectl:
    """kubectl against an API server that serves the three kinds."""
    kubectl("apply", "-f", str(FOLDER))
    kubectl("wait", "-f", str(FOLDER), "--for=condition=Established", "--timeout=60s")
    return kubectl


@pytest.fixture
def api(with_crds: Kubectl, namespace: str) -> CrdKubectl:
    """The API server, as somebody who works in a namespace of their own."""
    return CrdKubectl(with_crds, namespace)
