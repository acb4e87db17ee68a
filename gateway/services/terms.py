"""What an organisation agreed on: its policies and its subscription, as they hold at an instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, or_

from gateway.domain.errors import NotFound, PlanFeature
from gateway.domain.events import Fact, Target
from gateway.domain.plans import (
    Overage,
    ScimOverage,
    SeatPolicy,
    SubscriptionState,
    require_transition,
)
from gateway.domain.policies import check_policy
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Terms:
    """Policies by name, and the subscription."""

    policies: Mapping[str, Any]
    plan: str
    state: SubscriptionState
    features: frozenset[str]
    seat_limit: int | None

    def seat_policy(self, scim_overage: str | None = None) -> SeatPolicy:
        """Return how seats are counted; a connection may say what happens at its limit."""
        return SeatPolicy(
            limit=self.seat_limit,
            owner_counts=self.policies["owner_counts_as_seat"],
            pending_counts=self.policies["pending_counts_as_seat"],
            overage=Overage(self.policies["seat_overage"]),
            scim_overage=ScimOverage(scim_overage or self.policies["scim_overage"]),
        )

    @property
    def ownership_may_pass(self) -> bool:
        """Whether ownership may go from one member to another."""
        return bool(self.policies["transfer"] != "forbidden")

    def require(self, feature: str) -> None:
        """Refuse what the plan does not include.

        :raises PlanFeature: names the feature and the plan.
        """
        if feature not in self.features:
            raise PlanFeature(
                f"The plan {self.plan} does not include {feature.upper()}.",
                levers=("Add the enterprise add-on to the plan.",),
                feature=feature,
                plan=self.plan,
            )


def held_at(table: Table, at: datetime | None) -> ColumnElement[bool]:
    """Whether an interval row holds: the open one without `at`, else the one that covers `at`."""
    if at is None:
        return table.c.valid_to.is_(None)
    return and_(table.c.valid_from <= at, or_(table.c.valid_to.is_(None), table.c.valid_to > at))


def current(uow: UnitOfWork, at: datetime | None = None) -> Terms:
    """Return the terms now, or as they were at an instant.

    :raises NotFound: there was no organisation yet.
    """
    if at is None:
        return uow.remembered("terms", lambda: _load(uow, None))
    return _load(uow, at)


def _load(uow: UnitOfWork, at: datetime | None) -> Terms:
    policies = uow.all(
        uow.own(t.policies, t.policies.c.name, t.policies.c.value).where(held_at(t.policies, at))
    )
    subscriptions = uow.all(uow.own(t.subscriptions).where(held_at(t.subscriptions, at)))
    if not subscriptions:
        raise NotFound("No such member.")  # nobody was one before the organisation was
    subscription = subscriptions[0]
    return Terms(
        policies={row.name: row.value for row in policies},
        plan=subscription.plan,
        state=SubscriptionState(subscription.state),
        features=frozenset(subscription.features),
        seat_limit=subscription.seat_limit,
    )


def set_policy(uow: UnitOfWork, name: str, value: object) -> bool:
    """Give a policy a new value from now on; say whether it had another. The caller recomputes.

    :raises InvalidRequest: no such policy, or a value that it cannot have.
    """
    check_policy(name, value)
    before = current(uow).policies.get(name)
    if before == value:
        return False
    uow.update(t.policies, {"name": name, "valid_to": None}, valid_to=uow.now)
    uow.insert(t.policies, name=name, valid_from=uow.now, valid_to=None, value=value)
    uow.terms_changed()
    uow.record(
        Fact("policy.changed", (organisation(uow),), before={name: before}, after={name: value})
    )
    return True


def subscription(uow: UnitOfWork) -> Row[Any]:
    """Return the open interval of the subscription."""
    s = t.subscriptions
    return uow.all(uow.own(s).where(s.c.valid_to.is_(None)))[0]


def set_subscription(uow: UnitOfWork, action: str, **values: object) -> dict[str, object]:
    """Let these columns of the subscription hold from now on, and say which have changed.

    At most once a unit. The caller recomputes.

    :raises InvalidRequest: a state that this one never goes to.
    """
    before = subscription(uow)
    if "state" in values:
        require_transition(SubscriptionState(before.state), SubscriptionState(str(values["state"])))
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    if not changed:
        return {}
    uow.update(t.subscriptions, {"valid_to": None}, valid_to=uow.now)
    row = {**before._mapping, **changed, "valid_from": uow.now, "valid_to": None}
    uow.insert(t.subscriptions, **row)
    uow.terms_changed()
    uow.record(
        Fact(
            action,
            (organisation(uow),),
            before={name: _plain(getattr(before, name)) for name in changed},
            after={name: _plain(value) for name, value in changed.items()},
        )
    )
    return changed


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def organisation(uow: UnitOfWork) -> Target:
    """Return the organisation as the target of a fact."""
    return Target("organisation", str(uow.organisation_id))
