"""The settings that deploy/ shows are those that the operator reads."""

import re
from pathlib import Path

import yaml

from mtls_operator.config import REGION, Config, read_config, read_credentials

BASE = Path(__file__).parents[2] / "deploy" / "kustomize" / "base"
ENVIRONMENT = {REGION: "ap-guangzhou"}
# Where the health probe listens is the Deployment's business, and by which addresses a pod is reached.
NOT_FOR_USERS = {"health_address", "health_port", "crl_address", "metrics_address"}


def _shown() -> str:
    """The settings that are there as comments, without the sentence above them."""
    _, _, settings = (BASE / "config.yaml").read_text().partition("#\n")
    return "\n".join(re.sub(r"^# ?", "", line) for line in settings.splitlines() if line.startswith("#"))


def test_the_settings_file_of_the_base_changes_nothing() -> None:
    assert read_config((BASE / "config.yaml").read_text(), ENVIRONMENT) == read_config("", ENVIRONMENT)


def test_each_setting_is_shown_with_its_default() -> None:
    assert read_config(_shown(), ENVIRONMENT) == read_config("", ENVIRONMENT)
    shown = Config.model_validate(yaml.safe_load(_shown())).model_fields_set
    assert shown == set(Config.model_fields) - NOT_FOR_USERS


def test_the_deployment_gives_what_the_operator_asks_for() -> None:
    deployment = yaml.safe_load((BASE / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: "a value" for variable in container["env"]}
    assert read_credentials(given).secret_key == "a value"
    assert read_config("", given).cloud.regions == ("a value",)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {
        "health": Config().health_port,
        "metrics": Config().metrics_port,
        "crl": Config().crl_port,
    }
    assert {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")} == {
        "health"
    }


def test_the_service_leads_to_the_revocation_lists_of_the_deployments_pods() -> None:
    service = yaml.safe_load((BASE / "service.yaml").read_text())
    template = yaml.safe_load((BASE / "deployment.yaml").read_text())["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["crl"]
