"""The API as a Flask blueprint: each endpoint a route, each refusal a problem document."""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from gateway.api import problems
from gateway.api.by_link import LinkDispatcher
from gateway.api.callers import Callers
from gateway.api.calls import Answer, Dispatcher
from gateway.api.downloads import Downloads
from gateway.api.endpoint import LINK_LENGTH, LINK_NAME, PREFIX, Endpoint
from gateway.api.openapi import document
from gateway.api.problems import Refusal, Unreadable
from gateway.domain.errors import GatewayError, NotFound
from gateway.logs import logger
from gateway.services.exports import Download
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

DOCUMENT = "/openapi.json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_log = logger("api")


def mount(endpoints: Iterable[Endpoint], work: Work, settings: Settings, uses: Uses) -> Blueprint:
    """Return the blueprint that answers these endpoints, their document, and nothing else."""
    endpoints = list(endpoints)
    readers = {each.path: each for each in endpoints if each.tagged and not each.writes}
    callers = Callers(work, settings, uses)
    downloads = Downloads(max(1, settings.request_threads // 2))
    dispatcher = Dispatcher(work, settings, callers, readers, downloads)
    links = LinkDispatcher(work, settings, callers)
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    for endpoint in endpoints:
        blueprint.add_url_rule(
            _rule(endpoint.path),
            endpoint=endpoint.operation.replace(".", "_"),
            view_func=_view(links if endpoint.allow.link else dispatcher, endpoint),
            methods=[endpoint.method],
            provide_automatic_options=False,
        )
    _add_document(blueprint, endpoints, settings)
    _add_rest(blueprint, endpoints)
    return blueprint


def _view(dispatcher: Dispatcher | LinkDispatcher, endpoint: Endpoint) -> Any:
    def view(**ids: UUID) -> Response:
        try:
            return _answered(dispatcher.answer(endpoint, request, ids))
        except GatewayError as error:
            return _sent(problems.refused(error))
        except Unreadable as wrong:
            return _sent(problems.unreadable(wrong))
        except Exception as bug:
            _log.error("unexpected", operation=endpoint.operation, exc_info=bug)
            return _sent(problems.broken())

    return view


def _answered(answer: Answer) -> Response:
    if answer.download is not None:
        return _file(answer.download)
    headers = {"ETag": answer.etag} if answer.etag else {}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return _response(answer.status, answer.body, "application/json", headers)


def _file(download: Download) -> Response:
    response = Response(download.chunks, content_type=download.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{download.filename}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _sent(refusal: Refusal) -> Response:
    return _response(refusal.status, refusal.body, problems.MEDIA_TYPE, refusal.headers)


def _response(status: int, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    response = Response(body, status=status, content_type=media_type)
    if not body:
        del response.headers["Content-Type"]
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers)
    return response


def _rule(path: str) -> str:
    path = path.replace(f"{{{LINK_NAME}}}", f"<string(length={LINK_LENGTH}):{LINK_NAME}>")
    return path.replace("{", "<uuid:").replace("}", ">")


def _add_document(blueprint: Blueprint, endpoints: list[Endpoint], settings: Settings) -> None:
    described = cache(partial(document, endpoints, settings.origin))

    @blueprint.get(DOCUMENT, provide_automatic_options=False)
    def openapi() -> Response:
        """Describe the API, to everybody."""
        return _response(200, described(), "application/json", {})


def _add_rest(blueprint: Blueprint, endpoints: list[Endpoint]) -> None:
    """Answer every other path or method below the prefix in the API's own form."""
    allowed: dict[str, list[str]] = {_rule(DOCUMENT): ["GET"]}
    for endpoint in endpoints:
        allowed.setdefault(_rule(endpoint.path), []).append(endpoint.method)
    for number, (rule, known) in enumerate(allowed.items()):
        blueprint.add_url_rule(
            rule,
            endpoint=f"other_methods_{number}",
            view_func=_other_methods(known),
            methods=[name for name in METHODS if name not in {*known, *_heads(known)}],
            provide_automatic_options=False,
        )

    def absent(rest: str = "") -> Response:  # noqa: ARG001 - Flask names it
        return _sent(problems.refused(NotFound("There is no such path.")))

    for rule in ("/", "/<path:rest>"):
        blueprint.add_url_rule(
            rule,
            endpoint=f"absent_{len(rule)}",
            view_func=absent,
            methods=METHODS,
            provide_automatic_options=False,
        )


def _other_methods(known: list[str]) -> Any:
    allow = ", ".join(sorted({*known, *_heads(known)}))
    message = f"This path knows {allow} only."
    wrong = Unreadable(405, "method_not_allowed", message, headers={"Allow": allow})

    def other_methods(**_ids: UUID) -> Response:
        return _sent(problems.unreadable(wrong))

    return other_methods


def _heads(known: list[str]) -> set[str]:
    return {"HEAD"} if "GET" in known else set()
