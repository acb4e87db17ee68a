"""Whatever is sent, the API answers as its document says: no defect, no undeclared answer."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import Gateway
from gateway.browser.cookies import Cookies
from gateway.browser.csrf import form_token
from gateway.domain.sessions import Factor
from gateway.services import organisations, session_openings
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, House
from tests.service.api.callers import Caller, with_role
from tests.service.api.examples import Things, things

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 5
"""Requests to each operation; some ten seconds in all."""

Proof = dict[str, dict[str, str]]
"""What shows who asks: headers, and the cookies of a browser."""

FEW = hypothesis.settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    ("kind", "caller"), [("postgresql", "owner"), ("sqlite", "operator")], indirect=["kind"]
)
def test_no_request_finds_a_defect(
    request: pytest.FixtureRequest, gateway: Gateway, work: Work, acme: House, caller: str
) -> None:
    key: Caller = request.getfixturevalue(caller)
    known = {name: str(thing) for name, thing in things(work, acme).items()}
    headers = {"Authorization": f"Bearer {key.secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway)
    seen: set[int] = set()
    for operation in operations(schema):

        @FEW
        @given(case=requests_to(operation), real=st.integers(0, 3))
        def ask(case: Any, real: int) -> None:
            if real and case.path_parameters:
                case.path_parameters = {name: known[name] for name in case.path_parameters}
            answer = case.call_and_validate(headers=headers, checks=CHECKS)
            seen.add(answer.status_code)

        ask()
    assert {200, 404, 422} <= seen


ROLES = ("owner", "admin", "developer", "billing", "viewer")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ["viewer", "nobody"])
def test_no_role_finds_a_defect_or_anything_of_another_house(
    gateway: Gateway, acme: House, globex: House, role: str
) -> None:
    """Each operation is asked about things of either house; whatever is told is of one's own."""
    key = Caller(gateway, None) if role == "nobody" else with_role(gateway, acme, role)
    headers = {"Authorization": f"Bearer {key.secret}"} if key.secret else {}
    seen = ask_everything(gateway, (acme, globex), lambda: {"headers": headers})
    assert seen >= ({401} if role == "nobody" else {200, 403, 404})


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES)
def test_nobody_who_is_signed_in_does_either(
    gateway: Gateway, work: Work, acme: House, globex: House, role: str
) -> None:
    """By a session that was proved a moment ago, which opens more than any key."""
    person_id = somebody(work, acme, role)

    def signed_in() -> Proof:
        """Sign in again, as what was asked before may have ended the session."""
        proved = frozenset({Factor.PASSWORD})
        opened = person_work.run(
            work, lambda here: session_openings.open_by_own(here, person_id, proved)
        )
        name = Cookies.of(gateway.settings).session
        form = {"X-CSRF-Token": form_token(opened.token), "Origin": "http://localhost"}
        return {"cookies": {name: opened.token}, "headers": form}

    assert ask_everything(gateway, (acme, globex), signed_in) >= {200, 201, 403, 404, 422}


def somebody(work: Work, house: House, role: str) -> UUID:
    """Return the account of a member with a role."""

    def verb(uow: UnitOfWork) -> UUID:
        member_id = house.owner_id
        if role != "owner":
            member_id = organisations.add_member(
                uow, email=f"{role}@people.test", display_name=role, role=role
            )
        found: UUID = uow.load(t.members, member_id).person_id
        return found

    return work.run(house.organisation_id, OPERATOR, verb)


def ask_everything(
    gateway: Gateway, houses: tuple[House, House], prove: Callable[[], Proof]
) -> set[int]:
    """Ask each operation about things of either house, and return the statuses of the answers."""
    ours, others = (things(gateway.work, each) for each in houses)
    # A link opens what it is for to whoever has it; only ours is known here.
    theirs = {**others, "link": ours["link"]}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway)
    seen: set[int] = set()
    own: Proof = {}
    for operation in operations(schema):
        own.update(prove())

        @BRIEFLY
        @given(case=requests_to(operation), known=st.sampled_from([ours, theirs]))
        def ask(case: Any, known: Things) -> None:
            if case.path_parameters:
                case.path_parameters = {name: str(known[name]) for name in case.path_parameters}
            case.headers.pop("Authorization", None)  # made up, and it would win over a session
            case.cookies.clear()
            answer = case.call_and_validate(**own, checks=CHECKS)
            seen.add(answer.status_code)
            assert MARK.search(answer.text) is None, answer.text

        ask()
    return seen


MARK = re.compile("globex", re.IGNORECASE)
"""What names, addresses and slugs of the other house have in them."""

BRIEFLY = hypothesis.settings(FEW, max_examples=2)


def requests_to(operation: Any) -> Any:
    """Requests as the document wants them, and requests that break it somewhere."""
    sound = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not operation.body and not operation.query:
        return sound
    return st.one_of(sound, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def operations(schema: Any) -> Iterator[Any]:
    """Every operation of the document, those that end something last."""
    found = [result.ok() for result in schema.get_all_operations()]
    ending = ("delete", "remove", "revoke", "deactivate", "disable")
    return iter(
        sorted(
            found,
            key=lambda each: (
                each.definition.raw["operationId"] == "organisations.delete",
                each.definition.raw["operationId"].rpartition(".")[2] in ending,
            ),
        )
    )
