"""Whatever is sent, the API answers as its document says: no defect, no undeclared answer."""

import re
from collections.abc import Iterator
from typing import Any

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
from gateway.storage.unit_of_work import Work
from tests.factories import House
from tests.service.api.callers import Caller, with_role
from tests.service.api.examples import Things, things

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 8
"""Requests to each operation; some ten seconds in all."""

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


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ["owner", "admin", "developer", "billing", "viewer", "nobody"])
def test_no_role_finds_a_defect_or_anything_of_another_house(
    gateway: Gateway, work: Work, acme: House, globex: House, role: str
) -> None:
    """Each operation is asked about things of either house; whatever is told is of one's own."""
    ours = things(work, acme)
    # A link opens what it is for to whoever has it; only ours is known here.
    theirs = {**things(work, globex), "link": ours["link"]}
    key = Caller(gateway, None) if role == "nobody" else with_role(gateway, acme, role)
    headers = {"Authorization": f"Bearer {key.secret}"} if key.secret else {}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway)
    seen: set[int] = set()
    for operation in operations(schema):

        @BRIEFLY
        @given(case=requests_to(operation), known=st.sampled_from([ours, theirs]))
        def ask(case: Any, known: Things) -> None:
            if case.path_parameters:
                case.path_parameters = {name: str(known[name]) for name in case.path_parameters}
            answer = case.call_and_validate(headers=headers, checks=CHECKS)
            seen.add(answer.status_code)
            assert MARK.search(answer.text) is None, answer.text

        ask()
    assert seen >= ({401} if role == "nobody" else {200, 403, 404})


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
            key=lambda each: each.definition.raw["operationId"].rpartition(".")[2] in ending,
        )
    )
