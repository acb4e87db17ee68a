"""The packaged presets hold what the five source documents say, and a wrong file says where."""

import copy
from importlib.resources import files
from typing import Any

import pytest
import yaml

from gateway.domain.errors import InvalidRequest
from gateway.domain.permissions import BASE_ATOMS, ORG_ATOMS, SECTIONS, Level
from gateway.domain.plans import Plan
from gateway.domain.policies import POLICIES, Layer, check_policies, decided
from gateway.domain.presets import PresetError, catalogue
from gateway.domain.roles import RoleDefinition
from gateway.services.presets import packaged
from tests.unit.domain.world import PRESETS, named, world


def document() -> dict[str, Any]:
    text = files("gateway").joinpath("presets.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_there_is_a_preset_for_each_of_the_five_products() -> None:
    """C11"""
    assert tuple(packaged().presets) == PRESETS


@pytest.mark.parametrize(
    ("preset", "roles"),
    [
        ("pleep", ["owner", "admin", "member"]),
        ("whatsapp", ["admin", "supervisor", "agent"]),
        ("five_role", ["owner", "admin", "developer", "billing", "viewer"]),
        ("pingback", ["owner", "admin", "agent"]),
        ("members_invitations", ["owner", "admin", "member"]),
    ],
)
def test_each_product_has_its_own_roles(preset: str, roles: list[str]) -> None:
    """S2-11"""
    assert list(packaged().preset(preset).roles) == roles


@pytest.mark.parametrize("preset", PRESETS)
def test_every_role_can_read_the_organisation_leave_and_say_whether_it_is_available(
    preset: str,
) -> None:
    """S3-10"""
    for role in packaged().preset(preset).roles.values():
        assert role.org_atoms >= BASE_ATOMS


@pytest.mark.parametrize("preset", PRESETS)
def test_every_policy_has_a_value_in_every_preset(preset: str) -> None:
    assert set(packaged().preset(preset).policies) == POLICIES


@pytest.mark.parametrize("preset", PRESETS)
def test_a_stored_role_reads_back_as_it_was(preset: str) -> None:
    for role in packaged().preset(preset).roles.values():
        owned = role.owned(named(role.key))
        assert RoleDefinition.of(owned.id, owned.document()) == owned


@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [
        pytest.param("five_role", "transfer", "allowed", id="C1-ownership-moves"),
        pytest.param("pingback", "transfer", "forbidden", id="C1-ownership-stays"),
        pytest.param("members_invitations", "owners", "multi", id="C2-several-owners"),
        pytest.param("five_role", "owners", "single", id="C2-one-owner"),
        pytest.param("pingback", "admin_manages_agents", False, id="C3-matrix-over-prose"),
        pytest.param("pingback", "owner_counts_as_seat", False, id="C7-in-addition-to-the-owner"),
        pytest.param("whatsapp", "owner_counts_as_seat", True, id="C7-one-seat-trial"),
        pytest.param("pleep", "seat_overage", "bill", id="C7-paid-per-seat"),
        pytest.param("pingback", "invite_requires_account", True, id="C8-account-first"),
        pytest.param("whatsapp", "direct_create", True, id="C8-created-with-password"),
        pytest.param("pleep", "bot_scope_default", "selected", id="C15-built-up-from-nothing"),
        pytest.param("members_invitations", "bot_scope_default", "all", id="C15-narrowed"),
        pytest.param("members_invitations", "invite_ttl_days", 7, id="S4-10"),
        pytest.param("members_invitations", "invites_when_scim", "off", id="C19"),
    ],
)
def test_contradictions_between_the_products_are_policies(
    preset: str, name: str, value: object
) -> None:
    assert packaged().preset(preset).policies[name] == value


@pytest.mark.parametrize(
    ("preset", "labels"),
    [
        ("pleep", {"organisation": "team", "chatbot": "agent"}),
        ("whatsapp", {"organisation": "workspace", "chatbot": "chatbot"}),
        ("five_role", {"organisation": "organization", "chatbot": "agent"}),
        ("pingback", {"organisation": "workspace", "chatbot": "channel"}),
        ("members_invitations", {"organisation": "organization", "chatbot": "chatbot"}),
    ],
)
def test_one_word_for_us_and_each_product_s_own_word_on_the_page(
    preset: str, labels: dict[str, str]
) -> None:
    """C12, C13"""
    assert packaged().preset(preset).labels.items() >= labels.items()


def test_the_admin_without_an_owner_above_is_the_owner() -> None:
    """C24"""
    assert packaged().preset("whatsapp").owner_role == "admin"


def test_only_one_product_invites_owners_and_only_through_an_owner() -> None:
    """C2, S4-05"""
    for preset in packaged().presets.values():
        owner = preset.roles[preset.owner_role]
        assert owner.invitable == (preset.id in ("members_invitations", "whatsapp"))
    owner = packaged().preset("members_invitations").roles["owner"]
    assert owner.grant_only_by == {"owner"}


@pytest.mark.parametrize(
    ("preset", "plan", "limit"),
    [
        pytest.param("whatsapp", "free_trial", 1, id="S1-30"),
        pytest.param("whatsapp", "growth", 5, id="S1-31"),
        pytest.param("whatsapp", "scale", 10, id="S1-32"),
        pytest.param("pingback", "free", 0, id="S3-25"),
        pytest.param("pingback", "mini", 2, id="S3-26"),
        pytest.param("pingback", "pro", 5, id="S3-27"),
        pytest.param("pleep", "business", None, id="paid-per-seat"),
        pytest.param("five_role", "standard", None, id="no-limit-stated"),
        pytest.param("members_invitations", "standard", None, id="no-limit-stated-either"),
    ],
)
def test_plans_carry_their_seat_limits(preset: str, plan: str, limit: int | None) -> None:
    assert packaged().preset(preset).plans[plan].seat_limit == limit


def test_a_seat_costs_7800_tenge_or_15_dollars() -> None:
    """S0-32, S0-33"""
    assert packaged().preset("pleep").plans["business"].seat == {"KZT": 780000, "USD": 1500}


def test_the_enterprise_add_on_brings_sso_scim_and_siem_to_any_plan() -> None:
    """S4-22"""
    products = packaged()
    for preset in products.presets.values():
        for plan in preset.plans.values():
            assert products.features(plan, []) == frozenset()
            assert products.features(plan, ["enterprise"]) == {"sso", "scim", "siem"}


def test_an_unknown_add_on_preset_or_plan_is_refused() -> None:
    products = packaged()
    with pytest.raises(InvalidRequest, match="no add-on"):
        products.features(Plan(key="plan"), ["gold"])
    with pytest.raises(InvalidRequest, match="no preset"):
        products.preset("gold")
    with pytest.raises(InvalidRequest, match="no plan"):
        products.preset("pleep").layers_under("gold", {})


def test_custom_roles_choose_from_the_features_of_the_second_product() -> None:
    """S1-16, S1-17, S1-18"""
    toggles = packaged().preset("whatsapp").toggles
    assert toggles["contacts"] == {"read", "write", "delete"}
    assert toggles["campaigns"] == toggles["templates"] == {"read", "write"}


def test_custom_roles_toggle_settings_and_may_only_read_analytics() -> None:
    """S1-19, S1-20"""
    toggles = packaged().preset("whatsapp").toggles
    assert toggles["settings"] == {"read", "write"}
    assert toggles["analytics"] == {"read"}
    assert set(toggles) == {"contacts", "campaigns", "templates", "settings", "analytics"}


def test_the_flag_lets_pingback_admins_invite_and_remove_agents_only() -> None:
    """S3-06, S3-07"""
    plain = world("pingback").role("admin")
    assert not plain.org_atoms & {"members.invite", "members.remove"}
    flagged = world("pingback", admin_manages_agents=True).role("admin")
    assert flagged.org_atoms - plain.org_atoms == {"members.invite", "members.remove"}
    assert flagged.manages == {"agent"}


def test_an_organisation_s_word_beats_the_plan_s_the_preset_s_and_the_global_one() -> None:
    changed = document()
    changed["global_policies"]["invite_ttl_days"] = 6
    changed["presets"]["pleep"]["policies"]["seat_overage"] = "block"
    changed["presets"]["pleep"]["plans"]["business"]["policies"] = {
        "seat_overage": "bill",
        "owners": "multi",
    }
    preset = catalogue(changed).preset("pleep")
    agreed = preset.layers_under("business", {"owners": "single"})
    said = [decided(agreed[name]) for name in ("owners", "seat_overage", "invite_ttl_days")]
    assert said == [(Layer.ORGANISATION, "single"), (Layer.PLAN, "bill"), (Layer.GLOBAL, 6)]
    assert agreed["seat_overage"]["preset"] == "block"
    assert agreed["default_role"] == {"preset": "member"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("owners", "none"),
        ("direct_create", 1),
        ("direct_create", "true"),
        ("invites_when_scim", False),
        ("invite_ttl_days", 0),
        ("invite_ttl_days", 31),
        ("invite_ttl_days", True),
        ("subscription_expired", "none"),
        ("subscription_expired", {"owner_bot_access": "all", "others": "suspended"}),
        ("subscription_expired", {"owner_bot_access": "none"}),
        ("colour", "blue"),
    ],
)
def test_a_policy_with_an_impossible_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=r"cannot be|no policy"):
        check_policies({name: value})


MEMBER = ("presets", "pleep", "roles", "member")


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("sections",), [*SECTIONS, "billing"], "sections: expected exactly"),
        (("colours",), {}, "nothing called 'colours'"),
        (("presets",), [], "presets: expected names with values"),
        (("presets", "pleep", "default_role"), "boss", "pleep.default_role"),
        (("presets", "pleep", "default_role"), None, "pleep.default_role: expected text"),
        ((*MEMBER, "rank"), "10", "roles.member.rank: expected a whole number"),
        ((*MEMBER, "rank"), True, "roles.member.rank: expected a whole number"),
        ((*MEMBER, "rank"), 100, "member.rank: not below the owner's"),
        ((*MEMBER, "narrowable"), 1, "roles.member.narrowable: expected true or false"),
        ((*MEMBER, "org"), ["org.read"], "member.org: every role carries"),
        ((*MEMBER, "org"), ["org.fly"], "member: There is no organisation permission"),
        ((*MEMBER, "bot"), ["fly"], "member: There is no chatbot permission"),
        ((*MEMBER, "manages"), ["boss"], "member: there is no role 'boss'"),
        ((*MEMBER, "colour"), "blue", "nothing called 'colour'"),
        ((*MEMBER, "is_owner_role"), True, "exactly one is the owner's, not 2"),
        ((*MEMBER, "record_scope"), {"contacts": "some"}, "record_scope.contacts"),
        ((*MEMBER, "when"), {"colour": {"org": []}}, "no policy 'colour'"),
        ((*MEMBER, "when"), {"owners": {"org": ["fly"]}}, "when.owners"),
        (("presets", "pleep", "policies", "owners"), "two", "pleep.policies: Policy owners"),
        (("presets", "pleep", "plans", "business", "seat_limit"), -1, "seat_limit"),
        (("presets", "pleep", "plans", "business", "seat"), {"KZT": 1}, "same currencies"),
        (("presets", "pleep", "plans", "business", "included_seats"), 0.5, "integers"),
        (("presets", "pleep", "plans", "business", "charge"), "later", "charge: expected"),
        (("presets", "whatsapp", "plans", "growth"), {"charge": "prorated"}, "nothing to prorate"),
        (
            ("presets", "whatsapp", "plans", "business"),
            {"base": {"USD": 1}, "seat": {"USD": 1}, "charge": "prorated"},
            "whatsapp.plans.business.charge: another preset",
        ),
        (("presets", "pleep", "custom_roles"), {"toggles": {"org": ["fly"]}}, "org.fly"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_that_is_wrong(
    path: tuple[str, ...], value: object, place: str
) -> None:
    changed = copy.deepcopy(document())
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(PresetError, match=place):
        catalogue(changed)


def test_a_plan_prorates_only_where_its_file_says_so() -> None:
    """C23"""
    assert packaged().prorated == {}
    changed = document()
    changed["presets"]["pleep"]["plans"]["business"]["charge"] = "prorated"
    assert list(catalogue(changed).prorated) == ["business"]


def test_the_owners_hold_everything_but_what_the_product_denies_them() -> None:
    """S2-12, S3-04"""
    for preset in packaged().presets.values():
        owner = preset.roles[preset.owner_role]
        denied = {"org.transfer"} if preset.id == "pingback" else set()
        assert owner.org_atoms == ORG_ATOMS - denied
        assert set(owner.sections.values()) == {Level.WRITE}
