"""Facts: nothing is told that the reference does not explain."""

import pytest

from gateway.domain.events import Fact, Target


def test_a_fact_of_an_unknown_type_is_no_fact() -> None:
    with pytest.raises(ValueError, match="unknown fact team\\.painted"):
        Fact("team.painted", (Target("team", "1"),))


def test_a_fact_about_an_unknown_kind_of_thing_is_no_fact() -> None:
    with pytest.raises(ValueError, match="unknown target group"):
        Fact("directory.group_created", (Target("connection", "1"), Target("group", "2")))
