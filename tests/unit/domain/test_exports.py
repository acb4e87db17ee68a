"""What leaves the house as a file is read back as it was, and no spreadsheet runs it."""

import csv
import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.exports import FORMULAS, csv_lines, harmless, json_lines


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("Ada", "Ada", id="a-name"),
        pytest.param("=HYPERLINK(1)", "'=HYPERLINK(1)", id="a-formula"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(1)", "'@SUM(1)", id="at"),
        pytest.param("\uff1d1", "'\uff1d1", id="a-wide-formula"),
        pytest.param("  =1", "'  =1", id="behind-blanks"),
        pytest.param("\t=1", "'\t=1", id="behind-a-tab"),
        pytest.param("\rx", "'\rx", id="a-carriage-return"),
        pytest.param("a=1", "a=1", id="inside-it-is-none"),
        pytest.param({"a": None}, '{"a":null}', id="a-structure"),
        pytest.param([], "[]", id="an-empty-list"),
        pytest.param(True, "true", id="a-truth"),
        pytest.param(-3, "'-3", id="a-negative-number"),
        pytest.param(
            datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z", id="an-instant"
        ),
    ],
)
def test_a_cell_is_text_that_nothing_computes(cell: object, text: str) -> None:
    assert harmless(cell) == text


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=5))
def test_a_csv_has_the_cells_that_went_in_and_no_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(StringIO(csv_lines(rows), newline=""), strict=True))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.lstrip()[:1] in FORMULAS for row in read for cell in row)


def test_a_line_of_json_is_one_document() -> None:
    documents = [{"name": "Zoë\n", "at": datetime(2026, 1, 1, tzinfo=UTC)}, {"n": 1}]
    lines = json_lines(documents).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"name": "Zoë\n", "at": "2026-01-01T00:00:00Z"},
        {"n": 1},
    ]
