"""The API as a Flask blueprint: each endpoint has its path, each refusal is a problem document."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound as AbsentPath
from werkzeug.routing import Map, MapAdapter, RequestRedirect, Rule

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


@lru_cache(maxsize=2)
def routes(endpoints: tuple[Endpoint, ...]) -> Map:
    """Return which endpoint answers at a path below the prefix; None stands for their document.

    Made once in a process, however many applications it builds: hundreds of routes take a while.
    """
    declared = [Rule(_rule(each.path), methods=[each.method], endpoint=each) for each in endpoints]
    return Map([*declared, Rule(DOCUMENT, methods=["GET"], endpoint=None)])


def mount(endpoints: tuple[Endpoint, ...], work: Work, settings: Settings, uses: Uses) -> Blueprint:
    """Return the blueprint that answers these endpoints, their document, and nothing else."""
    readers = {each.path: each for each in endpoints if each.tagged and not each.writes}
    callers = Callers(work, settings, uses)
    downloads = Downloads(max(1, settings.request_threads // 2))
    desk = Desk(
        routes(endpoints).bind(""),
        Dispatcher(work, settings, callers, readers, downloads),
        LinkDispatcher(work, settings, callers),
        cache(partial(document, endpoints, settings.origin)),
    )
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    for number, rule in enumerate(("/", "/<path:rest>")):
        blueprint.add_url_rule(
            rule,
            endpoint=f"any_{number}",
            view_func=desk.answer,
            methods=METHODS,
            provide_automatic_options=False,
        )
    return blueprint


@dataclass(frozen=True)
class Desk:
    """Takes every request below the prefix to the endpoint that answers it."""

    routes: MapAdapter
    dispatcher: Dispatcher
    links: LinkDispatcher
    described: Callable[[], bytes]

    def answer(self, rest: str = "") -> Response:
        """Answer the request at hand; what no endpoint answers is a problem document too."""
        try:
            endpoint, ids = self.routes.match(f"/{rest}", request.method)
        except MethodNotAllowed as wrong:
            return _sent(problems.unreadable(_other_method(wrong.valid_methods or ())))
        except (AbsentPath, RequestRedirect):
            return _sent(problems.refused(NotFound("There is no such path.")))
        if endpoint is None:
            return _response(200, self.described(), "application/json", {})
        return self._answer(endpoint, ids)

    def _answer(self, endpoint: Endpoint, ids: Mapping[str, Any]) -> Response:
        try:
            by_link = endpoint.allow.link
            dispatcher: Any = self.links if by_link else self.dispatcher
            return _answered(dispatcher.answer(endpoint, request, ids))
        except GatewayError as error:
            return _sent(problems.refused(error))
        except Unreadable as wrong:
            return _sent(problems.unreadable(wrong))
        except Exception as bug:
            _log.error("unexpected", operation=endpoint.operation, exc_info=bug)
            return _sent(problems.broken())


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


def _other_method(known: Iterable[str]) -> Unreadable:
    allow = ", ".join(sorted(known))
    message = f"This path knows {allow} only."
    return Unreadable(405, "method_not_allowed", message, headers={"Allow": allow})
