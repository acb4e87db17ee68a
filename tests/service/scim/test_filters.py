"""Filters in SQL mean what scim2-models' evaluator means, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import Resource, ResourceType, ScimFilter, ScimPolicy, SearchRequest

from gateway.domain.text import fold
from gateway.scim.models import GroupModel, UserModel, provider
from gateway.scim.pages import Query, find_page
from gateway.scim.storage import DirectoryStorage
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock, CountedIds
from tests.databases import KINDS, Databases
from tests.factories import House, house

USER_TYPE, GROUP_TYPE = provider().resource_types
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
Models = list[Resource[Any]]
WORDS = (
    "ada",
    "Ada",
    "b%",
    "b_",
    "Straße",
    "STRASSE",
    "zoë",
    "50% off",
    "o'hara",
    'q"t',
    "\\x",
    "",
)
POLICY = ScimPolicy(
    comparison_key=lambda binding, value: value if binding.case_exact else fold(value)
)
"""Compares as the product does: exactly where case matters, by `fold` elsewhere."""


def person(number: int, word: str) -> dict[str, Any]:
    """A user with some attributes of each kind, many of them missing."""
    said: dict[str, Any] = {"userName": f"{word or 'empty'}.{number}", "active": number % 3 != 0}
    if number % 2:
        said |= {"title": word, "nickName": word.upper(), "externalId": f"{word}-{number}"}
    if number % 3:
        said["name"] = {"familyName": word, "givenName": "Ada"}
        said["emails"] = [
            {"value": f"{word or 'x'}@work.test", "type": "work", "primary": number % 4 == 0},
            {"value": f"HOME{number}@home.test", "type": "home"},
            {"type": "other"},
        ][: number % 4]
    if number % 5:
        said[ENTERPRISE] = {"employeeNumber": str(number), "manager": {"value": word or "boss"}}
    if number % 4 == 1:
        said["phoneNumbers"] = [{"value": word or "1", "type": "mobile"}, {"value": "+7"}]
        said["profileUrl"] = f"https://profile.test/{word.strip() or 'x'}"
    return said


class Peopled:
    """A directory, and the models of all that is in it."""

    def __init__(self, work: Work, house: House, users: Models, groups: Models) -> None:
        self.work = work
        self.house = house
        self.users = users
        self.groups = groups

    def found(self, kind: str, text: str) -> set[str]:
        """The ids that the SQL of a filter finds."""
        with self.work.read(self.house.organisation_id) as uow:
            query = Query((kind,), count=1000, filter=text)
            page = find_page(uow, self.house.connection, query)
        assert page.total == len(page.rows)
        return {str(row.id) for row in page.rows}


@pytest.fixture(scope="module", params=[pytest.param(kind, id=kind) for kind in KINDS])
def peopled(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Peopled]:
    folder: Path = tmp_path_factory.mktemp("filters")
    with databases.migrated(request.param, folder) as url:
        engines = open_engines(url)
        work = Work(engines, clock=Clock(), new_id=CountedIds())
        yield _peopled(work)
        engines.dispose()


def _peopled(work: Work) -> Peopled:
    acme = house(work)

    def fill(uow: UnitOfWork) -> None:
        storage = DirectoryStorage(uow, acme.connection)
        users = [
            storage.create(USER_TYPE, UserModel.model_validate(person(number, word)))
            for number, word in enumerate((*WORDS, *WORDS, *WORDS))
        ]
        for number, word in enumerate(("Support", "support b", "Zoë", "50%")):
            members = [{"value": each.id} for each in users[number :: number + 2]]
            group = {"displayName": word, "externalId": word, "members": members}
            storage.create(GROUP_TYPE, GroupModel.model_validate(group))

    def everything(uow: UnitOfWork, kind: ResourceType) -> Models:
        model: Any = UserModel if kind is USER_TYPE else GroupModel
        request = SearchRequest[model]()
        return DirectoryStorage(uow, acme.connection).search([kind], request).resources

    work.run(acme.organisation_id, acme.idp, fill)
    with work.read(acme.organisation_id) as uow:
        return Peopled(work, acme, everything(uow, USER_TYPE), everything(uow, GROUP_TYPE))


TEXTS = (
    "userName", "externalId", "title", "nickName", "displayName", "name.familyName",
    "name.givenName", "emails", "emails.value", "emails.type", "phoneNumbers.value", "groups",
    "groups.display", "groups.type", f"{ENTERPRISE}:employeeNumber", f"{ENTERPRISE}:manager.value",
    f"{CORE}:userName", "USERNAME", "id", "meta.resourceType", "meta.version", "schemas",
    "entitlements.value", "addresses.locality",
)  # fmt: skip
ENTRIES = ("emails", "phoneNumbers", "entitlements")
PRESENT = (*TEXTS, "name", "emails", "addresses", "active", "meta", "meta.created", ENTRIES[1])
VALUES = (
    *WORDS, "ada.0", "ADA.1", "work", "home", "@work.test", "Support", "direct", "user", "1", "+7",
    "https://profile.test/ada", 'W/"1"', "boss", CORE, ENTERPRISE, CORE.upper(),
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
TEXT_OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")


def quoted(value: str) -> str:
    """A literal of the filter grammar."""
    return ScimFilter.quote(value)


def comparisons(attributes: tuple[str, ...], ids: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Comparisons of text with text or null."""
    values = st.sampled_from((*VALUES, *ids)).map(quoted) | st.just("null")
    parts = (st.sampled_from(attributes), st.sampled_from(TEXT_OPERATORS), values)
    return st.tuples(*parts).map(" ".join)


def combined(leaves: st.SearchStrategy[str], *, depth: int = 6) -> st.SearchStrategy[str]:
    """Filters of filters."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
                lambda x: f"({' '.join(x)})"
            )
            | inner.map(lambda x: f"not ({x})")
        ),
        max_leaves=depth,
    )


INNER = combined(
    comparisons(("value", "type", "display"))
    | st.sampled_from(("value pr", "primary pr", "primary eq true", "primary ne true", "type pr")),
    depth=3,
)
LEAVES = (
    comparisons(TEXTS)
    | st.sampled_from(PRESENT).map(lambda name: f"{name} pr")
    | st.sampled_from(("active eq true", "active ne true", "active eq false", "active ne null"))
    | st.sampled_from(("gt", "ge", "lt", "le", "eq", "ne", "co")).flatmap(
        lambda op: st.sampled_from(
            ("2026-01-05T12:00:00Z", "2026-01-05T15:00:00+03:00", "2000-01-01T00:00:00Z")
        ).map(lambda at: f'meta.lastModified {op} "{at}"')
    )
    | st.sampled_from(
        ("profileUrl pr", 'profileUrl co "ADA"', 'profileUrl sw "https://profile.test/a"')
    )
    | st.tuples(st.sampled_from(ENTRIES), INNER).map(lambda x: f"{x[0]}[{x[1]}]")
    | st.tuples(st.sampled_from(ENTRIES[:2]), INNER).map(lambda x: f'{x[0]}[{x[1]}].type eq "work"')
)


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(text=combined(LEAVES))
def test_a_filter_on_users_finds_whom_the_evaluator_finds(peopled: Peopled, text: str) -> None:
    evaluator = ScimFilter[UserModel](text)  # type: ignore[valid-type]
    with POLICY:
        expected = {str(each.id) for each in peopled.users if evaluator.match(each)}
    assert peopled.found("User", text) == expected


GROUP_TEXTS = ("displayName", "externalId", "id", "members.type", "meta.version", "schemas")


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(draw=st.data())
def test_a_filter_on_groups_finds_what_the_evaluator_finds(
    peopled: Peopled, draw: st.DataObject
) -> None:
    ids = tuple(str(each.id) for each in (*peopled.users[:5], *peopled.groups[:2]))
    by_member = comparisons(("members", "members.value", "members.display"), ids)
    inner = combined(comparisons(("value", "display", "type"), ids), depth=2)
    leaves = (
        comparisons(GROUP_TEXTS, ids)
        | by_member
        | st.sampled_from(("members pr", "members.value pr", "displayName pr", "externalId pr"))
        | inner.map(lambda x: f"members[{x}]")
    )
    text = draw.draw(combined(leaves, depth=4))
    evaluator = ScimFilter[GroupModel](text)  # type: ignore[valid-type]
    with POLICY:
        expected = {str(each.id) for each in peopled.groups if evaluator.match(each)}
    assert peopled.found("Group", text) == expected
