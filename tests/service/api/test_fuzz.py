"""Whatever is sent, the API answers as its document says: no defect, no undeclared answer."""

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
from tests.service.api.callers import Caller
from tests.service.api.examples import things

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 12
"""Requests to each operation; some ten seconds in all."""

FEW = hypothesis.settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("caller", ["owner", "operator"])
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
