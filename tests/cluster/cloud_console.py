"""The simulated cloud as a person sees it in the console: the official SDK, and the admin port.

I/O: HTTP. What changes something here is "somebody else" to the operator.
"""

import json
from typing import Any, Final

import httpx
from eventually import eventually
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from mtls_devcluster.simulator import Simulator

Reply = dict[str, Any]

_VERSIONS: Final = {"clb": "2018-03-17", "ssl": "2019-12-05", "tag": "2018-08-13"}
_ACCOUNT: Final = "100000000001"
_CLUSTER_TAG: Final = "mtls.clb-operator.dev/cluster"
_NAMESPACE_TAG: Final = "mtls.clb-operator.dev/namespace"


class CloudConsole:
    """Looks at the cloud and changes it behind the operator's back."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._admin = httpx.Client(base_url=simulator.admin, trust_env=False, timeout=10)

    def close(self) -> None:
        self._admin.close()

    def call(self, service: str, action: str, **fields: Any) -> Reply:
        """Make one call of the cloud's API."""
        host = self._simulator.api.removeprefix("http://")
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=host))
        keys = Credential(self._simulator.secret_id, self._simulator.secret_key)
        client = CommonClient(service, _VERSIONS[service], keys, self._simulator.region, profile)
        reply: Reply = client.call_json(action, fields)["Response"]
        return reply

    def change(self, action: str, **fields: Any) -> Reply:
        """Change a load balancer, waiting for its turn and for its end."""
        reply = eventually(
            lambda: self.call("clb", action, **fields),
            retry_on=TencentCloudSDKException,
            what=f"{action} is accepted",
        )
        eventually(
            lambda: self.call("clb", "DescribeTaskStatus", TaskId=reply["RequestId"])["Status"],
            until=lambda status: status == 0,
            what=f"{action} has succeeded",
        )
        return reply

    def tag_load_balancer(self, identifier: str, key: str, value: str) -> None:
        name = f"qcs::clb:{self._simulator.region}:uin/{_ACCOUNT}:clb/{identifier}"
        self.call("tag", "TagResources", ResourceList=[name], Tags=[{"TagKey": key, "TagValue": value}])

    def listeners(self, balancer: str) -> list[Reply]:
        found: list[Reply] = self.call("clb", "DescribeListeners", LoadBalancerId=balancer)["Listeners"]
        return found

    def targets(self, balancer: str) -> list[Reply]:
        """Return the targets of every rule of a load balancer."""
        described = self.call("clb", "DescribeTargets", LoadBalancerId=balancer)["Listeners"]
        return [target for one in described for rule in one["Rules"] or [] for target in rule["Targets"]]

    def weights(self, balancer: str) -> dict[str, int]:
        """Return the weight of every bound instance."""
        return {target["InstanceId"]: target["Weight"] for target in self.targets(balancer)}

    def uploads(self, namespace: str) -> dict[str, str]:
        """Return the operator's uploads for a namespace: id and type (SVR or CA)."""
        reply = self.call("ssl", "DescribeCertificates", Limit=1000)
        return {
            one["CertificateId"]: one["CertificateType"]
            for one in reply["Certificates"]
            if {tag["TagKey"]: tag["TagValue"] for tag in one["Tags"]}.get(_NAMESPACE_TAG) == namespace
        }

    def uploads_by_operator(self) -> int:
        """Return how many certificates carry an operator's tag."""
        reply = self.call("ssl", "DescribeCertificates", Limit=1000)
        return sum(_CLUSTER_TAG in [tag["TagKey"] for tag in one["Tags"]] for one in reply["Certificates"])

    def set_task_time(self, seconds: float) -> None:
        """Set how long a change takes."""
        self._admin.patch("/settings", json={"task_seconds": seconds}).raise_for_status()

    def switch(self, **values: Any) -> None:
        """Choose what the cloud does where nobody knows what the real one does."""
        self._admin.patch("/switches", json=values).raise_for_status()

    def set_quota(self, quota: str, limit: int) -> None:
        """Set what the account may have."""
        body = {"region": self._simulator.region, "limit": limit}
        self._admin.put(f"/quotas/{quota}", json=body).raise_for_status()

    def mark(self) -> int:
        """Return this moment, for `calls` and `writes`."""
        return int(self._admin.get("/calls", params={"since": "999999999"}).json()["total"])

    def calls(self, since: int = 0) -> list[Reply]:
        """Return the calls since a mark, oldest first."""
        found: list[Reply] = self._admin.get("/calls", params={"since": str(since)}).json()["calls"]
        return found

    def writes(self, since: int) -> list[str]:
        """Return the changes that were asked for since a mark, and with what."""
        return [
            f"{call['action']} {json.dumps(call['params'])[:300]}"
            for call in self.calls(since)
            if call["write"]
        ]
