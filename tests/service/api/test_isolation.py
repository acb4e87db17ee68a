"""What another organisation has looks, from outside, like what nobody has (S0-01)."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.api import ENDPOINTS
from gateway.api.endpoint import Endpoint
from gateway.storage.unit_of_work import Work
from tests.factories import House
from tests.service.api.callers import Caller
from tests.service.api.examples import Things, body_of, path_of, query_of, things

NOBODYS = UUID("01234567-89ab-7cde-8f01-23456789abcd")
SCOPED = [each for each in ENDPOINTS if each.scoped]
VOLATILE = {"X-Request-Id", "Date"}


def seen(answer: TestResponse, asked: UUID) -> tuple[object, ...]:
    """All of an answer but the id that was asked for; a decision's id spells it out."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k not in VOLATILE)
    body = re.sub(r'"dec_[^"]+"', '"<decision>"', answer.get_data(as_text=True))
    return answer.status_code, headers, body.replace(str(asked), "<id>")


def asked_for(caller: Caller, endpoint: Endpoint, ids: Things, known: Things) -> TestResponse:
    return caller.call(
        endpoint.method,
        path_of(endpoint, ids),
        body_of(endpoint, known),
        query_string=query_of(endpoint, known),
    )


@pytest.fixture
def ours(work: Work, acme: House) -> Things:
    return things(work, acme)


@pytest.fixture
def theirs(work: Work, globex: House) -> Things:
    return things(work, globex)


def test_another_organisation_answers_like_none(owner: Caller, theirs: Things) -> None:
    told = {}
    for endpoint in SCOPED:
        foreign = asked_for(owner, endpoint, theirs, theirs)
        absent = asked_for(owner, endpoint, {**theirs, "organisation": NOBODYS}, theirs)
        if differs(foreign, theirs["organisation"], absent) or foreign.status_code != 404:
            told[endpoint.operation] = (foreign.data, absent.data)
    assert told == {}


def test_a_foreign_thing_in_the_path_answers_like_none(
    operator: Caller, owner: Caller, ours: Things, theirs: Things
) -> None:
    told = {}
    for endpoint, name in [(each, name) for each in SCOPED for name in each.ids[1:]]:
        caller = owner if endpoint.allow.atom else operator
        foreign = asked_for(caller, endpoint, {**ours, name: theirs[name]}, ours)
        absent = asked_for(caller, endpoint, {**ours, name: NOBODYS}, ours)
        if differs(foreign, theirs[name], absent) or foreign.status_code != 404:
            told[endpoint.operation, name] = (foreign.data, absent.data)
    assert told == {}


def test_a_foreign_thing_in_what_is_sent_answers_like_none(
    owner: Caller, ours: Things, theirs: Things
) -> None:
    told = {}
    asked = list(named_in_what_is_sent(ours))
    for endpoint, name in asked:
        foreign = asked_for(owner, endpoint, ours, {**ours, name: theirs[name]})
        absent = asked_for(owner, endpoint, ours, {**ours, name: NOBODYS})
        if differs(foreign, theirs[name], absent) or foreign.status_code >= 500:
            told[endpoint.operation, name] = (foreign.data, absent.data)
    assert told == {}
    assert len(asked) >= 18


def named_in_what_is_sent(known: Things) -> Iterator[tuple[Endpoint, str]]:
    """Every field of a body or query that names a thing."""
    names = {str(thing): name for name, thing in known.items()}
    for endpoint in SCOPED:
        said = {**(body_of(endpoint, known) or {}), **query_of(endpoint, known)}
        for value in said.values():
            if isinstance(value, str) and value in names:
                yield endpoint, names[value]


def test_a_list_shows_nothing_of_another_organisation(
    owner: Caller, ours: Things, theirs: Things
) -> None:
    for endpoint in SCOPED:
        if endpoint.method == "GET" and len(endpoint.ids) == 1:
            text = owner.get(path_of(endpoint, ours)).get_data(as_text=True)
            found = [name for name, thing in theirs.items() if str(thing) in text]
            assert found == [], endpoint.operation


def differs(foreign: TestResponse, asked: UUID, absent: TestResponse) -> bool:
    return seen(foreign, asked) != seen(absent, NOBODYS)
