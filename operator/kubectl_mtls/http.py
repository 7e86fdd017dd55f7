"""The API server over the kubeconfig that kubectl would use.

I/O: reads kubeconfigs and talks HTTP. A thin face over the synchronous `kubernetes` client: it keeps
that client's TLS, tokens and login plugins, and leaves out its generated models.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, kube_config, load_incluster_config
from urllib3.exceptions import HTTPError

from kubectl_mtls.errors import Refusal
from mtls_operator import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubectl_mtls.ports import Api, Body
    from mtls_operator.api.model import Json

PAGE_SIZE: Final = 20
"""Objects a page: a shard of a ledger has some 180 kB."""
FIELD_MANAGER: Final = "kubectl-mtls"
_WRITE: Final = {"fieldManager": FIELD_MANAGER}
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_SECONDS: Final = (10, 60)
"""To connect, and to wait for an answer."""

_BY_REASON: Final[Mapping[str, type[errors.KubeError]]] = {
    "AlreadyExists": errors.KubeAlreadyExists,
    "Conflict": errors.KubeConflict,
    "Expired": errors.KubeConflict,
    "Forbidden": errors.KubeForbidden,
    "Unauthorized": errors.KubeForbidden,
    "NotFound": errors.KubeNotFound,
    "Invalid": errors.KubeInvalid,
    "BadRequest": errors.KubeInvalid,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A cluster and the namespace that counts when none is given."""

    api: Api
    namespace: str


def connect(kubeconfig: str | None, context: str | None) -> Connection:
    """Return the cluster that kubectl would talk to.

    Args:
        kubeconfig: the file; None for KUBECONFIG, else ~/.kube/config, else the pod's ServiceAccount.
        context: the context of that file; None for its current one.

    Raises:
        Refusal: there is no such cluster.
    """
    configuration = Configuration()
    # Else a server that does not answer is asked four times, with a warning each time.
    configuration.retries = False
    files = kubeconfig or os.environ.get("KUBECONFIG") or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        kube_config.load_kube_config(files, context, configuration, persist_config=False)
        namespace = _namespace_of(files, context)
    except (ConfigException, yaml.YAMLError, OSError) as error:
        if kubeconfig or context or not _is_in_pod(configuration):
            raise Refusal(
                f"no cluster: {_sentence(error)} ({files}). Name a file by --kubeconfig or KUBECONFIG."
            ) from None
        namespace = "default"
    return Connection(api=HttpApi(ApiClient(configuration)), namespace=namespace)


def _namespace_of(files: str, context: str | None) -> str:
    contexts, current = kube_config.list_kube_config_contexts(files)
    chosen = next((one for one in contexts if one["name"] == context), current)
    return str(chosen.get("context", {}).get("namespace") or "default")


def _is_in_pod(configuration: Configuration) -> bool:
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        return False
    return True


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


class HttpApi:
    """The API server."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def get(self, path: str) -> Body:
        """Return an object."""
        return self._call("GET", path)

    def list(self, path: str, label: str = "") -> Iterator[Body]:
        """Yield the objects of a list, page by page."""
        query = {"limit": str(PAGE_SIZE), **({"labelSelector": label} if label else {})}
        while True:
            page = self._call("GET", path, query)
            yield from _items(page)
            metadata = page.get("metadata")
            following = metadata.get("continue") if isinstance(metadata, dict) else None
            if not following:
                return
            query["continue"] = str(following)

    def create(self, path: str, body: Json) -> Body:
        """Create an object."""
        return self._call("POST", path, _WRITE, body)

    def merge(self, path: str, patch: Json) -> Body:
        """Change an object by a JSON merge patch."""
        return self._call("PATCH", path, _WRITE, patch, _MERGE_PATCH)

    def delete(self, path: str) -> None:
        """Delete an object."""
        self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        content_type: str = _JSON,
    ) -> Body:
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Accept": _JSON, "Content-Type": content_type, "User-Agent": FIELD_MANAGER}
        try:
            request = self._client.param_serialize(
                method, target, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._client.call_api(*request, _request_timeout=_SECONDS)
            status, text = int(response.status), response.read()
        except (HTTPError, ApiException, OSError) as error:
            server = self._client.configuration.host
            raise errors.KubeUnavailable(
                f"the Kubernetes API at {server} did not answer: {_sentence(error)}. "
                "Look whether kubectl reaches it: kubectl cluster-info."
            ) from None
        reply = _parse(text)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, reply)
        return reply


def _items(page: Body) -> Iterator[Body]:
    items = page.get("items")
    return (item for item in items if isinstance(item, dict)) if isinstance(items, list) else iter(())


def _parse(text: bytes) -> Body:
    try:
        reply = json.loads(text)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _refusal(status: int, reply: Body) -> errors.KubeError:
    """Return the error for a Status reply, in the server's own words."""
    kind = _BY_REASON.get(str(reply.get("reason")), errors.KubeUnavailable)
    return kind(f"the Kubernetes API refused: {reply.get('message') or f'HTTP {status}'}")
