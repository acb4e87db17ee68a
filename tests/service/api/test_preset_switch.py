"""Taking over another preset over HTTP: what the preview says is what applying does."""

from typing import Any
from uuid import UUID

import pytest

from gateway.domain.access import resolve
from gateway.services import access, keys, ownership
from gateway.services.rehearsals import Document
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.factories import OPERATOR, provision, provision_group
from tests.service.api.callers import Caller
from tests.service.api.products import Product
from tests.service.api.test_forms import problem
from tests.service.api.test_policies import override

ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def previewed(caller: Caller, preset: str, **wish: Any) -> dict[str, Any]:
    answer = caller.post("preset-switch:preview", {"preset": preset, **wish})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def applied(caller: Caller, preset: str, **wish: Any) -> dict[str, Any]:
    """Preview and apply, and return the preview."""
    seen = previewed(caller, preset, **wish)
    body = {"preset": preset, **wish, "plan_token": seen["plan_token"]}
    answer = caller.post("preset-switch:apply", body)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["preset"] == preset
    return seen


def follow(product: Product, **keys: str | None) -> list[dict[str, Any]]:
    return [{"role_id": product.role(key), "to": to} for key, to in keys.items()]


def roles_of(product: Product) -> dict[str, str | None]:
    """Return name → key of the role."""
    keys = {each["id"]: each["key"] for each in product.boss.get("roles").get_json()["items"]}
    rows = product.boss.get("members").get_json()["items"]
    return {each["display_name"]: keys.get(each["role_id"]) for each in rows}


def stored(product: Product) -> list[Document]:
    """Return everybody's access document, which is what is derived afresh."""

    def read(uow: UnitOfWork) -> list[Document]:
        rows = uow.all(uow.own(t.members).order_by(t.members.c.id))
        facts = access.load(uow, [row.id for row in rows])
        for row in rows:
            assert row.access_document == resolve(facts[row.id]).document()
        return [row.access_document for row in rows]

    return product.gateway.work.run(product.house.organisation_id, OPERATOR, read)


def moves(preview: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return name → role before and after."""
    return {
        who["name"]: (change["from_role"], change["to_role"])
        for change in preview["changes"]
        for who in change["members"]
    }


def test_everybody_gets_what_the_preview_said(five: Product) -> None:
    for role in ("developer", "billing", "viewer", "admin"):
        five.employ(role, role)
    before = stored(five)
    seen = previewed(five.boss, "pleep", roles=follow(five, billing="admin"))
    assert stored(five) == before, "nothing of a preview stays"
    told = {each["key"]: each["to"] for each in seen["roles"]}
    assert told == {
        "owner": "owner",
        "admin": "admin",
        "developer": "member",
        "billing": "admin",
        "viewer": "member",
    }
    assert moves(seen)["billing"] == ("billing", "admin")
    (lost,) = (x for x in seen["changes"] if x["from_role"] == "developer")
    assert "chatbots.create" in lost["losses"]
    assert "broadcasts.write" in lost["gains"]
    applied(five.boss, "pleep", roles=follow(five, billing="admin"))
    assert roles_of(five) == {
        "Olga Here": "owner",
        "Sara Second": "admin",
        "admin": "admin",
        "developer": "member",
        "billing": "admin",
        "viewer": "member",
    }
    stored(five)


def test_everything_that_names_a_role_names_the_one_that_follows(five: Product) -> None:
    house, work = five.house, five.gateway.work
    override(five.boss, invites_when_scim="on")
    wish = {"email": "ivy@people.test", "role_id": five.role("developer")}
    invitation = five.boss.post("invitations", wish).get_json()["id"]
    user = provision(work, house, "ann@here.test")
    group = provision_group(work, house, "Eng", user.id)
    rule = five.boss.post(
        "mapping-rules",
        {
            "connection_id": str(house.connection.id),
            "group_id": str(group.id),
            "kind": "role",
            "role_id": five.role("developer"),
            "priority": 1,
        },
    ).get_json()["id"]
    developer = UUID(five.role("developer"))
    work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: keys.create(uow, "Service", ["org.read"], role_id=developer),
    )
    seen = applied(five.boss, "members_invitations")
    (line,) = (each for each in seen["roles"] if each["key"] == "developer")
    assert (line["to"], line["members"]) == ("member", [str(user.member_id)])
    assert (line["invitations"], line["mapping_rules"]) == ([invitation], [rule])
    member = five.role("member")
    assert five.boss.get(f"invitations/{invitation}").get_json()["role_id"] == member
    assert five.boss.get(f"mapping-rules/{rule}").get_json()["role_id"] == member
    with work.read(house.organisation_id) as uow:
        key = uow.all(uow.own(t.api_keys).where(t.api_keys.c.name == "Service"))[0]
    assert str(key.role_id) == member
    assert five.may(str(user.member_id), "broadcasts.write") == "allowed"


@pytest.mark.requires("POST /organisations/{organisation}/preset-switch:apply")
def test_words_plan_policies_and_toggles_come_with_the_preset(five: Product) -> None:
    override(five.boss, invite_ttl_days=3)
    seen = applied(five.boss, "whatsapp", plan="growth")
    assert seen["plan"] == "growth"
    assert five.boss.get("subscription").get_json()["seat_limit"] == 5
    found = {x["name"]: x for x in five.boss.get("policies").get_json()["policies"]}
    assert (found["owners"]["value"], found["direct_create"]["value"]) == ("multi", True)
    assert (found["invite_ttl_days"]["value"], found["invite_ttl_days"]["source"]) == (
        3,
        "organisation",
    )
    assert five.boss.get("roles/matrix").get_json()["toggles"]["analytics"] == ["read"]
    assert roles_of(five) == {"Olga Here": "admin", "Sara Second": "supervisor"}


def test_nothing_is_applied_without_its_preview_or_after_the_house_moved(five: Product) -> None:
    body = {"preset": "pleep"}
    problem(five.boss.post("preset-switch:apply", body), 428, "precondition_required")
    token = previewed(five.boss, "pleep")["plan_token"]
    other = {"preset": "members_invitations", "plan_token": token}
    problem(five.boss.post("preset-switch:apply", other), 409, "plan_stale")
    five.employ("viewer")
    stale = five.boss.post("preset-switch:apply", {**body, "plan_token": token})
    problem(stale, 409, "plan_stale")
    assert (
        five.boss.get(f"/organisations/{five.house.organisation_id}").get_json()["preset"]
        == "five_role"
    )
    assert roles_of(five)["ann"] == "viewer"


@ON_SQLITE
def test_several_owners_do_not_fit_a_preset_with_one(invited: Product) -> None:
    other = UUID(invited.employ("admin", "adam"))
    house = invited.house.organisation_id
    invited.gateway.work.run(house, OPERATOR, lambda uow: ownership.recover(uow, other))
    seen = previewed(invited.boss, "five_role")
    assert [each["code"] for each in seen["refused"]] == ["policy_conflict"]
    assert seen["plan_token"] is None
    invited.boss.patch(f"members/{other}", {"role_id": invited.role("admin")})
    applied(invited.boss, "five_role")
    assert roles_of(invited)["Olga Here"] == "owner"


@ON_SQLITE
def test_who_has_the_owners_role_without_record_steps_below_a_single_owner(
    invited: Product,
) -> None:
    user = provision(invited.gateway.work, invited.house, "ann@here.test")
    group = provision_group(invited.gateway.work, invited.house, "Owners", user.id)
    rule = {
        "connection_id": str(invited.house.connection.id),
        "group_id": str(group.id),
        "kind": "role",
        "role_id": invited.role("owner"),
        "priority": 1,
    }
    assert invited.boss.post("mapping-rules", rule).status_code == 201
    assert moves(applied(invited.boss, "pleep"))["Ann"] == ("owner", "admin")
    assert roles_of(invited) == {"Olga Here": "owner", "Sara Second": "admin", "Ann": "admin"}


@ON_SQLITE
def test_a_custom_role_stays_where_the_preset_offers_what_it_holds(invited: Product) -> None:
    def make(name: str, *toggles: str) -> dict[str, Any]:
        body = {"name": name, "rank": 5, "toggles": toggles, "sections": {"testing": "read"}}
        made: dict[str, Any] = invited.boss.post("roles", body).get_json()
        return made

    plain, member_reader = make("Tester", "contacts.read"), make("Reader", "members.read")
    seen = applied(invited.boss, "five_role")
    told = {each["key"]: each["to"] for each in seen["roles"]}
    assert (told[plain["key"]], told[member_reader["key"]]) == (None, "viewer")
    assert invited.boss.get(f"roles/{plain['id']}").get_json() == plain
    problem(invited.boss.get(f"roles/{member_reader['id']}"), 404, "not_found")


@ON_SQLITE
@pytest.mark.parametrize(
    ("key", "to"),
    [("viewer", "owner"), ("viewer", "king"), ("viewer", None), ("owner", "owner")],
)
def test_a_role_that_cannot_follow_is_refused(five: Product, key: str, to: str | None) -> None:
    wish = {"preset": "pleep", "roles": follow(five, **{key: to})}
    problem(five.boss.post("preset-switch:preview", wish), 422, "invalid_request")


@ON_SQLITE
@pytest.mark.parametrize("wish", [{"preset": "king"}, {"preset": "pleep", "plan": "gold"}])
def test_what_the_catalogue_lacks_is_refused(five: Product, wish: dict[str, str]) -> None:
    problem(five.boss.post("preset-switch:preview", wish), 422, "invalid_request")


@ON_SQLITE
def test_an_admin_looks_and_an_owner_decides(five: Product) -> None:
    admin = five.caller(five.employ("admin", "adam"))
    token = previewed(admin, "pleep")["plan_token"]
    body = {"preset": "pleep", "plan_token": token}
    problem(admin.post("preset-switch:apply", body), 403, "not_permitted")
    assert five.boss.post("preset-switch:apply", body).status_code == 200


@ON_SQLITE
def test_one_event_tells_of_all_and_a_mail_those_whose_powers_changed(five: Product) -> None:
    five.employ("developer", "dev")
    developer = five.role("developer")
    applied(five.boss, "pleep")
    query = {"action": "organisation.preset_switched"}
    (told,) = five.boss.get("audit", query_string=query).get_json()["items"]
    assert told["before"] == {"preset": "five_role"}
    assert told["after"]["roles"]["developer"] == "member"
    assert told["after"]["role_ids"][str(developer)] == str(five.role("member"))
    assert set(told["after"]["members"]) >= {"developer > member"}
    with five.gateway.work.read(five.house.organisation_id) as uow:
        o = t.outbox.c
        mails = uow.all(uow.own(t.outbox).where(o.type == "member.role_changed"))
    assert len(mails) >= 1


@ON_SQLITE
def test_the_presets_own_newest_roles_are_taken_over_by_the_same_way(five: Product) -> None:
    five.employ("viewer")
    seen = applied(five.boss, "five_role")
    assert (seen["changes"], seen["plan"]) == ([], "standard")
    assert roles_of(five)["ann"] == "viewer"
