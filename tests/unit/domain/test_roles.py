"""Custom roles: the base atoms, the preset's toggles and the sections, and nothing else."""

import pytest

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import BASE_ATOMS, Level
from gateway.domain.roles import CustomRole, RoleDefinition, RoleTemplate, custom_role
from gateway.services.presets import packaged
from tests.unit.domain.world import named

WHATSAPP = packaged().preset("whatsapp").toggles
MEMBERS = packaged().preset("members_invitations").toggles


def made(
    *atoms: str,
    toggles: dict[str, frozenset[str]] | None = None,
    name: str = "Sales Agent",
    rank: int = 10,
    **sections: str,
) -> RoleTemplate:
    wish = CustomRole(name=name, rank=rank, atoms=atoms, sections=sections)
    return custom_role("sales-agent", wish, WHATSAPP if toggles is None else toggles)


def test_a_custom_role_holds_what_was_chosen_and_the_base() -> None:
    """S1-13"""
    role = made("contacts.read", "campaigns.write", conversations="write")
    assert role.org_atoms == BASE_ATOMS | {"contacts.read", "campaigns.write"}
    assert role.sections == {"conversations": Level.WRITE}
    assert (role.bot_atoms, role.custom, role.narrowable) == (frozenset(), True, True)


def test_every_toggle_of_the_second_product_can_be_chosen() -> None:
    """S1-16, S1-17, S1-18"""
    atoms = {f"{feature}.{verb}" for feature in WHATSAPP for verb in WHATSAPP[feature]}
    role = made(*sorted(atoms))
    assert role.org_atoms == BASE_ATOMS | (atoms - {"analytics.read"})
    assert role.sections == {"analytics": Level.READ}


@pytest.mark.parametrize(
    "atom",
    ["org.delete", "org.transfer", "billing.manage", "members.invite", "roles.manage",
     "scim.manage", "templates.use", "contacts.read_assigned", "chatbot.delete", "org.fly"],
)  # fmt: skip
def test_nothing_else_can_be_chosen(atom: str) -> None:
    """S1-13"""
    with pytest.raises(InvalidRequest, match="cannot hold"):
        made(atom)


def test_there_is_no_toggle_to_write_analytics() -> None:
    """S1-20"""
    with pytest.raises(InvalidRequest, match=r"analytics\.write"):
        made("analytics.write")
    with pytest.raises(InvalidRequest, match=r"analytics\.write"):
        made(analytics="write")
    assert made(analytics="read").sections == {"analytics": Level.READ}


def test_products_without_that_toggle_choose_any_level_of_the_section() -> None:
    assert made(toggles=dict(MEMBERS), analytics="write").sections == {"analytics": Level.WRITE}


def test_a_role_can_hold_some_of_the_four_member_permissions() -> None:
    """S4-27"""
    role = made("members.read", "members.invite", toggles=dict(MEMBERS))
    assert role.org_atoms == BASE_ATOMS | {"members.read", "members.invite"}


def test_no_preset_s_toggles_can_smuggle_in_what_is_forbidden() -> None:
    with pytest.raises(InvalidRequest, match=r"org\.delete"):
        made("org.delete", toggles={"org": frozenset({"delete"})})


@pytest.mark.parametrize("name", ["", "   ", "x" * 65])
def test_a_role_needs_a_name_of_moderate_length(name: str) -> None:
    """S1-15"""
    with pytest.raises(InvalidRequest, match="1 to 64 characters"):
        made(name=name)


def test_a_name_loses_the_space_around_it() -> None:
    """S1-15"""
    assert made(name="  Support Lead ").name == "Support Lead"


@pytest.mark.parametrize("rank", [-1, 101])
def test_a_rank_has_bounds(rank: int) -> None:
    with pytest.raises(InvalidRequest, match="between 0 and 100"):
        made(rank=rank)


def test_a_custom_role_is_stored_and_read_back_as_it_was() -> None:
    role = made("contacts.delete", testing="read").owned(named("sales"))
    assert RoleDefinition.of(named("sales"), role.document()) == role


def test_the_atoms_of_a_role_include_what_its_sections_reach() -> None:
    atoms = made(testing="write", analytics="read").atoms()
    assert atoms == BASE_ATOMS | {"testing.read", "testing.write", "analytics.read"}
