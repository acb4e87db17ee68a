"""Queries: filter, sort, pages by index and by cursor, and what of a resource is shown."""

from typing import Any
from urllib.parse import quote

import pytest

from gateway.scim import pages
from gateway.services import scim_tokens
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR
from tests.wire.scim.conftest import ENTERPRISE, USER, IdP, issue_token, refusal, resource

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
NAMES = ["Bob", "ada", "Zoë", "carol", "dave"]


@pytest.fixture
def five(okta: IdP) -> list[str]:
    titles = ["b", None, "a", "b", None]
    return [
        okta.create_user(name, title=title)["id"] for name, title in zip(NAMES, titles, strict=True)
    ]


def found(idp: IdP, query: str, path: str = "/Users") -> dict[str, Any]:
    """A ListResponse."""
    answer = idp.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return resource(answer)


def names(body: dict[str, Any]) -> list[str]:
    return [each.get("userName") or each["displayName"] for each in body["Resources"]]


@pytest.mark.usefixtures("five")
def test_a_list_counts_all_and_shows_a_page_in_the_order_of_creation(okta: IdP) -> None:
    first = found(okta, "startIndex=1&count=2")
    assert (first["totalResults"], first["itemsPerPage"], first["startIndex"]) == (5, 2, 1)
    assert names(first) == NAMES[:2]
    assert names(found(okta, "startIndex=4&count=2")) == NAMES[3:]
    assert names(found(okta, "")) == NAMES


@pytest.mark.parametrize("start", range(1, 8))
def test_a_page_begins_where_it_should_from_whichever_end_it_is_reached(
    okta: IdP, five: list[str], start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "DEEP", 1)
    gone = okta.create_user("gone")["id"]
    last = okta.create_user("last")["id"]
    okta.send("DELETE", f"/Users/{gone}")
    everybody = [*five, last]
    for count in (1, 2, 5, 10):
        page = found(okta, f"startIndex={start}&count={count}")
        shown = [each["id"] for each in page["Resources"]]
        assert shown == everybody[start - 1 :][:count]
        assert page["totalResults"] == len(everybody)


@pytest.mark.parametrize(
    ("query", "start", "shown"),
    [
        ("startIndex=0&count=2", 1, 2),
        ("startIndex=-7&count=2", 1, 2),
        ("startIndex=6&count=2", 6, 0),
        ("startIndex=99999999999999999999&count=2", None, 0),
        ("count=0", 1, 0),
        ("count=-1", 1, 0),
        ("count=100000", 1, 5),
    ],
)
@pytest.mark.usefixtures("five")
def test_bounds_of_a_page_that_make_no_sense_are_taken_for_the_nearest_that_do(
    okta: IdP, query: str, start: int | None, shown: int
) -> None:
    page = found(okta, query)
    assert page["totalResults"] == 5
    assert start is None or page["startIndex"] == start
    assert page["itemsPerPage"] == len(page["Resources"]) == shown


@pytest.mark.parametrize("query", ["startIndex=one", "count=1.5", "sortBy=userName&sortOrder=up"])
def test_a_page_that_cannot_be_understood_is_refused(okta: IdP, query: str) -> None:
    assert refusal(okta.get(f"/Users?{query}")) == (400, "invalidValue")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('userName eq "ADA"', ["ada"]),
        ('USERNAME EQ "ZOË"', ["Zoë"]),
        ('userName sw "C" or title eq "A"', ["Zoë", "carol"]),
        ("not (title pr)", ["ada", "dave"]),
        ('title ne "b"', ["ada", "Zoë", "dave"]),
        ('meta.lastModified ge "2000-01-01T00:00:00Z" and active eq true', NAMES),
        (f'{USER}:userName ew "b"', ["Bob"]),
        ('id eq "nobody"', []),
        ('groups.value eq "nobody"', []),
    ],
)
@pytest.mark.usefixtures("five")
def test_a_filter_finds_what_it_says_and_nothing_is_no_error(
    okta: IdP, text: str, expected: list[str]
) -> None:
    page = found(okta, f"filter={quote(text)}")
    assert (names(page), page["totalResults"]) == (expected, len(expected))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        'userName = "ada"',
        'nothing eq "x"',
        'emails.nothing eq "x"',
        "userName eq 5",
        'active gt "true"',
        'active eq "maybe"',
        'name eq "x"',
        'title[value eq "x"]',
        'meta.created gt "yesterday"',
        'meta.location eq "https://gateway.test"',
        "(" * 200 + 'userName eq "a"' + ")" * 200 + " and x",
        "not (" * 40 + 'userName eq "a"' + ")" * 40,
        f'userName eq "{"x" * 8200}"',
        'emails[type eq "work"].value eq "x" and emails[nothing pr]',
        'userName eq "\\ud800"',
    ],
    ids=lambda text: text[:40] or "empty",
)
def test_a_filter_that_is_none_is_refused_and_never_ignored(okta: IdP, text: str) -> None:
    assert refusal(okta.get(f"/Users?filter={quote(text)}")) == (400, "invalidFilter")


@pytest.mark.usefixtures("five")
def test_a_long_filter_within_the_bound_is_answered(okta: IdP) -> None:
    text = " or ".join(['userName eq "ada"'] * 100)
    assert names(found(okta, f"filter={quote(text)}")) == ["ada"]


@pytest.mark.parametrize(
    ("by", "ascending"),
    [
        ("userName", ["ada", "Bob", "carol", "dave", "Zoë"]),
        ("title", ["Zoë", "Bob", "carol", "ada", "dave"]),
        ("meta.created", NAMES),
        ("id", NAMES),
    ],
)
@pytest.mark.usefixtures("five")
def test_sorting_puts_missing_values_last_and_in_reverse_first(
    okta: IdP, by: str, ascending: list[str]
) -> None:
    assert names(found(okta, f"sortBy={by}")) == ascending
    reverse = names(found(okta, f"sortBy={by}&sortOrder=descending"))
    assert reverse == ascending[::-1]


def test_what_has_no_order_cannot_be_sorted_by(okta: IdP) -> None:
    for by in ("password", "nothing", "name", "emails[type pr]", "meta.location"):
        assert refusal(okta.get(f"/Users?sortBy={quote(by)}")) == (400, "invalidPath")


@pytest.mark.parametrize("order", ["", "&sortBy=title", "&sortBy=title&sortOrder=descending"])
@pytest.mark.usefixtures("five")
def test_cursors_walk_through_everything_once_and_back(okta: IdP, order: str) -> None:
    whole = names(found(okta, order.lstrip("&")))
    page = found(okta, f"cursor&count=2{order}")
    assert "startIndex" not in page
    assert "previousCursor" not in page
    pages = [page]
    while "nextCursor" in pages[-1]:
        pages.append(found(okta, f"cursor={pages[-1]['nextCursor']}&count=2{order}"))
    assert [len(each["Resources"]) for each in pages] == [2, 2, 1]
    assert [name for each in pages for name in names(each)] == whole
    back = found(okta, f"cursor={pages[-1]['previousCursor']}&count=2{order}")
    assert names(back) == names(pages[1])


def test_a_cursor_survives_what_is_created_and_deleted_meanwhile(
    okta: IdP, five: list[str]
) -> None:
    first = found(okta, "cursor=&count=2")
    okta.send("DELETE", f"/Users/{five[1]}")
    okta.create_user("late")
    rest = found(okta, f"cursor={first['nextCursor']}&count=2")
    assert names(rest) == NAMES[2:4]


@pytest.mark.usefixtures("five")
def test_a_cursor_opens_for_its_token_query_and_page_size_only(
    okta: IdP, other: IdP, work: Work
) -> None:
    cursor = found(okta, "cursor=&count=2")["nextCursor"]
    rotated = IdP(okta.client, okta.house, issue_token(work, okta.house))
    for idp, query in (
        (okta, "count=2&filter=userName pr"),
        (okta, "count=2&sortBy=userName"),
        (rotated, "count=2"),
        (other, "count=2"),
    ):
        assert refusal(idp.get(f"/Users?cursor={cursor}&{query}")) == (400, "invalidCursor")
    assert refusal(okta.get(f"/Groups?cursor={cursor}&count=2")) == (400, "invalidCursor")
    assert refusal(okta.get(f"/Users?cursor={cursor}&count=3")) == (400, "invalidCount")
    assert refusal(okta.get("/Users?cursor=forged&count=2")) == (400, "invalidCursor")
    assert refusal(okta.get(f"/Users?cursor={cursor}&startIndex=1")) == (400, "invalidValue")


@pytest.mark.usefixtures("five")
def test_a_search_by_post_answers_as_the_query_does(okta: IdP) -> None:
    body = {
        "schemas": [SEARCH],
        "filter": 'title eq "b"',
        "sortBy": "userName",
        "sortOrder": "descending",
        "attributes": ["userName", "title"],
        "startIndex": 1,
        "count": 1,
    }
    searched = resource(okta.send("POST", "/Users/.search", body))
    query = f"filter={quote(str(body['filter']))}&sortBy=userName&sortOrder=descending"
    assert searched == found(okta, f"{query}&attributes=userName,title&startIndex=1&count=1")
    assert names(searched) == ["carol"]


def test_a_search_at_the_root_finds_users_and_groups_together(okta: IdP, five: list[str]) -> None:
    okta.create_group("Support", five[0])
    everything = found(okta, "count=10", path="")
    assert everything["totalResults"] == 6
    assert names(everything)[-1] == "Support"
    text = quote('userName eq "ada" or displayName eq "support"')
    assert names(found(okta, f"filter={text}&sortBy=meta.created", path="/")) == ["ada", "Support"]
    body = {"schemas": [SEARCH], "filter": "members pr", "count": 5}
    searched = resource(okta.send("POST", "/.search", body))
    assert (searched["totalResults"], names(searched)) == (1, ["Support"])
    neither = quote('nothing eq "x"')
    assert refusal(okta.get(f"?filter={neither}")) == (400, "invalidFilter")


def test_only_what_is_asked_for_is_shown_everywhere(okta: IdP) -> None:
    body = {
        "schemas": [USER, ENTERPRISE],
        "userName": "ada",
        "name": {"givenName": "Ada", "familyName": "L"},
        "emails": [{"value": "a@x.test", "type": "work"}, {"type": "home"}],
        ENTERPRISE: {"department": "R&D", "costCenter": "1"},
    }
    wanted = f"attributes=name.givenName,emails.value,{ENTERPRISE}:department,nothing"
    made = resource(okta.send("POST", f"/Users?{wanted}", body))
    expected = {
        "schemas": [USER, ENTERPRISE],
        "id": made["id"],
        "name": {"givenName": "Ada"},
        "emails": [{"value": "a@x.test"}],
        ENTERPRISE: {"department": "R&D"},
    }
    place = f"/Users/{made['id']}?{wanted}"
    assert made == expected
    assert resource(okta.get(place)) == expected
    assert resource(okta.send("PUT", place, body)) == expected
    assert resource(okta.patch(place, {"op": "add", "path": "title", "value": "x"})) == expected
    assert found(okta, wanted)["Resources"] == [expected]
    without = resource(okta.get(f"/Users/{made['id']}?excludedAttributes=meta,id,{ENTERPRISE}"))
    assert without.keys() == {"schemas", "id", "userName", "name", "emails", "title", "active"}
    assert without["schemas"] == [USER]
    both = okta.get("/Users?attributes=userName&excludedAttributes=meta")
    assert refusal(both) == (400, "invalidValue")


def test_members_are_left_out_where_they_are_not_wanted(okta: IdP, five: list[str]) -> None:
    group = okta.create_group("Support", *five)
    place = f"/Groups/{group['id']}"
    assert "members" not in resource(okta.get(f"{place}?excludedAttributes=members"))
    text = quote(f'id eq "{group["id"]}" and members eq "{five[0]}"')
    page = found(okta, f"excludedAttributes=members&filter={text}", path="/Groups")
    assert page["totalResults"] == 1
    assert "members" not in page["Resources"][0]
    values = resource(okta.get(f"{place}?attributes=members.value"))["members"]
    assert [each["value"] for each in values] == sorted(five)


@pytest.mark.usefixtures("five")
def test_a_revoked_token_opens_no_page_any_more(okta: IdP, work: Work) -> None:
    cursor = found(okta, "cursor=&count=2")["nextCursor"]
    organisation, connection = okta.house.organisation_id, okta.house.connection.id
    work.run(organisation, OPERATOR, lambda uow: scim_tokens.revoke_all(uow, connection))
    assert refusal(okta.get(f"/Users?cursor={cursor}&count=2")) == (401, None)
