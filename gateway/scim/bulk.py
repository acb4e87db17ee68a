"""Bulk requests (RFC 7644 §3.7): a savepoint for each operation, a unit of work for a few.

Between units others take the organisation's lock, and on SQLite the database's: no Bulk request
holds them up for longer than some operations take.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scim2_models import (
    BulkOperation,
    InvalidSyntaxException,
    InvalidValueException,
    PayloadTooLargeException,
    SCIMException,
)
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import GatewayError, Refused
from gateway.logs import logger
from gateway.scim import auth, engine
from gateway.scim.answers import Answer, Turn
from gateway.scim.bodies import require_message
from gateway.scim.changes import Done, perform, understand
from gateway.scim.engine import BulkPlan, BulkStep, Operation, kind_at
from gateway.scim.errors import Refusal, refusal_of, unexpected
from gateway.scim.limits import MAX_OPERATIONS
from gateway.scim.places import parsed_id
from gateway.scim.rendering import etag, location
from gateway.storage.unit_of_work import UnitOfWork

BULK_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
METHODS = {
    "POST": Operation.create,
    "PUT": Operation.replace,
    "PATCH": Operation.patch,
    "DELETE": Operation.delete,
}
_METHOD = {each.value: each for each in BulkOperation.Method}
STATUS = {"POST": 201, "PUT": 200, "PATCH": 200, "DELETE": 204}
TOGETHER = 20
"""Operations that one unit of work commits."""

_log = logger("scim")


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation as the client sent it; its data is read once its references are known.

    A plan orders it in place of the library's model, which would validate the data too early.
    """

    method: BulkOperation.Method | None
    bulk_id: str | None
    path: str | None
    version: str | None
    data: Any

    def model_copy(self, update: Mapping[str, Any]) -> "Entry":
        """Return the operation with some fields changed, as a plan resolves references."""
        return replace(self, **update)


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk request; it stops after so many errors, if the client says so."""

    entries: list[Entry]
    stop: int | None


def read(turn: Turn) -> Bulk:
    """Return the operations of a bulk request.

    :raises SCIMException: too many, or not a bulk request.
    """
    message = require_message(BULK_SCHEMA, turn.asked.body, turn.reading)
    listed = message.get("operations")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise InvalidSyntaxException(detail="'Operations' lists objects.")
    if len(listed) > MAX_OPERATIONS:
        raise PayloadTooLargeException(detail=f"maxOperations is {MAX_OPERATIONS}.")
    stop = message.get("failonerrors")
    if stop is not None and (not isinstance(stop, int) or isinstance(stop, bool) or stop < 1):
        raise InvalidValueException(detail="'failOnErrors' is a whole number from 1.")
    return Bulk([_entry(each) for each in listed], stop)


def answer(turn: Turn, asked: Bulk) -> Answer:
    """Run the operations of a bulk request and return their outcomes, in the order asked.

    What could not be tried because the database stayed busy is said to be so, one by one.

    :raises GatewayError: nothing could be tried.
    """
    planned = engine.plan(asked.entries, asked.stop)
    changed: Counter[str] = Counter()
    for steps in _batches(planned.steps):
        try:
            planned, recorded = _committed(turn, planned, steps)
        except GatewayError as refused:
            if not planned.results:
                raise
            _refuse_rest(planned, refused)
            break
        changed.update(recorded)
    turn.changed = changed
    said = [_spelled(each) for each in planned.outcomes()]
    return Answer(200, json.dumps({"schemas": [RESPONSE_SCHEMA], "Operations": said}))


def _batches(steps: Sequence[BulkStep]) -> Iterator[Sequence[BulkStep]]:
    return (steps[start : start + TOGETHER] for start in range(0, len(steps), TOGETHER))


def _committed(
    turn: Turn, planned: BulkPlan, steps: Sequence[BulkStep]
) -> tuple[BulkPlan, Mapping[str, int]]:
    """Run some operations in a unit; return the plan with their outcomes, and what changed."""

    def verb(uow: UnitOfWork) -> tuple[BulkPlan, Mapping[str, int]]:
        # Each attempt begins where the last unit ended: a plan remembers what it has created.
        attempt = engine.resumed(planned)
        for step in steps:
            if not attempt.stopped:
                outcome, done = _run(turn, uow, attempt, step)
                attempt.record(step, outcome, done)  # type: ignore[arg-type]
        return attempt, uow.recorded()

    return turn.changed_by(verb)


def _refuse_rest(planned: BulkPlan, refused: GatewayError) -> None:
    for step in planned.steps:
        if step.index not in planned.results:
            entry: Any = planned.operation(step)
            outcome = {"method": entry.method, "bulk_id": entry.bulk_id}
            planned.record(step, _failed(outcome, refusal_of(refused)), None)


def _entry(raw: Mapping[str, Any]) -> Entry:
    fields = {key.lower(): value for key, value in raw.items()}
    texts = {k: v for k, v in fields.items() if isinstance(v, str)}
    return Entry(
        method=_METHOD.get(texts.get("method", "").upper()),
        bulk_id=texts.get("bulkid"),
        path=texts.get("path"),
        version=texts.get("version"),
        data=fields.get("data"),
    )


def _run(
    turn: Turn, uow: UnitOfWork, planned: BulkPlan, step: BulkStep
) -> tuple[dict[str, Any], Done | None]:
    entry: Any = planned.operation(step)
    outcome: dict[str, Any] = {"method": entry.method, "bulk_id": entry.bulk_id}
    try:
        entry = planned.resolve(step)
        if entry.method != "POST":
            outcome["location"] = f"{turn.asked.base}/{str(entry.path or '').strip('/')}"
        kind, done = _performed(turn, uow, entry)
    except (DBAPIError, turn.work.engines.driver_error):
        # A conflict or a lost connection: the whole unit is tried again, or fails.
        raise
    except (GatewayError, SCIMException) as refused:
        return _failed(outcome, refusal_of(refused)), None
    except Exception as bug:
        _log.error("unexpected", operation="bulk", exc_info=bug)
        return _failed(outcome, unexpected(turn.asked.context.request_id)), None
    if isinstance(done, Refused):
        return _failed(outcome, refusal_of(done.error)), None
    outcome["status"] = STATUS[str(entry.method)]
    if done is not None:
        outcome["location"] = location(turn.asked.base, kind, done.id)
        outcome["version"] = etag(done.version)
    return outcome, done


def _performed(turn: Turn, uow: UnitOfWork, entry: Entry) -> tuple[str, Done | Refused | None]:
    method = str(entry.method)
    if method not in METHODS or not entry.path:
        raise InvalidValueException(detail="An operation has a method and a path.")
    target = turn.engine.route(method, entry.path)
    if target.endpoint is None or target.me or target.operation is not METHODS[method]:
        raise InvalidValueException(detail="A path names a resource type or a resource.")
    if method == "POST" and entry.bulk_id is None:
        raise InvalidValueException(detail="A POST has a bulkId.")
    kind = kind_at(target.endpoint)
    auth.require(turn.scopes, kind, write=True)
    resource_id = parsed_id(target.resource_id) if target.resource_id else None
    change = understand(kind, method, resource_id, entry.data, turn.reading)
    judged = engine.conditions(entry.version, None)
    with uow.savepoint():
        done = perform(uow, turn.connection, change, judged.check if judged else None)
    return kind, done


def _failed(outcome: dict[str, Any], refusal: Refusal) -> dict[str, Any]:
    return {**outcome, "status": refusal.status, "response": json.loads(refusal.body)}


def _spelled(outcome: Mapping[str, Any]) -> dict[str, Any]:
    names = {"bulk_id": "bulkId"}
    said = {names.get(name, name): value for name, value in outcome.items() if value is not None}
    return {**said, "status": str(outcome["status"])}
