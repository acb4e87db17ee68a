from typing import Any

import pytest

from idp_fixtures.matchers import MATCHERS, MISSING, at, is_like, mismatch

BODY = {"a": {"b": [{"c": 1}, {"c": 2}]}, "urn:x:2.0:User": {"d": True}, "$ref": "r", "n": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b[1].c", 2),
        ("['urn:x:2.0:User'].d", True),
        ("$ref", "r"),
        ("n", None),
        ("a.b[2].c", MISSING),
        ("a.z.c", MISSING),
        ("a.b.c", MISSING),
        ("n.o", MISSING),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(path: str, value: Any) -> None:
    assert at(BODY, path) == value


HOLDS: list[tuple[str, Any, Any]] = [
    ("$exists", True, 0),
    ("$absent", True, MISSING),
    ("$absent", True, ""),
    ("$emptyish", True, []),
    ("$type", "number", 3),
    ("$type", "boolean", False),
    ("$type", "string", ""),
    ("$len", 2, [1, 2]),
    ("$len", 0, MISSING),
    ("$minlen", 1, [1, 2]),
    ("$contains", "b", ["a", "b"]),
    ("$contains", "json", "application/json"),
    ("$in", [1, 2], 2),
    ("$ne", 1, 2),
    ("$matches", "(?i)^bearer", "Bearer realm"),
    ("$any", [{"v": 1}], [{"v": 1, "w": 2}, {"v": 2}]),
    ("$none", [{"v": 3}], [{"v": 1}]),
]
FAILS: list[tuple[str, Any, Any]] = [
    ("$exists", True, None),
    ("$absent", True, "x"),
    ("$emptyish", True, ""),
    ("$type", "number", True),
    ("$type", "number", "3"),
    ("$type", "boolean", "false"),
    ("$type", "string", MISSING),
    ("$len", 2, [1]),
    ("$minlen", 1, MISSING),
    ("$contains", "b", MISSING),
    ("$in", [1, 2], 3),
    ("$ne", 1, 1),
    ("$matches", "^x", None),
    ("$any", [{"v": 1}, {"v": 9}], [{"v": 1}]),
    ("$any", [{"v": 1}], MISSING),
    ("$none", [{"v": 1}], [{"v": 1, "w": 2}]),
]


@pytest.mark.parametrize(("name", "wanted", "found"), HOLDS)
def test_a_matcher_that_holds_is_silent(name: str, wanted: Any, found: Any) -> None:
    assert mismatch({name: wanted}, found) is None


@pytest.mark.parametrize(("name", "wanted", "found"), FAILS)
def test_a_matcher_that_fails_says_why(name: str, wanted: Any, found: Any) -> None:
    assert mismatch({name: wanted}, found)


def test_every_matcher_is_seen_to_hold_and_to_fail() -> None:
    assert {name for name, _, _ in HOLDS} == {name for name, _, _ in FAILS} == set(MATCHERS)


@pytest.mark.parametrize(("wanted", "found"), [(1, True), ("1", 1), (True, "true"), (0, False)])
def test_a_literal_keeps_its_type(wanted: Any, found: Any) -> None:
    assert mismatch(wanted, found)
    assert mismatch(wanted, wanted) is None


def test_likeness_looks_only_at_what_is_named() -> None:
    assert is_like({"a": {"$exists": True}, "b": {"c": 1}}, {"a": 0, "b": {"c": 1, "d": 2}})
    assert not is_like({"a": 1}, [1])
