"""The document says what the routes do, no less and no more."""

import json
import re
from typing import Any

import openapi_spec_validator
import pytest

from gateway.api import ENDPOINTS
from gateway.api.endpoint import PREFIX
from gateway.api.mount import routes
from gateway.api.openapi import document
from tests.service.api.callers import Caller


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document(ENDPOINTS, "https://gateway.test"))
    return found


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_it_is_served_to_everybody_and_valid(stranger: Caller) -> None:
    answer = stranger.get("/openapi.json")
    assert answer.status_code == 200
    served = answer.get_json()
    assert served["openapi"] == "3.1.0"
    openapi_spec_validator.validate(served)


def test_it_lists_every_route_and_no_other(described: dict[str, Any]) -> None:
    routed = {
        (PREFIX + re.sub(r"<(?:uuid|string\(length=43\)):(\w+)>", r"{\1}", rule.rule), method)
        for rule in routes(ENDPOINTS).iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    listed = {
        (path, method.upper()) for path, item in described["paths"].items() for method in item
    }
    assert routed == listed


def test_each_operation_is_named_and_explained(described: dict[str, Any]) -> None:
    operations = [operation for item in described["paths"].values() for operation in item.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["summary"].endswith(".") for each in operations)


def test_each_refusal_is_a_problem_document(described: dict[str, Any]) -> None:
    for item in described["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    (media_type,) = response["content"]
                    assert media_type == "application/problem+json"


def test_each_schema_refuses_what_it_does_not_know(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    loose = [name for name, schema in schemas.items() if schema.get("additionalProperties", True)]
    assert loose == []
