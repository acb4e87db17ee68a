"""Changing a subscription, blindly or exactly as it was previewed.

A billing system that follows what was bought asks nobody; whoever decides looks first, and sends
the token of what was seen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func

from gateway.domain.decisions import powers
from gateway.domain.plans import SubscriptionState
from gateway.services import organisations, rehearsals, subscriptions, terms
from gateway.services.rehearsals import Document, Effect, Outcome
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

FEATURES: Mapping[str, str] = {"scim": "scim", "saml": "sso", "oidc": "sso"}
"""Kind of connection → the feature that it needs."""


def preview(uow: UnitOfWork, changes: Mapping[str, Any]) -> Outcome:
    """Return what a change would do to features, connections, people, seats and money.

    :raises InvalidRequest: an unknown plan, state or add-on, or a plan without a price in the
        subscription's currency.
    """
    return rehearsals.rehearse(uow, dict(changes), lambda unit: _carry_out(unit, changes))


def apply(uow: UnitOfWork, changes: Mapping[str, Any], token: str | None) -> None:
    """Change a subscription; with a token, only as it was previewed.

    As `preview`, and:

    :raises PlanStale: the token is of another change, or the organisation has moved since.
    """
    if token is None:
        organisations.change_subscription(uow, **changes)
        return
    rehearsals.perform(uow, dict(changes), lambda unit: _carry_out(unit, changes), token)


def takes_away(done: Outcome) -> bool:
    """Whether somebody has less by a change: features, chatbots, seats in use, or access."""
    less = "features_lost", "chatbots_closed", "seats_missing"
    return any(done.said[name] for name in less) or any(map(_narrows, done.effects))


def _carry_out(uow: UnitOfWork, changes: Mapping[str, Any]) -> Document:
    before = organisations.get(uow)
    organisations.change_subscription(uow, **changes)
    after = organisations.get(uow)
    lost = sorted(frozenset(before.features) - frozenset(after.features))
    return {
        "plan": after.plan,
        "state": after.subscription_state,
        "seat_limit": after.seat_limit,
        "features": after.features,
        "features_lost": lost,
        "connections": _without(uow, lost),
        "chatbots_closed": _closed(uow, before.subscription_state, after.subscription_state),
        "seats_missing": _missing(uow, before.seat_limit),
    }


def _without(uow: UnitOfWork, lost: Sequence[str]) -> list[Document]:
    """Return the connections whose feature is gone."""
    c = t.connections.c
    kinds = [kind for kind, feature in FEATURES.items() if feature in lost]
    rows = uow.own(t.connections, c.id, c.name, c.kind).where(
        c.kind.in_(kinds), c.state != "deleted"
    )
    return [{"id": str(row.id), "name": row.name, "kind": row.kind} for row in uow.all(rows)]


def _closed(uow: UnitOfWork, before: str, after: str) -> int:
    """Return how many chatbots nobody can use any more."""
    if not SubscriptionState(before).is_open or SubscriptionState(after).is_open:
        return 0
    c = t.chatbots.c
    return int(uow.scalar(uow.own(t.chatbots, func.count()).where(~c.deleted)))


def _missing(uow: UnitOfWork, limit_before: int | None) -> int:
    """Return how many seats in use a cut of the limit leaves none for."""
    limit = terms.current(uow).seat_limit
    if limit is None or (limit_before is not None and limit >= limit_before):
        return 0
    return max(0, subscriptions.standing(uow).seats_used - limit)


def _narrows(effect: Effect) -> bool:
    lost = powers(effect.before) - powers(effect.after)
    return bool(lost) or effect.before.get("scope") != effect.after.get("scope")
