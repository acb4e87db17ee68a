"""What one request may ask: beyond it, it is refused in SCIM's form and nothing is kept."""

from typing import Any
from urllib.parse import quote

import pytest

from gateway.scim import limits
from gateway.scim.limits import MAX_DEPTH, MAX_KEY, MAX_MEMBERS, MAX_TERMS, MAX_VALUES, MAX_WALKS
from tests.wire.scim.conftest import GROUP, IdP, refusal, resource, user


def addresses(count: int) -> list[dict[str, str]]:
    return [{"value": f"ada{number}@acme.test"} for number in range(count)]


def test_an_attribute_has_only_so_many_values_however_they_come(okta: IdP) -> None:
    too_many = okta.send("POST", "/Users", user("ada", emails=addresses(MAX_VALUES + 1)))
    assert refusal(too_many) == (400, "invalidValue")
    made = okta.create_user("ada", emails=addresses(MAX_VALUES))
    one_more = {"op": "add", "path": "emails", "value": [{"value": "one@acme.test"}]}
    assert refusal(okta.patch(f"/Users/{made['id']}", one_more)) == (400, "invalidValue")
    assert len(resource(okta.get(f"/Users/{made['id']}"))["emails"]) == MAX_VALUES


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/Users", user("ñ" * (MAX_KEY // 2 + 1))),
        ("/Users", user("ada", externalId="x" * (MAX_KEY + 1))),
        ("/Users", user("ada", displayName="x" * (MAX_KEY + 1))),
        ("/Users", user("ada", name={"familyName": "x" * (MAX_KEY + 1)})),
        ("/Users", user("ada", emails=[{"value": "x" * (MAX_KEY + 1)}])),
        ("/Groups", {"schemas": [GROUP], "displayName": "x" * (MAX_KEY + 1)}),
        # Folding makes three letters of this one.
        ("/Groups", {"schemas": [GROUP], "displayName": "\N{LATIN SMALL LIGATURE FFI}" * 350}),
    ],
    ids=["user name", "external id", "shown", "family", "address", "group's name", "folded"],
)
def test_what_resources_are_found_by_fits_into_an_index(
    okta: IdP, path: str, body: dict[str, Any]
) -> None:
    assert refusal(okta.send("POST", path, body)) == (400, "invalidValue")


def test_the_longest_key_is_kept_and_found(okta: IdP) -> None:
    name = "".join(chr(0x4E00 + number) for number in range(MAX_KEY // 3))
    okta.create_user(name, externalId=name, displayName=name, emails=[{"value": name}])
    wanted = quote(f'userName eq "{name}"')
    found = okta.get(f"/Users?filter={wanted}")
    assert resource(found)["totalResults"] == 1


def test_a_resource_does_not_grow_beyond_what_a_body_may_bring(okta: IdP) -> None:
    made = okta.create_user("ada", title="x" * 600_000)
    grown = okta.patch(
        f"/Users/{made['id']}", {"op": "add", "path": "nickName", "value": "x" * 600_000}
    )
    assert refusal(grown) == (413, None)
    assert "nickName" not in resource(okta.get(f"/Users/{made['id']}"))


@pytest.mark.parametrize(
    "term",
    [
        "title pr",
        'title co "x"',
        'emails[type eq "a"]',
        'groups.display co "x"',
        'not (emails[not (type eq "w")])',
    ],
)
def test_the_longest_filter_is_answered_and_a_longer_one_is_not(okta: IdP, term: str) -> None:
    """Neither database refuses what we let pass: SQLite nests a thousand expressions."""
    okta.create_user("ada", title="x")
    longest = " or ".join([term] * MAX_TERMS)
    assert okta.get(f"/Users?filter={quote(longest)}").status_code == 200
    longer = okta.get(f"/Users?filter={quote(longest)} or {quote(term)}")
    assert refusal(longer) == (400, "invalidFilter")


@pytest.mark.parametrize("inner", ["title pr", 'emails[not (type eq "w")]'])
def test_the_deepest_filter_is_answered_and_a_deeper_one_is_not(okta: IdP, inner: str) -> None:
    made = okta.create_user("ada", title="x", emails=addresses(1))
    levels = MAX_DEPTH - (3 if "[" in inner else 1)
    deep = "not (" * levels + inner + ")" * levels
    found = resource(okta.get(f"/Users?filter={quote(deep)}"))["Resources"]
    assert [each["id"] for each in found] == ([] if levels % 2 else [made["id"]])
    assert okta.get(f"/?filter={quote(deep)}").status_code == 200
    assert refusal(okta.get(f"/Users?filter={quote(f'not ({deep})')}")) == (400, "invalidFilter")


def test_a_search_that_takes_too_long_is_ended_and_the_next_one_is_answered(
    okta: IdP, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        okta.create_user(f"user{number}", emails=addresses(5))
    term = 'emails[type pr and value co "y"]'
    everybody = "/Users?filter=" + quote(" or ".join([term] * (MAX_TERMS // 2)))
    with monkeypatch.context() as hurry:
        hurry.setattr(limits, "SEARCH_SECONDS", 0.001)
        assert refusal(okta.get(everybody)) == (400, "tooMany")
        found = okta.get("/Users?count=0&filter=" + quote('userName sw "user"'))
        assert resource(found)["totalResults"] == 60, "an index serves it: no clock runs"
    assert resource(okta.get(everybody))["totalResults"] == 0


def test_a_patch_walks_through_entries_only_so_often(okta: IdP) -> None:
    made = okta.create_user("ada", emails=addresses(3))
    walk = {"op": "replace", "path": 'emails[value eq "ada1@acme.test"].display', "value": "A"}
    path = f"/Users/{made['id']}"
    assert okta.patch(path, *[walk] * MAX_WALKS).status_code == 200
    assert refusal(okta.patch(path, *[walk] * (MAX_WALKS + 1))) == (400, "invalidValue")
    group = okta.create_group("Support", made["id"])
    by_name = {"op": "remove", "path": 'members[display eq "x"]'}
    by_id = {"op": "remove", "path": 'members[value eq "{}"]'.format(made["id"])}
    path = f"/Groups/{group['id']}"
    assert refusal(okta.patch(path, *[by_name] * (MAX_WALKS + 1))) == (400, "invalidValue")
    assert okta.patch(path, *[by_id] * (MAX_WALKS + 1)).status_code == 200


def test_one_request_lists_only_so_many_members(okta: IdP) -> None:
    body = {"schemas": [GROUP], "displayName": "All", "members": [{}] * (MAX_MEMBERS + 1)}
    assert refusal(okta.send("POST", "/Groups", body)) == (400, "invalidValue")
