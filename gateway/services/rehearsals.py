"""Rehearsals: a change carried out, looked at and taken back, and applied only as it was seen.

A rehearsal runs the enforcing verbs themselves under the organisation's lock, so that what it
tells cannot differ from what applying does. Its token names all that: the change, the
organisation as it was, and what becomes of everybody. Applying carries the change out, compares,
and lets nothing stay where the two differ.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.domain.errors import PlanStale, PreconditionRequired
from gateway.services import funnel, subscriptions
from gateway.services.subscriptions import Standing
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

Document = dict[str, Any]
"""Plain JSON values."""

Verb = Callable[[UnitOfWork], Document]
"""A change, which tells beside its effects on people what else there is to know of it."""


Everybody = dict[UUID, tuple[str, Document]]
"""Member → name, and a summary of access."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a member: access before and after, as `access.changed` tells of it."""

    member_id: UUID
    name: str
    before: Document
    after: Document


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change does, and the token by which exactly this is applied."""

    said: Document
    effects: tuple[Effect, ...]
    standing: tuple[Standing, Standing]
    token: str


def rehearse(uow: UnitOfWork, change: Document, verb: Verb) -> Outcome:
    """Return what a change would do; nothing of it stays. `change` is all that it was asked for."""
    return uow.rehearsed(lambda unit: _carry_out(unit, change, verb))


def perform(uow: UnitOfWork, change: Document, verb: Verb, token: str | None) -> Outcome:
    """Carry a change out as it was rehearsed.

    :raises PreconditionRequired: no token. :raises PlanStale: it names another change, or the
        organisation has moved since.
    """
    if token is None:
        raise PreconditionRequired(
            "This is applied by the plan_token of its preview.", levers=("Preview it first.",)
        )
    done = _carry_out(uow, change, verb)
    if not hmac.compare_digest(done.token, token):
        raise PlanStale(
            "What was previewed would not happen any more.",
            levers=("Preview it again, and decide on what it would do now.",),
        )
    return done


def _carry_out(uow: UnitOfWork, change: Document, verb: Verb) -> Outcome:
    version = _terms_version(uow)
    before, standing = _everybody(uow), subscriptions.standing(uow)
    said = verb(uow)
    after, standing_after = _everybody(uow), subscriptions.standing(uow)
    effects = tuple(
        effect
        for member_id in sorted(before.keys() | after.keys())
        if (effect := _effect(member_id, before, after)).before != effect.after
    )
    # When a renewal is due may depend on the instant, which is another one when it is applied.
    money = [{**asdict(each), "renews_at": None} for each in (standing, standing_after)]
    people = [[(str(who), access) for who, (_, access) in x.items()] for x in (before, after)]
    text = json.dumps([change, version, people, money, said], sort_keys=True, default=str)
    token = hashlib.sha256(text.encode()).hexdigest()
    return Outcome(said, effects, (standing, standing_after), token)


def _effect(member_id: UUID, before: Everybody, after: Everybody) -> Effect:
    name, now = after.get(member_id) or (before[member_id][0], {})
    return Effect(member_id, name, before.get(member_id, (name, {}))[1], now)


def _terms_version(uow: UnitOfWork) -> int:
    o = t.organisations.c
    return int(uow.scalar(select(o.terms_version).where(o.id == uow.organisation_id)))


def _everybody(uow: UnitOfWork) -> Everybody:
    """Return each member that is not removed with a summary of their access."""
    m = t.members.c
    rows = uow.all(
        uow.own(t.members, m.id, m.display_name, m.access_document)
        .where(m.state != "removed")
        .order_by(m.id)
    )
    return {row.id: (row.display_name, _summary(row.access_document)) for row in rows}


def _summary(document: Mapping[str, Any]) -> Document:
    """Return what counts of an access, without what the plan lacks.

    A role is told by its key, for a new one's id is made each time.
    """
    told = funnel.summary(document)
    atoms = sorted(frozenset(told["org_atoms"]) - frozenset(document["unavailable"]))
    return {**told, "org_atoms": atoms, "role": told["role"] and told["role"]["key"]}
