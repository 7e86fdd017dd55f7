"""The pytest plugin gives every test a simulator of its own.

Source: a property of the simulator. Other people's tests are imitated with pytester, as a process.
"""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["clb_simulator.pytest_plugin"]\n'
INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
TESTS = """
from tencentcloud.clb.v20180317 import clb_client, models
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
import pytest


def client(simulator):
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=simulator.endpoint))
    key = credential.Credential(simulator.secret_id, simulator.secret_key)
    return clb_client.ClbClient(key, simulator.region, profile)


def count(simulator):
    return client(simulator).DescribeLoadBalancers(models.DescribeLoadBalancersRequest()).TotalCount


@pytest.mark.parametrize("turn", [1, 2])
def test_each_has_its_own(clb_simulator, turn):
    assert count(clb_simulator) == 0
    clb_simulator.create_load_balancer()
    clb_simulator.create_instance("127.0.0.11")
    assert count(clb_simulator) == 1


def test_fault(clb_simulator):
    clb_simulator.order_fault("internal-error", action="DescribeLoadBalancers")
    with pytest.raises(TencentCloudSDKException, match="InternalError"):
        count(clb_simulator)
    assert count(clb_simulator) == 0


async def test_in_an_event_loop(clb_simulator):
    assert count(clb_simulator) == 0


def test_secret_is_not_shown(clb_simulator):
    assert clb_simulator.secret_key not in repr(clb_simulator)
    assert clb_simulator.environment()["TENCENTCLOUD_SECRET_ID"] == clb_simulator.secret_id
"""


def run(pytester: pytest.Pytester, settings: str = "") -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makeini(f"{INI}{settings}\n")
    return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")


def test_other_peoples_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    run(pytester).assert_outcomes(passed=5)


def test_scenario_of_the_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", world="load_balancers: [{load_balancer_id: lb-mine}]")
    pytester.makepyfile(
        """
        def test_it(clb_simulator):
            (one,) = clb_simulator.admin("GET", "/state")["load_balancers"]
            assert one["load_balancer_id"] == "lb-mine"
        """
    )
    run(pytester, "clb_simulator_scenario = world.yaml").assert_outcomes(passed=1)


def test_configuration_can_be_overridden(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from dataclasses import replace
        import pytest

        @pytest.fixture
        def clb_simulator_config(clb_simulator_config):
            return replace(clb_simulator_config, task_seconds=9)

        def test_it(clb_simulator):
            assert clb_simulator.admin("GET", "/settings")["task_seconds"] == 9
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_wrong_setting_is_a_sentence(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(clb_simulator): pass")
    result = run(pytester, "clb_simulator_data_plane = apache")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*must be nginx or none, not 'apache'*"])
