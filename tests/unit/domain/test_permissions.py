"""The catalogue of permissions, and the notation in which presets write them."""

import pytest

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import (
    ACTIONS,
    BOT_ATOMS,
    FEATURES_OF_ATOM,
    ORG_ATOMS,
    PLATFORM_ATOMS,
    READING_ATOMS,
    SECTIONS,
    Level,
    expand_bot,
    expand_org,
    parse_sections,
    require_action,
)


def test_the_sections_are_exactly_the_eight_of_the_first_product() -> None:
    """S0-12"""
    assert SECTIONS == (
        "conversations",
        "knowledge_base",
        "testing",
        "improvement",
        "broadcasts",
        "integrations",
        "extensions",
        "analytics",
    )


def test_a_ninth_section_is_refused() -> None:
    """S0-12"""
    with pytest.raises(InvalidRequest, match="no section 'billing'"):
        parse_sections({"billing": "read"})


def test_there_are_38_organisation_atoms_4_of_chatbots_and_16_of_sections() -> None:
    assert (len(ORG_ATOMS), len(BOT_ATOMS), len(ACTIONS)) == (38, 4, 38 + 4 + 16)


def test_the_four_member_permissions_exist() -> None:
    """S4-26"""
    assert {f"members.{verb}" for verb in ("read", "invite", "update", "remove")} <= ORG_ATOMS


def test_resources_can_be_viewed_created_modified_and_deleted_one_by_one() -> None:
    """S2-04"""
    assert {"chatbot.read", "chatbot.update", "chatbot.delete", "chatbots.create"} <= ACTIONS
    assert {"contacts.read", "contacts.write", "contacts.delete"} <= ACTIONS


def test_sets_about_atoms_name_atoms() -> None:
    assert READING_ATOMS <= PLATFORM_ATOMS <= ORG_ATOMS
    assert set(FEATURES_OF_ATOM) <= ORG_ATOMS


@pytest.mark.parametrize("name", ["", "chatbot", "conversations", "conversations.none", "org.*"])
def test_an_unknown_action_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="no action"):
        require_action(name)


@pytest.mark.parametrize("word", ["admin", "READ", "", None, 1, True])
def test_a_level_is_none_read_or_write(word: object) -> None:
    with pytest.raises(InvalidRequest, match="none, read or write"):
        Level.parse(word)


def test_levels_are_ordered_and_spelled() -> None:
    assert [level.word for level in sorted(Level)] == ["none", "read", "write"]


def test_sections_left_at_none_are_not_kept() -> None:
    assert parse_sections({"analytics": "none", "testing": "write"}) == {"testing": Level.WRITE}


def test_a_star_is_everything_and_a_minus_takes_away() -> None:
    assert expand_org(["*", "-org.delete"]) == ORG_ATOMS - {"org.delete"}


@pytest.mark.parametrize("notation", [["org.fly"], ["*", "-org.fly"], ["chatbot.read"]])
def test_an_unknown_organisation_atom_is_refused(notation: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="no organisation permission"):
        expand_org(notation)


def test_bot_notation_expands_to_a_ceiling() -> None:
    everything = expand_bot(["*"])
    assert everything.atoms == BOT_ATOMS
    assert set(everything.sections.values()) == {Level.WRITE}
    assert expand_bot(["sections:*"]).atoms == frozenset()
    some = expand_bot(["chatbot.read", "testing.write", "testing.read", "analytics.read"])
    assert some.atoms == {"chatbot.read"}
    assert {name: level for name, level in some.sections.items() if level} == {
        "testing": Level.WRITE,
        "analytics": Level.READ,
    }


@pytest.mark.parametrize("item", ["org.read", "billing.write", "conversations", "sections.*"])
def test_an_unknown_chatbot_permission_is_refused(item: str) -> None:
    with pytest.raises(InvalidRequest, match="no chatbot permission"):
        expand_bot([item])
