"""The configuration: defaults, the environment, and a sentence for each mistake."""

from datetime import timedelta

import pytest

from mtls_operator.config import ConfigError, read_config, read_credentials
from mtls_operator.core.balancer_access import AccessMode

REGION = {"TENCENTCLOUD_REGION": "ap-guangzhou"}
KEYS = {"TENCENTCLOUD_SECRET_ID": " id ", "TENCENTCLOUD_SECRET_KEY": "very secret\n"}


def test_an_empty_file_gives_the_defaults() -> None:
    config = read_config("", REGION)
    assert config.cloud.regions == ("ap-guangzhou",)
    assert config.load_balancer_access.mode is AccessMode.TAGGED
    assert config.resync_interval == timedelta(minutes=10)


def test_the_file_wins_over_the_environment() -> None:
    text = "cloud: {regions: [ap-beijing], endpoint: 'http://file'}"
    config = read_config(text, {**REGION, "TENCENTCLOUD_ENDPOINT": "http://variable"})
    assert (config.cloud.regions, config.cloud.endpoint) == (("ap-beijing",), "http://file")


def test_the_environment_fills_in() -> None:
    assert read_config("", {**REGION, "TENCENTCLOUD_ENDPOINT": "http://x"}).cloud.endpoint == "http://x"


def test_load_balancers_can_be_listed() -> None:
    config = read_config("loadBalancerAccess: {mode: Listed, listed: {lb-1: [edge]}}", REGION)
    assert config.load_balancer_access.listed == {"lb-1": ("edge",)}


def test_every_port_can_be_left_out() -> None:
    config = read_config("{healthPort: 0, crlPort: 0, metricsPort: 0}", REGION)
    assert (config.health_port, config.crl_port, config.metrics_port) == (0, 0, 0)


MISTAKES = [
    ("no YAML", "a: [", "is not YAML"),
    ("a list", "- a", "the file: "),
    ("an unknown setting", "worker: 3", "worker: "),
    ("an unknown setting further down", "cloud: {region: x}", r"cloud.region: "),
    ("too many workers", "workers: 65", "workers: .*less than or equal to 64"),
    ("no worker", "workers: 0", "workers: "),
    ("a duration without unit", "resyncInterval: 10", "resyncInterval: .*write hours, minutes and seconds"),
    (
        "an unknown way of access",
        "loadBalancerAccess: {mode: Everybody}",
        "loadBalancerAccess.mode: .*'Tagged'",
    ),
    ("a share of nothing", "cloud: {rateShare: 0}", "cloud.rateShare: "),
    ("a port that is used twice", "healthPort: 8082", "crlPort and healthPort are both 8082"),
    ("a port that is used twice for metrics", "metricsPort: 8082", "crlPort and metricsPort are both 8082"),
    ("a region where a list is needed", "cloud: {regions: ap-beijing}", "cloud.regions: "),
]


@pytest.mark.parametrize(
    ("text", "sentence"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_named_with_its_setting(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_config(text, REGION)


def test_no_region_says_both_ways_to_set_one() -> None:
    with pytest.raises(ConfigError, match=r"cloud\.regions.*TENCENTCLOUD_REGION"):
        read_config("", {})


def test_credentials_lose_blanks_and_never_show() -> None:
    credentials = read_credentials(KEYS)
    assert (credentials.secret_id, credentials.secret_key) == ("id", "very secret")
    assert "very secret" not in repr(credentials)


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_a_missing_credential_is_named_and_no_value_is_shown(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"{missing} not set") as caught:
        read_credentials({**KEYS, missing: " "})
    assert "very secret" not in str(caught.value)
