"""Reading a request: its body and its query string, or every reason why they cannot be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from gateway.api.endpoint import Endpoint
from gateway.api.models import PageQuery
from gateway.api.paging import Paging
from gateway.api.problems import Trouble, Unreadable

Model = TypeVar("Model", bound=BaseModel)
EMPTY_BODIES = frozenset({b"", b"{}"})
MEDIA_TYPE = "application/json"
MAX_BODY = 1024 * 1024
"""Bytes of the largest body that the API has use for; the installation may allow less."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks for, understood."""

    body: BaseModel | None
    query: BaseModel | None
    page: Paging | None


def wish(endpoint: Endpoint, request: Request, max_body: int) -> Wish:
    """Return what the request asks for.

    :raises Unreadable: with each field that cannot be taken.
    :raises InvalidRequest: a cursor that this list did not give.
    """
    raw = _raw(request, min(max_body, MAX_BODY))
    body = _body(endpoint.body, request, raw)
    given = _parameters(request)
    paging = _query(PageQuery, _take(given, PageQuery)) if endpoint.pages else None
    query = _query(endpoint.query, given) if endpoint.query else None
    if given and query is None:
        raise _wrong([Trouble("query", name, "There is no such parameter.") for name in given])
    filters = query.model_dump() if query else {}
    page = Paging.of(request.path, paging, filters) if paging else None
    return Wish(body, query, page)


def _raw(request: Request, max_body: int) -> bytes:
    request.max_content_length = max_body
    try:
        return request.get_data(cache=True)
    except RequestEntityTooLarge:
        message = f"A body has at most {max_body} bytes."
        raise Unreadable(413, "too_large", message) from None
    except BadRequest:
        raise Unreadable(400, "invalid_request", "The body ended early.") from None


def _body(model: type[Model] | None, request: Request, raw: bytes) -> Model | None:
    if model is None:
        if raw.strip() not in EMPTY_BODIES:
            raise Unreadable(422, "invalid_request", "This request takes no body.")
        return None
    if request.mimetype != MEDIA_TYPE:
        message = f"A body is {MEDIA_TYPE}."
        raise Unreadable(415, "unsupported_media_type", message, headers={"Accept": MEDIA_TYPE})
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _refused(error, "body") from None


def _query(model: type[Model], given: dict[str, str]) -> Model:
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise _refused(error, "query") from None


def _parameters(request: Request) -> dict[str, str]:
    repeated = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if repeated:
        raise _wrong([Trouble("query", name, "Given more than once.") for name in repeated])
    return request.args.to_dict()


def _take(given: dict[str, str], model: type[BaseModel]) -> dict[str, str]:
    return {name: given.pop(name) for name in model.model_fields if name in given}


def _refused(error: ValidationError, place: str) -> Unreadable:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        return Unreadable(400, "invalid_request", f"The body is no JSON: {_reason(found[0])}.")
    return _wrong([Trouble(place, _path(each["loc"]), _reason(each)) for each in found])


def _wrong(troubles: Sequence[Trouble]) -> Unreadable:
    fields = ", ".join(trouble.field or "the body" for trouble in troubles)
    message = f"These cannot be taken: {fields[:300]}."
    return Unreadable(422, "invalid_request", message, tuple(troubles))


def _path(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place))


def _reason(found: Any) -> str:
    return str(found["msg"]).removeprefix("Invalid JSON: ").removeprefix("Value error, ")
