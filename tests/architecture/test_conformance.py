import re
from pathlib import Path

from tests.architecture.conformance import ROOT, SECTIONS, scenarios

PROOFS = {proof for section in SECTIONS for proof in section.proofs}


def names_of_tests() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", Path(path).read_text(), re.M)
    }


def test_every_section_of_the_conformance_page_is_proved_by_something_there_is() -> None:
    assert all(section.proofs for section in SECTIONS)
    assert PROOFS - scenarios() - names_of_tests() == set()


def test_every_scenario_of_the_rfcs_proves_a_section() -> None:
    assert {name for name in scenarios() if name.startswith("rfc-")} - PROOFS == set()
