"""Every promise is shown by a test from outside, or is on the list of those that wait."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.architecture import requirements

SAMPLE = 30


def test_every_promise_is_shown_or_waits() -> None:
    known, shown = requirements.statements(), requirements.shown()
    assert len(known) == 163
    assert set(shown) <= set(known)
    assert [x for x in known if x not in shown and x not in requirements.waiting()] == []


def test_nothing_waits_that_is_shown() -> None:
    """Run `make docs` where this fails."""
    assert set(requirements.waiting()) & set(requirements.shown()) == set()


def test_no_test_names_more_promises_than_it_can_show() -> None:
    many = [x.node for x in requirements.tests() if len(x.ids) > requirements.MOST_IDS]
    assert many == []


def test_a_test_fails_where_what_it_requires_is_taken_away(tmp_path: Path) -> None:
    """A sample runs against a product without the route or permission that each test names.

    What still passes shows nothing.
    """
    able = [test for test in requirements.tests() if test.requires]
    step = max(1, len(able) // SAMPLE)
    sample = able[::step][:SAMPLE]
    assert len(sample) == SAMPLE
    report = tmp_path / "report.xml"
    subprocess.run(  # noqa: S603 - our own tests
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"),
            *("--taken-away", "-k", "not postgresql", f"--junitxml={report}"),
            *(test.node for test in sample),
        ],
        cwd=requirements.ROOT,
        capture_output=True,
        check=False,
    )
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - our own report
    ran = {re.sub(r"\[.*", "", str(case.get("name"))) for case in cases}
    assert ran == {test.name for test in sample}
    passed = [x.get("name") for x in cases if x.find("failure") is None and x.find("error") is None]
    assert passed == []
