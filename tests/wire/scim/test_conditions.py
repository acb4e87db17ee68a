"""Versions and conditional requests (RFC 7644 §3.14)."""

import pytest

from tests.wire.scim.conftest import GROUP, IdP, refusal, resource, user

TITLE = {"op": "replace", "path": "title", "value": "Chief"}


def test_a_reader_who_has_the_version_already_gets_304(okta: IdP) -> None:
    made = okta.create_user("ada")
    place, tag = f"/Users/{made['id']}", made["meta"]["version"]
    same = okta.get(place, If_None_Match=tag)
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
    assert okta.get(place, If_None_Match='W/"9"').status_code == 200
    assert okta.get(place, If_None_Match=f'W/"9", {tag}').status_code == 304


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', "*", 'W/"9", W/"1"'])
def test_a_change_of_the_named_version_is_made(okta: IdP, tag: str) -> None:
    made = okta.create_user("ada")
    changed = okta.patch(f"/Users/{made['id']}", TITLE, If_Match=tag)
    assert changed.headers["ETag"] == 'W/"2"'


@pytest.mark.parametrize("tag", ['W/"2"', '"nothing"', 'W/"7", W/"8"'])
def test_a_change_of_another_version_is_412_and_changes_nothing(okta: IdP, tag: str) -> None:
    made = okta.create_user("ada")
    group = okta.create_group("Support")
    place, groups = f"/Users/{made['id']}", f"/Groups/{group['id']}"
    body = {"schemas": [GROUP], "displayName": "x"}
    rename = {"op": "replace", "path": "displayName", "value": "x"}
    for answer in (
        okta.patch(place, TITLE, If_Match=tag),
        okta.send("PUT", place, user("bob"), If_Match=tag),
        okta.send("DELETE", place, If_Match=tag),
        okta.patch(groups, rename, If_Match=tag),
        okta.send("PUT", groups, body, If_Match=tag),
        okta.send("DELETE", groups, If_Match=tag),
        okta.patch(place, TITLE, If_None_Match='W/"1"'),
    ):
        assert refusal(answer) == (412, None)
    assert resource(okta.get(place)) == made
    assert resource(okta.get(groups)) == group


def test_who_is_gone_is_404_whatever_the_condition(okta: IdP) -> None:
    made = okta.create_user("ada")
    okta.send("DELETE", f"/Users/{made['id']}")
    assert refusal(okta.patch(f"/Users/{made['id']}", TITLE, If_Match="*")) == (404, None)


def test_each_change_of_a_groups_members_is_a_new_version(okta: IdP) -> None:
    member = okta.create_user("ada")["id"]
    group = okta.create_group("Support")
    add = {"op": "add", "path": "members", "value": [{"value": member}]}
    assert okta.patch(f"/Groups/{group['id']}", add).headers["ETag"] == 'W/"2"'
    assert okta.get(f"/Groups/{group['id']}").headers["ETag"] == 'W/"2"'
