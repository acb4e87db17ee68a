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
from gateway.domain.policies import Layer, Layers, check_policy, decided, require_policy
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
    renews: bool

    def seat_policy(self, scim_overage: str | None = None) -> SeatPolicy:
        """Return how seats are counted; a connection may say what happens at its limit.

        One that bills is taken to refuse while there is nothing that a seat could be billed on.
        """
        of_idp = ScimOverage(scim_overage or self.policies["scim_overage"])
        if of_idp is ScimOverage.BILL and not self.may_bill:
            of_idp = ScimOverage.REFUSE
        return SeatPolicy(
            limit=self.seat_limit,
            owner_counts=self.policies["owner_counts_as_seat"],
            pending_counts=self.policies["pending_counts_as_seat"],
            overage=Overage(self.policies["seat_overage"]),
            scim_overage=of_idp,
        )

    @property
    def may_bill(self) -> bool:
        """Whether a connection may go beyond the limit: renewals charge it, or it was agreed."""
        said = self.policies["seat_overage"], self.policies["scim_overage"]
        return self.renews or "bill" in said

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
        renews=subscription.current_period_end is not None,  # a plan without prices never does
    )


def override(uow: UnitOfWork, wishes: Mapping[str, object]) -> bool:
    """Override policies from now on, with None let what lies below hold again; say if any changed.

    The caller recomputes.

    :raises InvalidRequest: no such policy, or a value that it cannot have.
    """
    for name, value in wishes.items():
        require_policy(name)
        if value is not None:
            check_policy(name, value)
    return say(uow, {Layer.ORGANISATION: wishes})


def layers(uow: UnitOfWork) -> dict[str, Layers]:
    """Return, by policy, what each layer says."""
    p = t.policies.c
    rows = uow.all(uow.own(t.policies, p.name, p.layers).where(p.valid_to.is_(None)))
    return {row.name: row.layers for row in rows}


def say(uow: UnitOfWork, words: Mapping[Layer, Mapping[str, object]]) -> bool:
    """Let layers say these values from now on, None for nothing any more; as `override`."""
    present = layers(uow)
    after: dict[str, Layers] = dict(present)
    for layer, said in words.items():
        for name, word in said.items():
            others = {key: value for key, value in after.get(name, {}).items() if key != layer}
            after[name] = others if word is None else {**others, str(layer): word}
    changed = {name: said for name, said in after.items() if said != present.get(name)}
    if not changed:
        return False
    for name in changed:
        uow.update(t.policies, {"name": name, "valid_to": None}, valid_to=uow.now)
    # A word of this very instant has held for no time, and stands where the new one goes.
    p = t.policies.c
    uow.apply(
        t.policies.delete().where(
            p.organisation_id == uow.organisation_id, p.valid_from == uow.now, p.valid_to == uow.now
        )
    )
    uow.flush()
    write_policies(uow, changed)
    uow.terms_changed()
    uow.record(
        Fact(
            "policy.changed",
            (organisation(uow),),
            before=_told({name: present[name] for name in changed if name in present}),
            after=_told(changed),
        )
    )
    return True


def write_policies(uow: UnitOfWork, said: Mapping[str, Layers]) -> None:
    """Write down what the layers say from now on."""
    uow.insert_all(
        t.policies,
        [
            {
                "name": name,
                "valid_from": uow.now,
                "valid_to": None,
                "value": decided(words)[1],
                "layers": dict(words),
            }
            for name, words in said.items()
        ],
    )


def _told(said: Mapping[str, Layers]) -> dict[str, object]:
    """Return each policy's value, and the layer that says it."""
    told: dict[str, object] = {}
    for name, words in said.items():
        layer, value = decided(words)
        told |= {name: value, f"{name}_source": str(layer)}
    return told


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
