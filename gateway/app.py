"""The composition root: builds the clock, the ids, the units of work and the WSGI application.

The only module that reads the time and draws ids; everything below gets both from its unit of
work.
"""

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, Response, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from gateway import api, console
from gateway.api import authzen, metrics, problems
from gateway.api.problems import Refusal, Unreadable
from gateway.browser import assets
from gateway.delivery.courier import Courier
from gateway.delivery.errands import Errand, Errands
from gateway.domain.errors import NotFound
from gateway.logs import logger
from gateway.net.dns import Resolver
from gateway.net.domain_proofs import look_again
from gateway.net.http import HTTPClient
from gateway.oidc import discovery
from gateway.oidc.blueprint import blueprint as oidc_blueprint
from gateway.saml import refreshing
from gateway.saml.blueprint import blueprint as saml_blueprint
from gateway.scim.allowance import Allowances
from gateway.scim.application import Application as SCIM
from gateway.services.request_log import RequestLog
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage import schema
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from gateway.storage.vault import Vault
from gateway.wsgi import REQUEST_ID, Door

Clock = Callable[[], datetime]
ERRANDS_EVERY = timedelta(minutes=5)
"""How often it is looked whether anything of others is due."""

PLAIN = ("X-Content-Type-Options", "nosniff")
"""Every answer is what its type says: nobody guesses a page in what a tenant has typed."""

PROPER_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{8,128}")
CODES = {405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_log = logger("http")


def utc_now() -> datetime:
    """Return the present instant, aware, UTC."""
    return datetime.now(UTC)


class TimeOrderedIds:
    """Hands out UUIDs of version 7 (RFC 9562 §5.7), each greater than the one before.

    Twenty lines of our own, because the standard library has them from Python 3.14 only and a
    dependency would have to follow the product's clock, which a demo may move. Twelve bits
    below the millisecond keep the order within one process, as method 3 of §6.2 describes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> UUID:
        """Return the next id."""
        microseconds = int(self._clock().timestamp() * 1_000_000)
        with self._lock:
            self._last = max(self._last + 1, microseconds * 4096 // 1000)
            milliseconds, fraction = divmod(self._last, 4096)
        high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | fraction
        return UUID(int=high << 64 | 0b10 << 62 | secrets.randbits(62))


def build_work(settings: Settings, clock: Clock = utc_now) -> Work:
    """Return the units of work of one process: its own connections, clock and ids."""
    engines = open_engines(
        settings.database_url.get_secret_value(), pool_size=settings.request_threads + 1
    )
    return Work(engines, clock=clock, new_id=TimeOrderedIds(clock), vault=_vault(settings))


def build_courier(work: Work, settings: Settings) -> Courier:
    """Return what carries events to their receivers."""
    return Courier(work, HTTPClient.of(settings))


def build_errands(work: Work, settings: Settings) -> Errands:
    """Return what the worker asks of others: proofs of domains, and providers' descriptions."""
    resolver, client = Resolver.of(settings), HTTPClient.of(settings)
    return Errands(
        work,
        (
            Errand("domain proofs", ERRANDS_EVERY, lambda here: look_again(here, resolver)),
            Errand("metadata", ERRANDS_EVERY, lambda here: refreshing.refresh_due(here, client)),
            Errand("discovery", ERRANDS_EVERY, lambda here: discovery.refresh_due(here, client)),
        ),
    )


def _vault(settings: Settings) -> Vault:
    keys = settings.encryption_keys
    return Vault.of(keys.get_secret_value()) if keys else Vault()


class Gateway(Flask):
    """The WSGI application, with what its server must look after."""

    def __init__(self, settings: Settings, work: Work) -> None:
        super().__init__("gateway", static_folder=None)
        self.settings = settings
        self.work = work
        self.uses = Uses()
        self.request_log = RequestLog()

    def flush(self) -> None:
        """Write what requests left in memory: the last use of credentials, and SCIM's log.

        The server calls this every second and when it stops.
        """
        self.uses.flush(self.work)
        self.request_log.flush(self.work)

    def close(self) -> None:
        """Flush, and close every connection to the database."""
        self.flush()
        self.work.engines.dispose()


def build_allowances(settings: Settings) -> Allowances:
    """Return what counts SCIM's requests, for this process and all that it forks."""
    return Allowances(settings.scim_rate, settings.scim_burst)


def create_app(
    settings: Settings, work: Work | None = None, allowances: Allowances | None = None
) -> Gateway:
    """Return the application with every protocol and page that this release has."""
    work = work or build_work(settings)
    allowances = allowances or build_allowances(settings)
    app = Gateway(settings, work)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _unexpected)
    app.register_blueprint(api.blueprint(work, settings, app.uses))
    app.register_blueprint(saml_blueprint(work, settings))
    app.register_blueprint(oidc_blueprint(work, settings, HTTPClient.of(settings)))
    app.register_blueprint(console.blueprint(work, settings))
    app.register_blueprint(assets.blueprint())
    app.register_blueprint(metrics.blueprint(work, settings))
    _add_health(app, work)
    programs = (
        SCIM(work, settings, app.uses, app.request_log, allowances),
        authzen.Application(work, settings, app.uses),
    )
    app.wsgi_app = RequestTrail(Door(programs, app.wsgi_app))  # type: ignore[method-assign]
    return app


class RequestTrail:
    """Gives every request an id, returned in `X-Request-Id`, and logs what became of it.

    A caller's own id is kept where it is a plain token, so that one id can be followed through
    several services.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if PROPER_REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        environ[REQUEST_ID] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        statuses: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, [*headers, ("X-Request-Id", request_id), PLAIN], *rest)

        body: Iterable[bytes] = self._application(environ, start)
        _log.info(
            "request",
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            status=int(statuses[-1][:3]) if statuses else None,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return body


def _add_health(app: Flask, work: Work) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        """Whether this process answers at all; asks nobody else."""
        return _json(200, {"status": "ok"})

    @app.get("/readyz")
    def readyz() -> Response:
        """Whether requests can be served: the database answers and has this release's schema."""
        try:
            with work.platform() as connection:
                connection.execute(text("SELECT 1"))
            current = schema.is_current(work.engines)
        except SQLAlchemyError as error:
            _log.warning("not ready", reason=type(error).__name__)
            return _json(503, {"status": "unavailable", "database": "unreachable"})
        if not current:
            return _json(503, {"status": "unavailable", "database": "ok", "schema": "outdated"})
        return _json(200, {"status": "ok", "database": "ok", "schema": "current"})


def _http_problem(error: HTTPException) -> Response:
    """Answer what no protocol's own routes answered, in the form of the management API."""
    if error.code == 404:
        return _sent(problems.refused(NotFound("There is no such path.")))
    status = error.code or 500
    if status >= 500:
        return _sent(problems.broken())
    headers = {
        name: value
        for name, value in error.get_headers(request.environ)
        if name.lower() in ("allow", "retry-after", "www-authenticate")
    }
    code = CODES.get(status, "invalid_request")
    return _sent(problems.unreadable(Unreadable(status, code, error.name, headers=headers)))


def _unexpected(error: Exception) -> Response:
    """Answer a bug: the log has it all, the caller learns nothing of its cause."""
    _log.error("unexpected", exc_info=error)
    return _sent(problems.broken())


def _sent(refusal: Refusal) -> Response:
    response = Response(refusal.body, refusal.status, content_type=problems.MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(refusal.headers)
    return response


def _json(status: int, body: dict[str, Any]) -> Response:
    response = Response(json.dumps(body), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
