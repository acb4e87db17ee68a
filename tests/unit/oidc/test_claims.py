"""What claims say about somebody: groups in three ways, and texts that can be kept."""

from typing import Any

import pytest

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import AttributeMapping, Groups
from gateway.oidc import claims

MAPPING = AttributeMapping(email="email", groups="groups", group_separator=";")


@pytest.mark.parametrize(
    ("says", "found"),
    [
        pytest.param({}, Groups.ABSENT, id="nothing-said"),
        pytest.param({"groups": None}, Groups.ABSENT, id="null"),
        pytest.param({"groups": []}, Groups.of([]), id="none"),
        pytest.param({"groups": ["a", "b"]}, Groups.of(["a", "b"]), id="two"),
        pytest.param({"groups": "a; b"}, Groups.of(["a", "b"]), id="one-text"),
        pytest.param({"_claim_names": {"groups": "src1"}}, Groups.OVERAGE, id="elsewhere"),
        pytest.param({"hasgroups": True}, Groups.OVERAGE, id="too-many"),
        pytest.param({"_claim_names": {"other": "src1"}}, Groups.ABSENT, id="others-elsewhere"),
    ],
)
def test_absent_none_and_too_many_are_three_things(says: dict[str, Any], found: Groups) -> None:
    assert claims.groups(says, MAPPING) == found


@pytest.mark.parametrize("said", [{"a": True}, 7, [7], [["a"]], ["a\u0000"], [""], ["x" * 256]])
def test_groups_that_cannot_be_read_are_refused(said: Any) -> None:
    with pytest.raises(Unacceptable, match="bad_groups"):
        claims.groups({"groups": said}, MAPPING)


def test_what_is_kept_is_printable_and_short() -> None:
    said = {"a": "b", "n": 7, "t": True, "l": ["x", {}], "o": {}, "z": "\u0000", "w": "w" * 300}
    assert claims.kept(said) == {"a": ("b",), "n": ("7",), "t": ("true",), "l": ("x",)}


def test_a_text_that_hides_something_is_refused() -> None:
    assert claims.one({"email": " a@b.test "}, "email") == "a@b.test"
    assert claims.one({"email": 7}, "email") is None
    for said in ("a\u0000b", "a\u2028b", "x" * 256):
        with pytest.raises(Unacceptable):
            claims.one({"email": said}, "email")
