"""Names of taggable resources: the six-part form of requests and the key of the store.

Pure. A resource's key is service, region, prefix and id; certificates have no region.
"""

import re
from dataclasses import dataclass
from typing import Final

from clb_simulator.errors import invalid_value

_SIX_PARTS: Final = re.compile(
    r"qcs::(?P<service>[a-z]+):(?P<region>[a-z0-9-]*):uin/(?P<uin>\d+):(?P<prefix>[a-z]+)/(?P<id>[\w-]+)"
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as its name says."""

    service: str
    region: str
    uin: str
    prefix: str
    identifier: str

    @property
    def key(self) -> str:
        """The key of its tags in the store."""
        return resource_key(self.service, self.region, self.prefix, self.identifier)


def parse(name: str) -> Resource:
    """Read a six-part name such as `qcs::clb:ap-guangzhou:uin/1000:clb/lb-1`.

    Raises:
        ApiError: InvalidParameterValue.
    """
    match = _SIX_PARTS.fullmatch(name)
    if match is None:
        raise invalid_value("ResourceList", f"{name} is not a six-part resource name.")
    return Resource(match["service"], match["region"], match["uin"], match["prefix"], match["id"])


def resource_key(service: str, region: str, prefix: str, identifier: str) -> str:
    """Return the key of a resource's tags."""
    region = "" if service == "ssl" else region
    return f"{service}:{region}:{prefix}/{identifier}"


def load_balancer_resource(region: str, load_balancer_id: str) -> str:
    """Return the key of a load balancer's tags."""
    return resource_key("clb", region, "clb", load_balancer_id)


def certificate_resource(certificate_id: str) -> str:
    """Return the key of a certificate's tags."""
    return resource_key("ssl", "", "certificate", certificate_id)
