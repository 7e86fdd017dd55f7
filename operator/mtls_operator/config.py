"""The operator's configuration: a YAML file and the environment, read once into a frozen value.

Nothing else in the operator reads the environment. Called by `main`.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from datetime import timedelta
from itertools import combinations
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mtls_operator.api.duration import Duration  # noqa: TC001
from mtls_operator.core.balancer_access import AccessMode
from mtls_operator.errors import OperatorError

SECRET_ID: Final = "TENCENTCLOUD_SECRET_ID"  # noqa: S105 - a variable's name
SECRET_KEY: Final = "TENCENTCLOUD_SECRET_KEY"  # noqa: S105
TOKEN: Final = "TENCENTCLOUD_TOKEN"  # noqa: S105
REGION: Final = "TENCENTCLOUD_REGION"
ENDPOINT: Final = "TENCENTCLOUD_ENDPOINT"


class ConfigError(OperatorError):
    """The configuration cannot be used; the message says which setting and what it takes."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class CloudSection(_Section):
    """Where the cloud is and which of it is served."""

    regions: tuple[str, ...] = ()
    """Every region with load balancers of ours; default: the variable TENCENTCLOUD_REGION."""
    root_domain: str = "tencentcloudapi.com"
    """`intl.tencentcloudapi.com` for accounts of the international site."""
    endpoint: str = ""
    """`http://127.0.0.1:8080` sends every call there; default: the variable TENCENTCLOUD_ENDPOINT."""
    rate_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of the account's documented rates that the operator takes."""


class AccessSection(_Section):
    """Which namespaces may use which load balancer."""

    mode: AccessMode = AccessMode.TAGGED
    listed: Mapping[str, tuple[str, ...]] = {}


class AdoptionSection(_Section):
    """Which listeners that somebody else made may become ours."""

    allow_always: bool = False
    """Consent to adoptionPolicy Always: whoever may write a MutualTLSListener may then take over, and change
    as they like, any HTTPS listener of the load balancers that their namespace may use."""


class CertificatesSection(_Section):
    """What was uploaded to the certificate service."""

    orphan_grace: Annotated[Duration, Field(ge=timedelta(minutes=1))] = timedelta(hours=1)
    """For how long an upload has to be seen wanted and used by nobody before it is deleted."""


class VerificationSection(_Section):
    """Whether the operator tries the doors of listeners itself."""

    enabled: bool = True
    """False where it cannot reach the load balancers; `kubectl mtls verify` does it from elsewhere."""


class SecretTemplateSection(_Section):
    """What requesters may have put on their Secrets."""

    allowed_domains: tuple[str, ...] = ()
    """Domains of labels and annotations, each with its subdomains; names without a domain are always fine."""


class Config(_Section):
    """All settings."""

    cluster_id: str = ""
    """What marks cloud objects as this cluster's; default: the uid of the namespace kube-system."""
    cloud: CloudSection = CloudSection()
    load_balancer_access: AccessSection = AccessSection()
    adoption: AdoptionSection = AdoptionSection()
    certificates: CertificatesSection = CertificatesSection()
    secret_template: SecretTemplateSection = SecretTemplateSection()
    verification: VerificationSection = VerificationSection()
    resync_interval: Annotated[Duration, Field(ge=timedelta(seconds=10))] = timedelta(minutes=10)
    """How often every object is compared with the cloud without being called."""
    workers: Annotated[int, Field(ge=1, le=64)] = 16
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of the liveness probe; 0 = none."""
    health_address: str = "0.0.0.0"  # noqa: S104 - a pod is probed from outside
    crl_port: Annotated[int, Field(ge=0, le=65535)] = 8082
    """Port of the revocation lists and roots, over HTTP; 0 = none."""
    crl_address: str = "0.0.0.0"  # noqa: S104 - whoever checks a list is outside the pod
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Port of the metrics, over HTTP; 0 = none."""
    metrics_address: str = "0.0.0.0"  # noqa: S104 - they are collected from outside the pod
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Credentials(_Section):
    """Keys of the cloud account."""

    secret_id: str
    secret_key: Annotated[str, Field(repr=False)]
    token: Annotated[str, Field(repr=False)] = ""


def read_config(text: str, environment: Mapping[str, str]) -> Config:
    """Return the configuration.

    Args:
        text: YAML, possibly empty.
        environment: the process's variables, which fill in what the file leaves out.

    Raises:
        ConfigError: the file is not YAML, or a setting is unknown or out of range.
    """
    try:
        settings = yaml.safe_load(text) or {}
        config = Config.model_validate(settings)
    except yaml.YAMLError as error:
        raise ConfigError(f"the configuration is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"the configuration cannot be used: {path}: {first['msg']}") from None
    region, endpoint = environment.get(REGION, ""), environment.get(ENDPOINT, "")
    cloud = config.cloud.model_copy(
        update={
            "regions": config.cloud.regions or ((region,) if region else ()),
            "endpoint": config.cloud.endpoint or endpoint,
        }
    )
    _require_different_ports(config)
    if not cloud.regions:
        raise ConfigError(f"no region is served: set cloud.regions in the configuration, or {REGION}")
    return config.model_copy(update={"cloud": cloud})


def _require_different_ports(config: Config) -> None:
    ports = {
        "crlPort": config.crl_port,
        "healthPort": config.health_port,
        "metricsPort": config.metrics_port,
    }
    for (first, port), (second, other) in combinations(ports.items(), 2):
        if port and port == other:
            raise ConfigError(f"{first} and {second} are both {port}: give one of them another port")


def read_credentials(environment: Mapping[str, str]) -> Credentials:
    """Return the cloud account's keys.

    Raises:
        ConfigError: a variable is missing; the message never holds a value.
    """
    missing = [name for name in (SECRET_ID, SECRET_KEY) if not environment.get(name, "").strip()]
    if missing:
        raise ConfigError(
            f"no credentials for the cloud: {' and '.join(missing)} not set. In a cluster they come from the "
            "Secret that the Deployment names."
        )
    return Credentials(
        secret_id=environment[SECRET_ID].strip(),
        secret_key=environment[SECRET_KEY].strip(),
        token=environment.get(TOKEN, "").strip(),
    )
