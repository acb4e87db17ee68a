"""`/metrics` for Prometheus, by a key of its own; without one there is no such path."""

import hmac

from flask import Blueprint, Request, Response, request
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.api import problems
from gateway.domain.errors import NotFound, TokenInvalid
from gateway.services import gauges
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work


def blueprint(work: Work, settings: Settings) -> Blueprint:
    """Return the one route, to be mounted at the root."""
    found = Blueprint("metrics", __name__)

    @found.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        """Show the gauges to whoever has the key."""
        if settings.metrics_key is None:
            return _refused(NotFound("There is no such path."))
        if not _knows(request, settings.metrics_key.get_secret_value()):
            return _refused(TokenInvalid("The key is missing or does not open anything."))
        response = Response(written(work), content_type=CONTENT_TYPE_LATEST)
        response.headers["Cache-Control"] = "no-store"
        return response

    return found


def written(work: Work) -> bytes:
    """Return the gauges in Prometheus' text format."""
    registry = CollectorRegistry()
    with work.platform() as connection:
        values = gauges.counted(connection)
        oldest = gauges.oldest_unnumbered(connection, work.clock())
    for name, value in values.items():
        Gauge(name, gauges.COUNTED[name][0], registry=registry).set(value)
    said = "Seconds that the oldest event has waited for its number."
    Gauge(gauges.OLDEST, said, registry=registry).set(oldest)
    return generate_latest(registry)


def _knows(asked: Request, key: str) -> bool:
    scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), key.encode())


def _refused(error: NotFound | TokenInvalid) -> Response:
    refusal = problems.refused(error)
    response = Response(refusal.body, refusal.status, content_type=problems.MEDIA_TYPE)
    response.headers.update(refusal.headers)
    return response
