"""The API's description (OpenAPI 3.1), made from the declarations that enforce it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.api.endpoint import LINK_LENGTH, LINK_NAME, PREFIX, Endpoint
from gateway.api.models import DEFAULT_LIMIT, MAX_LIMIT, PageQuery
from gateway.api.problems import MEDIA_TYPE, STATUSES, WIRE_CODES, Problem
from gateway.domain import errors
from gateway.domain.exports import MEDIA_TYPES
from gateway.domain.permissions import PLATFORM_ATOMS

Schema = dict[str, Any]
TEMPLATE = "#/components/schemas/{model}"
SECURITY = "key"
INTRODUCTION = (
    "Manages organisations, their identity providers' connections, and who may do what.\n\n"
    "A key of an organisation belongs to a member, and is then worth what that member may do at"
    " the moment, or to the organisation with a role of its own; its scopes only take away. What"
    " another organisation has is answered like what nobody has.\n\n"
    f"Lists are paged: `limit` is {DEFAULT_LIMIT} unless given and at most {MAX_LIMIT}, and"
    " `next_cursor` goes into `cursor` for the next page. A change may carry an"
    " `Idempotency-Key`: its answer is kept for 24 hours, without secrets, and given again to a"
    " retry. Where an answer has an `ETag`, a change of that resource may carry `If-Match`.\n\n"
    "Every refusal is a problem document (RFC 9457) with a stable `code`, and with `levers` that"
    " say what would help. A 403 carries the `decision_id` by which it can be explained."
)


def document(endpoints: Iterable[Endpoint], origin: str) -> bytes:
    """Return the description of these endpoints as JSON."""
    endpoints = list(endpoints)
    schemas = _schemas(endpoints)
    paths: dict[str, Schema] = defaultdict(dict)
    for endpoint in endpoints:
        paths[PREFIX + endpoint.path][endpoint.method.lower()] = _operation(endpoint, schemas)
    paths[f"{PREFIX}/openapi.json"] = {"get": _own_operation()}
    queries = {_name(model) for model in _queries(endpoints)}
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Gateway management API",
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": origin}],
        "security": [{SECURITY: []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in endpoints)],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in schemas if name not in queries},
            "securitySchemes": {
                SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of an organisation (`gwk_…`) or an operator key"
                    " of the installation (`gwo_…`).",
                }
            },
        },
    }
    return json.dumps(described).encode()


def statuses(endpoint: Endpoint) -> dict[int, set[str]]:
    """Return every status that refuses here, with the codes that it may carry."""
    found: dict[int, set[str]] = defaultdict(set)
    for refusal in _refusals(endpoint):
        found[STATUSES[refusal]].add(refusal.code)
    for code in _wire_codes(endpoint):
        found[WIRE_CODES[code][0]].add(code)
    return dict(sorted(found.items()))


def _refusals(endpoint: Endpoint) -> Iterator[type[errors.GatewayError]]:
    yield errors.TokenInvalid
    yield errors.InvalidRequest
    yield from endpoint.errors
    allow = endpoint.allow
    if allow.atom is not None or not allow.anyone:
        yield errors.NotPermitted
    if endpoint.ids:
        yield errors.NotFound
    if allow.atom in PLATFORM_ATOMS or endpoint.on_chatbot:
        yield errors.SubscriptionExpired
    if endpoint.writes:
        yield errors.TryAgain
        yield errors.RateLimited if endpoint.downloads else errors.IdempotencyMismatch
    if endpoint.writes and endpoint.tagged and endpoint.method != "POST":
        yield errors.PreconditionFailed


def _wire_codes(endpoint: Endpoint) -> Iterator[str]:
    yield "internal_error"
    yield "too_large"
    if endpoint.body is not None:
        yield "invalid_request"
        yield "unsupported_media_type"


def _operation(endpoint: Endpoint, schemas: dict[str, Schema]) -> Schema:
    operation: Schema = {
        "operationId": endpoint.operation,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "parameters": list(_parameters(endpoint, schemas)),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": _ref(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.allow.link and not endpoint.allow.person:
        operation["security"] = []
    if endpoint.allow.atom is not None:
        operation["x-permission"] = endpoint.allow.atom
    return operation


def _description(endpoint: Endpoint) -> str:
    allow = endpoint.allow
    who = [f"keys with the permission `{allow.atom}`"] if allow.atom else []
    if allow.anyone:
        who.append("every API key")
    if allow.operator:
        who.append("operator keys")
    if allow.link:
        who.append("whoever has the link" + (" and is signed in" if allow.person else ""))
    plan = " Also once the plan has lost the feature." if allow.beyond_plan else ""
    return f"{endpoint.details}\n\nFor {' and '.join(who)}.{plan}".strip()


def _parameters(endpoint: Endpoint, schemas: dict[str, Schema]) -> Iterator[Schema]:
    for name in endpoint.ids:
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _id_schema(name),
        }
    if endpoint.query is not None:
        yield from _query_parameters(schemas[_name(endpoint.query)])
    if endpoint.pages:
        yield from _query_parameters(schemas[_name(PageQuery)])
    if endpoint.writes and not (endpoint.allow.link or endpoint.downloads):
        yield _header(
            "Idempotency-Key",
            "Names this request; a retry with the same key and body gets the same answer.",
            {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"},
        )
    if endpoint.writes and endpoint.tagged and endpoint.method != "POST":
        tag = {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"}
        yield _header("If-Match", "The `ETag` that the change was decided on.", tag)


def _id_schema(name: str) -> Schema:
    if name == LINK_NAME:
        return {"type": "string", "minLength": LINK_LENGTH, "maxLength": LINK_LENGTH}
    return {"type": "string", "format": "uuid"}


def _query_parameters(schema: Schema) -> Iterator[Schema]:
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        kept = {k: v for k, v in field.items() if k not in ("title", "description", "default")}
        choices = [each for each in kept.pop("anyOf", []) if each.get("type") != "null"]
        parameter = {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": {**kept, **(choices[0] if choices else {})},
        }
        if "description" in field:
            parameter["description"] = field["description"]
        yield parameter


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _responses(endpoint: Endpoint) -> Schema:
    success: Schema = {"description": "Done."}
    if endpoint.answer is not None:
        success["content"] = {"application/json": {"schema": _ref(endpoint.answer)}}
    if endpoint.downloads:
        file: Schema = {"schema": {"type": "string"}}
        success["content"] = {each.partition(";")[0]: file for each in MEDIA_TYPES.values()}
    if endpoint.tagged and endpoint.answer is not None:
        tag = {"description": "Version of the resource.", "schema": {"type": "string"}}
        success["headers"] = {"ETag": tag}
    responses = {str(endpoint.status): success}
    for status, codes in statuses(endpoint).items():
        responses[str(status)] = {
            "description": ", ".join(f"`{code}`" for code in sorted(codes)),
            "content": {MEDIA_TYPE: {"schema": _ref(Problem)}},
        }
    return responses


def _own_operation() -> Schema:
    return {
        "operationId": "openapi",
        "summary": "Read this document.",
        "security": [],
        "responses": {
            "200": {
                "description": "Done.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def _schemas(endpoints: list[Endpoint]) -> dict[str, Schema]:
    taken = {each.body for each in endpoints if each.body} | set(_queries(endpoints))
    given = {each.answer for each in endpoints if each.answer} | {Problem}
    wanted: Any = [
        *((model, "validation") for model in sorted(taken, key=_name)),
        *((model, "serialization") for model in sorted(given, key=_name)),
    ]
    _, found = models_json_schema(wanted, ref_template=TEMPLATE)
    return dict(sorted(found["$defs"].items()))


def _queries(endpoints: Iterable[Endpoint]) -> list[type[BaseModel]]:
    own = {each.query for each in endpoints if each.query}
    return [PageQuery, *sorted(own, key=_name)]


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": TEMPLATE.format(model=_name(model))}


def _name(model: type[BaseModel]) -> str:
    """Return the name that pydantic gives to the model's schema."""
    return model.__name__.replace("[", "_").replace("]", "_")
