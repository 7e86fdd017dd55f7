"""Every command on the simulator's pages does what the page says.

Source: a property of the documentation. The block for tccli is run by `make conformance`, which installs it.
"""

import re
from pathlib import Path

import pytest
import yaml
from simulator.documents import ROOT, run, session

from clb_simulator.fault_kinds import FAULT
from clb_simulator.scenario import parse_scenario

README = ROOT / "simulator" / "README.md"
GUIDE = ROOT / "docs" / "simulator.md"


def test_readme_from_start_to_end(tmp_path: Path) -> None:
    printed = run(README, tmp_path)
    assert "clb-simulator is ready" in printed
    assert re.search(r"\['lbl-[a-z0-9]{8}'\]", printed), printed
    # The reply to the request that curl signed, and the table.
    assert re.search(r'"LoadBalancerSet": \[\{"LoadBalancerId": "lb-example1"', printed), printed
    assert "HTTP:8080" in printed
    assert '"kind": "lost-reply"' in printed
    assert (tmp_path / "cloud.state").exists()
    assert not (tmp_path / "cloud.state.d").exists()


def test_guide_from_start_to_end(tmp_path: Path) -> None:
    printed = run(GUIDE, tmp_path)
    assert "1 passed" in printed
    assert '"load_balancer_id": "lb-scenario"' in printed
    assert "clb-simulator CA" in printed


def test_tccli_block_is_left_to_the_conformance_run() -> None:
    assert "tccli clb" not in session(README)
    assert "tccli clb" in session(README, tools=("tccli",))


def test_guide_lists_every_kind_of_fault() -> None:
    kinds = set(re.findall(r"'const': '([a-z-]+)'", str(FAULT.json_schema())))
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", _kinds_table(), re.MULTILINE))
    assert len(kinds) == 14
    assert listed == kinds


def _kinds_table() -> str:
    return GUIDE.read_text().split("| kind |")[1].split("\n\n")[0]


@pytest.mark.parametrize("page", [README, GUIDE], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_scenario_on_the_page_is_one() -> None:
    (text,) = re.findall(
        r"cat > scenario.yaml <<'EOF'\n(.*?)^EOF$", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert parse_scenario(yaml.safe_load(text), "page").faults
