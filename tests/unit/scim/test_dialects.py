"""Dialects are data: every deviation has a name, a sense and a refusal."""

from typing import Any

import pytest
from scim2_models import SCIMException

from gateway.domain.connections import SETTINGS
from gateway.scim.dialects import (
    DEVIATIONS,
    DIALECTS,
    ENTRA,
    GOOGLE,
    JUMPCLOUD,
    OKTA,
    ONELOGIN,
    STRICT,
    UNKNOWN,
    Dialect,
    Reading,
    chosen,
    detect,
)


def test_a_connection_can_be_set_to_every_dialect_there_is() -> None:
    assert {*DIALECTS, "auto"} == set(SETTINGS["dialect"])


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda each: each.name)
def test_a_deviation_is_counted_by_name_or_refused(deviation: Any) -> None:
    tolerant, strict = Reading(UNKNOWN), Reading(STRICT)
    tolerant.tolerate(deviation, "why")
    tolerant.tolerate(deviation, "why")
    assert tolerant.deviations == {deviation.name: 2}
    with pytest.raises(SCIMException, match="why"):
        strict.tolerate(deviation, "why")


@pytest.mark.parametrize(
    ("agent", "body", "expected"),
    [
        ("Okta SCIM Client 1.0.0", None, OKTA),
        ("Google-Auto-Provisioning", None, GOOGLE),
        ("Microsoft-AzureAD-Provisioning", None, ENTRA),
        ("OneLogin SCIM", None, ONELOGIN),
        ("jumpcloud-scim/1", None, JUMPCLOUD),
        ("curl/8", None, None),
        (None, None, None),
        (None, {"Operations": [{"op": "Add"}]}, ENTRA),
        (None, {"schemas": ["http://schemas.microsoft.com/x"]}, ENTRA),
        (None, {"Operations": [{"op": "replace", "value": {"id": "1", "displayName": "x"}}]}, OKTA),
        (None, {"Operations": [{"op": "add"}, "odd", None]}, None),
        (None, {"Operations": "odd", "schemas": "odd"}, None),
        (None, ["odd"], None),
        ("Okta", {"Operations": [{"op": "Add"}]}, OKTA),
    ],
)
def test_a_sender_is_known_by_name_first_and_by_shape_second(
    agent: str | None, body: Any, expected: Dialect | None
) -> None:
    assert detect(agent, body) is expected


def test_an_admins_word_counts_most_then_what_shows_then_what_showed() -> None:
    assert chosen("strict", OKTA, "entra") is STRICT
    assert chosen("auto", OKTA, "entra") is OKTA
    assert chosen("auto", None, "entra") is ENTRA
    assert chosen("auto", None, None) is UNKNOWN
