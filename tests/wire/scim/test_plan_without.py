"""A plan that has lost SCIM: the provider takes away as before, and gives nothing any more."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.services import members, organisations, ownership
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR
from tests.wire.scim.conftest import GROUP, IdP, refusal, resource, user
from tests.wire.scim.test_bulk import bulk, outcomes, post_user


@pytest.fixture
def ada(okta: IdP) -> str:
    """The id of an active user, who is in no group."""
    return str(okta.create_user("ada@acme.test", externalId="E1")["id"])


@pytest.fixture
def bob(okta: IdP) -> str:
    """The id of an active user in the group `Support`."""
    return str(okta.create_user("bob@acme.test")["id"])


@pytest.fixture
def gone(okta: IdP) -> str:
    """The id of an inactive user."""
    made = okta.create_user("gone@acme.test", externalId="E9")
    say_active(okta, made["id"], False)
    return str(made["id"])


@pytest.fixture
def support(okta: IdP, bob: str) -> str:
    """The id of a group with Bob in it."""
    return str(okta.create_group("Support", bob)["id"])


def set_add_ons(work: Work, idp: IdP, *add_ons: str) -> None:
    """Change the subscription's add-ons."""
    work.run(
        idp.house.organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, add_ons=add_ons),
    )


def say_active(idp: IdP, user_id: str, active: bool) -> TestResponse:
    return idp.patch(f"/Users/{user_id}", {"op": "replace", "path": "active", "value": active})


def adds(user_id: str) -> dict[str, Any]:
    return {"op": "add", "path": "members", "value": [{"value": user_id}]}


def removes(user_id: str) -> dict[str, Any]:
    return {"op": "remove", "path": f'members[value eq "{user_id}"]'}


def told(idp: IdP, work: Work) -> tuple[Any, ...]:
    """Everything that a refusal leaves as it was."""

    def read(uow: UnitOfWork) -> tuple[Any, ...]:
        tables = (t.directory_users, t.directory_groups, t.directory_memberships, t.audit_events)
        return tuple(sorted(map(str, uow.all(uow.own(each)))) for each in tables)

    with work.read(idp.house.organisation_id) as uow:
        return read(uow)


def test_what_could_give_anything_is_refused_whole(
    okta: IdP, work: Work, ada: str, bob: str, gone: str, support: str
) -> None:
    set_add_ons(work, okta)
    before = told(okta, work)
    rename = {"op": "replace", "path": "displayName", "value": "Other"}
    answers = {
        "a new user": okta.send("POST", "/Users", user("new@acme.test")),
        "a new user who rests": okta.send("POST", "/Users", user("new@acme.test", active=False)),
        "one who comes back": okta.send("POST", "/Users", user("gone@acme.test", externalId="E9")),
        "an activation": say_active(okta, gone, True),
        "a whole user, active": okta.send("PUT", f"/Users/{gone}", user("gone@acme.test")),
        "a profile": okta.patch(f"/Users/{ada}", rename),
        "another user name": okta.send("PUT", f"/Users/{ada}", user("eve@acme.test")),
        "a new group": okta.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "New"}),
        "a member more": okta.patch(f"/Groups/{support}", adds(ada)),
        "one for another": okta.patch(f"/Groups/{support}", removes(bob), adds(ada)),
        "other members": okta.send(
            "PUT",
            f"/Groups/{support}",
            {"schemas": [GROUP], "displayName": "Support", "members": [{"value": ada}]},
        ),
        "another name": okta.patch(f"/Groups/{support}", rename),
    }
    assert {what: refusal(answer) for what, answer in answers.items()} == dict.fromkeys(
        answers, (403, None)
    )
    assert all("does not include SCIM" in resource(each)["detail"] for each in answers.values())
    assert told(okta, work) == before


def test_what_takes_away_goes_on(
    okta: IdP, work: Work, ada: str, bob: str, gone: str, support: str
) -> None:
    set_add_ons(work, okta)
    assert okta.patch(f"/Groups/{support}", removes(bob)).status_code == 200
    assert okta.members(support) == set()
    rests = okta.send("PUT", f"/Users/{ada}", user("ada@acme.test", active=False, title="Was"))
    assert (rests.status_code, resource(rests)["active"]) == (200, False)
    assert say_active(okta, bob, False).status_code == 200
    assert okta.send("DELETE", f"/Users/{bob}").status_code == 204
    assert okta.send("DELETE", f"/Users/{gone}").status_code == 204
    assert okta.send("DELETE", f"/Groups/{support}").status_code == 204

    def states(uow: UnitOfWork) -> dict[str, str]:
        m = t.members.c
        return {
            row.email: row.state for row in uow.all(uow.own(t.members).where(m.source == "scim"))
        }

    with work.read(okta.house.organisation_id) as uow:
        assert states(uow) == {
            "ada@acme.test": "deactivated",
            "bob@acme.test": "removed",
            "gone@acme.test": "removed",
        }


def test_reading_and_repeating_go_on(
    okta: IdP, work: Work, ada: str, bob: str, support: str
) -> None:
    set_add_ons(work, okta)
    for path in (f"/Users/{ada}", f"/Groups/{support}", '/Users?filter=userName eq "x"', "/Groups"):
        assert okta.get(path).status_code == 200
    assert say_active(okta, ada, True).status_code == 200
    again = okta.patch(
        f"/Groups/{support}",
        {"op": "replace", "value": {"id": support, "displayName": "Support"}},
        adds(bob),
    )
    assert (again.status_code, resource(again)["meta"]["version"]) == (200, 'W/"1"')


def test_a_contained_owner_is_not_let_in_again(okta: IdP, work: Work) -> None:
    made = okta.create_user("owner@acme.test")
    assert refusal(say_active(okta, made["id"], False)) == (400, "mutability")
    set_add_ons(work, okta)
    assert refusal(say_active(okta, made["id"], True)) == (403, None)
    with work.read(okta.house.organisation_id) as uow:
        assert members.get(uow, okta.house.owner_id).contained
    work.run(
        okta.house.organisation_id,
        OPERATOR,
        lambda uow: ownership.recover(uow, okta.house.owner_id),
    )
    assert say_active(okta, made["id"], True).status_code == 200


def test_of_a_bulk_request_the_removals_take_effect(okta: IdP, work: Work, ada: str) -> None:
    set_add_ons(work, okta)
    answers = outcomes(
        bulk(okta, post_user("new@acme.test"), {"method": "DELETE", "path": f"/Users/{ada}"})
    )
    assert [each["status"] for each in answers] == ["403", "204"]


def test_with_the_plan_everything_comes_back_by_the_same_token(
    okta: IdP, work: Work, ada: str
) -> None:
    set_add_ons(work, okta)
    say_active(okta, ada, False)
    assert refusal(say_active(okta, ada, True)) == (403, None)
    set_add_ons(work, okta, "enterprise")
    assert say_active(okta, ada, True).status_code == 200
    assert okta.send("POST", "/Users", user("new@acme.test")).status_code == 201
