"""Each decision that the reference page names is shown by a test there is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/scim-decisions.md"


def test_every_decision_is_shown_by_a_test_there_is() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    shown = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert len(rows) > 15
    assert all("`test_" in row for row in rows)
    assert shown - written == set()
