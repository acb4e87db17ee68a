"""Users over the wire: RFC 7644 §3.3 to §3.6, and what we decided where providers differ."""

import pytest

from gateway.services import organisations, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR
from tests.wire.scim.conftest import ENTERPRISE, USER, IdP, refusal, resource, user


def test_a_created_user_is_answered_whole_with_its_address_and_version(okta: IdP) -> None:
    answer = okta.send("POST", "/Users", user("Ada@acme.test", externalId="E1"))
    made = resource(answer)
    place = f"https://gateway.test{okta.base}/Users/{made['id']}"
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["Location"] == made["meta"]["location"] == place
    assert answer.headers["ETag"] == made["meta"]["version"] == 'W/"1"'
    assert made["userName"] == "Ada@acme.test"
    assert made["meta"]["created"] == made["meta"]["lastModified"]
    assert resource(okta.get(f"/Users/{made['id']}")) == made


def test_active_is_true_where_nobody_says_otherwise_and_stays_in_a_put_without_it(
    okta: IdP,
) -> None:
    made = resource(okta.send("POST", "/Users", {"schemas": [USER], "userName": "ada"}))
    assert made["active"] is True
    okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    put = okta.send("PUT", f"/Users/{made['id']}", {"schemas": [USER], "userName": "ada"})
    assert resource(put)["active"] is False


def test_a_put_clears_what_it_does_not_say(okta: IdP) -> None:
    made = okta.create_user("ada", title="Boss", nickName="A", **{ENTERPRISE: {"department": "X"}})
    put = resource(okta.send("PUT", f"/Users/{made['id']}", user("ada", nickName="B")))
    assert "title" not in put
    assert ENTERPRISE not in put
    assert put["schemas"] == [USER]
    assert put["nickName"] == "B"


def test_password_is_taken_and_never_shown_or_asked_for(okta: IdP) -> None:
    made = okta.create_user("ada", password="T0p-secret")
    assert "password" not in made
    changed = okta.patch(
        f"/Users/{made['id']}", {"op": "replace", "path": "password", "value": "x"}
    )
    assert changed.status_code == 200
    assert "password" not in resource(changed)
    assert resource(changed)["meta"]["version"] == 'W/"1"'
    for text in ('password eq "T0p-secret"', 'userName eq "a" or password pr'):
        assert refusal(okta.get(f"/Users?filter={text}")) == (403, None)


@pytest.mark.parametrize("manager", ["m-1", ["m-1"], {"value": "m-1"}, [{"value": "m-1"}]])
def test_a_manager_is_understood_in_every_shape(okta: IdP, manager: object) -> None:
    made = okta.create_user("ada", **{ENTERPRISE: {"manager": manager}})
    assert made[ENTERPRISE]["manager"] == {"value": "m-1"}
    found = resource(okta.get(f'/Users?filter=id eq "{made["id"]}" and manager eq "m-1"'))
    assert found["totalResults"] == 1


@pytest.mark.parametrize("address", ["someone@corp.local", "x@y.test", "not an address", ""])
def test_an_address_is_kept_as_sent_whether_or_not_mail_could_reach_it(
    okta: IdP, address: str
) -> None:
    made = okta.create_user("ada", emails=[{"value": address, "type": "work"}])
    assert made["emails"] == [{"value": address, "type": "work"} if address else {"type": "work"}]


def test_nulls_and_empty_texts_are_no_values(okta: IdP) -> None:
    made = okta.create_user("ada", title=None, nickName="", roles=[], phoneNumbers=None, groups=[])
    assert made.keys() == {"schemas", "id", "userName", "active", "meta"}
    okta.patch(f"/Users/{made['id']}", {"op": "add", "path": "title", "value": "Boss"})
    cleared = okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "title", "value": ""})
    assert "title" not in resource(cleared)


def test_roles_entitlements_and_user_type_are_kept_as_words(okta: IdP) -> None:
    made = okta.create_user(
        "ada", roles=[{"value": "owner"}], entitlements=[{"value": "all"}], userType="admin"
    )
    assert made["roles"] == [{"value": "owner"}]
    assert made["entitlements"] == [{"value": "all"}]
    assert made["userType"] == "admin"


def test_user_names_are_unique_in_any_letter_case_and_external_ids_exactly(okta: IdP) -> None:
    made = okta.create_user("Straße@acme.test", externalId="Ext-1")
    taken = okta.send("POST", "/Users", user("STRASSE@ACME.TEST"))
    assert refusal(taken) == (409, "uniqueness")
    assert made["id"] in resource(taken)["detail"]
    assert refusal(okta.send("POST", "/Users", user("other", externalId="Ext-1")))[0] == 409
    okta.create_user("third", externalId="EXT-1")
    found = resource(okta.get('/Users?filter=externalId eq "ext-1"'))
    assert found["totalResults"] == 0


def test_a_rename_into_a_taken_name_is_refused_and_changes_nothing(okta: IdP) -> None:
    okta.create_user("ada")
    other = okta.create_user("bob")
    renamed = okta.patch(
        f"/Users/{other['id']}", {"op": "replace", "path": "userName", "value": "ADA"}
    )
    assert refusal(renamed) == (409, "uniqueness")
    assert resource(okta.get(f"/Users/{other['id']}")) == other


def test_a_deleted_user_is_gone_for_ever_and_its_name_is_free(okta: IdP) -> None:
    made = okta.create_user("ada")
    assert okta.send("DELETE", f"/Users/{made['id']}").status_code == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = user("ada") if method == "PUT" else None
        if method == "PATCH":
            body = {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "add", "path": "title", "value": "x"}],
            }
        assert refusal(okta.send(method, f"/Users/{made['id']}", body)) == (404, None)
    assert okta.create_user("ada")["id"] != made["id"]


def test_a_post_that_matches_an_inactive_user_restores_it_in_place(okta: IdP) -> None:
    made = okta.create_user("ada", externalId="E1")
    group = okta.create_group("Support", made["id"])
    okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    back = okta.send("POST", "/Users", user("ada2", externalId="E1"))
    assert back.status_code == 201
    assert resource(back)["id"] == made["id"]
    assert resource(back)["active"] is True
    assert [each["value"] for each in resource(back)["groups"]] == [group["id"]]


def test_groups_of_a_user_are_derived_and_a_put_never_touches_them(okta: IdP) -> None:
    made = okta.create_user("ada")
    group = okta.create_group("Support", made["id"])
    put = okta.send("PUT", f"/Users/{made['id']}", user("ada", title="x", groups=[]))
    shown = {
        "value": group["id"],
        "$ref": f"https://gateway.test{okta.base}/Groups/{group['id']}",
        "display": "Support",
        "type": "direct",
    }
    assert resource(put)["groups"] == [shown]
    explicit = okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "groups", "value": []})
    assert refusal(explicit) == (400, "mutability")


def test_a_change_that_changes_nothing_keeps_version_and_time(okta: IdP) -> None:
    made = okta.create_user("ada", title="Boss")
    place = f"/Users/{made['id']}"
    same = okta.patch(place, {"op": "replace", "path": "title", "value": "Boss"})
    assert resource(same)["meta"] == made["meta"]
    assert resource(okta.send("PUT", place, made))["meta"] == made["meta"]
    changed = okta.patch(place, {"op": "replace", "path": "title", "value": "Chief"})
    assert resource(changed)["meta"]["version"] == 'W/"2"'


def test_a_replace_that_matches_no_entry_makes_the_entry_its_filter_describes(okta: IdP) -> None:
    place = f"/Users/{okta.create_user('ada')['id']}"
    made = okta.patch(
        place, {"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@acme.test"}
    )
    assert resource(made)["emails"] == [{"value": "a@acme.test", "type": "work"}]
    vague = {"op": "replace", "path": 'emails[value co "zzz"].type', "value": "home"}
    assert refusal(okta.patch(place, vague)) == (400, "noTarget")


def test_operations_of_one_patch_are_applied_together_or_not_at_all(okta: IdP) -> None:
    made = okta.create_user("ada")
    place = f"/Users/{made['id']}"
    both = okta.patch(
        place,
        {"op": "add", "path": "title", "value": "x"},
        {"op": "remove", "path": "userName"},
    )
    assert refusal(both) == (400, "mutability")
    assert resource(okta.get(place)) == made


def test_a_value_marked_primary_unmarks_the_others(okta: IdP) -> None:
    made = okta.create_user("ada", emails=[{"value": "a@x.test", "primary": True}])
    added = okta.patch(
        f"/Users/{made['id']}",
        {"op": "add", "path": "emails", "value": [{"value": "b@x.test", "primary": True}]},
    )
    assert [each.get("primary") for each in resource(added)["emails"]] == [False, True]


def test_no_seat_is_403_with_the_numbers(okta: IdP, work: Work) -> None:
    def fill(uow: UnitOfWork) -> None:
        terms.override(uow, {"seat_overage": "block"})
        organisations.change_subscription(uow, seat_limit=2)

    work.run(okta.house.organisation_id, OPERATOR, fill)
    refused = okta.send("POST", "/Users", user("ada"))
    assert refusal(refused) == (403, None)
    assert "2 seats" in resource(refused)["detail"]
    assert resource(okta.get("/Users"))["totalResults"] == 0


def test_the_last_owner_is_not_deactivated_but_contained(okta: IdP, work: Work) -> None:
    """S5: refused with `mutability`, the resource unchanged, and the trace committed."""
    made = okta.create_user("owner@acme.test", emails=[{"value": "owner@acme.test"}])
    for attempt in (
        okta.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False}),
        okta.send("PUT", f"/Users/{made['id']}", user("owner@acme.test", active=False)),
        okta.send("DELETE", f"/Users/{made['id']}"),
    ):
        assert refusal(attempt) == (400, "mutability")
    assert resource(okta.get(f"/Users/{made['id']}"))["active"] is True
    with work.read(okta.house.organisation_id) as uow:
        assert uow.load(t.members, okta.house.owner_id).contained


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_a_text_that_no_database_holds_is_refused(okta: IdP, text: str) -> None:
    assert refusal(okta.send("POST", "/Users", user(text))) == (400, "invalidValue")
    assert refusal(okta.get('/Users?filter=title eq "\\u0000"')) == (400, "invalidFilter")


def test_unicode_comes_back_as_it_was_sent(okta: IdP) -> None:
    made = okta.create_user("zoë@acme.test", displayName='"Ё" \\ \u2028 🙂 \x7f')
    group = okta.create_group('Ünïts "of" \\ work 🙂', made["id"])
    shown = resource(okta.get(f"/Users/{made['id']}"))
    assert shown["displayName"] == made["displayName"] == '"Ё" \\ \u2028 🙂 \x7f'
    assert shown["groups"][0]["display"] == group["displayName"] == 'Ünïts "of" \\ work 🙂'
    named = resource(okta.get(f"/Groups/{group['id']}?attributes=members.display"))
    assert named["members"] == [{"display": made["displayName"]}]
