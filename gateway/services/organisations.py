"""Organisations: born with their preset's roles and policies, an owner, and a subscription."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy import Row, insert, select

from gateway.domain.closures import GONE
from gateway.domain.errors import AlreadyExists, AlreadyMember, InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.plans import (
    Cause,
    SubscriptionState,
    on_another_plan,
    period_end,
    renewal_amount,
)
from gateway.domain.policies import decided
from gateway.services import (
    funnel,
    invited,
    members,
    moves,
    people,
    policies,
    presets,
    roles,
    seats,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

SLUG_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrganisation:
    """What an organisation is born with; the owner's password comes hashed."""

    slug: str
    name: str
    preset: str
    plan: str | None = None
    currency: str = "USD"
    add_ons: tuple[str, ...] = ()
    policies: Mapping[str, object] = field(default_factory=dict)
    owner_email: str
    owner_name: str
    owner_password_hash: str | None = field(default=None, repr=False)


def create(uow: UnitOfWork, new: NewOrganisation) -> UUID:
    """Make the unit's organisation, and return its owner's member id.

    Roles and policies of the preset are copied: a newer presets file changes nobody.

    :raises InvalidRequest: unknown preset, plan, add-on or policy, or a bad slug or name.
    :raises AlreadyExists: the slug is taken.
    """
    catalogue = presets.packaged()
    preset = catalogue.preset(new.preset)
    plan_key = new.plan or next(iter(preset.plans))
    agreed = preset.layers_under(plan_key, new.policies)
    plan = preset.plans[plan_key]
    renewal_amount(plan, new.currency, 0)  # refuses a currency that it has no price in
    _require_sound(uow, new)
    _insert_organisation(uow, new)
    terms.write_policies(uow, agreed)
    uow.insert(
        t.subscriptions,
        valid_from=uow.now,
        valid_to=None,
        plan=plan_key,
        state=SubscriptionState.ACTIVE,
        currency=new.currency,
        features=sorted(catalogue.features(plan, frozenset(new.add_ons))),
        seat_limit=plan.seat_limit,
        current_period_end=period_end(plan, uow.now),
    )
    ids = {key: uow.new_id() for key in preset.roles}
    values = {name: decided(layers)[1] for name, layers in agreed.items()}
    for key, template in preset.roles_under(values).items():
        uow.create(
            t.role_versions,
            id=ids[key],
            created_at=uow.now,
            deleted=False,
            **roles.columns(template),
        )
    after = {"slug": new.slug, "preset": new.preset, "plan": plan_key}
    uow.record(Fact("organisation.created", (_target(uow, new.name),), after=after))
    return _join_owner(uow, new, ids[preset.owner_role])


def add_member(
    uow: UnitOfWork,
    *,
    email: str,
    display_name: str,
    role: str,
    password_hash: str | None = None,
) -> UUID:
    """Make somebody an active member by the operator's word, with a role named by key.

    :raises InvalidRequest: no such role, or the owner's. :raises SeatLimitReached: no seat.
    :raises AlreadyMember: the person is in the organisation.
    """
    wanted = uow.one(uow.own(t.roles).where(t.roles.c.key == role, ~t.roles.c.deleted))
    if wanted is None or wanted.definition["is_owner_role"]:
        raise InvalidRequest(f"There is no role {role!r} to give.", field="role")
    person_id = people.find(uow, email)
    if person_id is not None:
        _require_no_member(uow, person_id)
    invited.supersede(uow, email)
    seats.ask(uow, Cause.DIRECT_CREATE)
    person_id = person_id or people.create(
        uow, email=email, display_name=display_name, password_hash=password_hash
    )
    return members.join(
        uow,
        members.Joining(
            person_id=person_id,
            email=email,
            display_name=display_name,
            source="direct",
            role_id=wanted.id,
        ),
    )


def get(uow: UnitOfWork) -> Row[Any]:
    """Return the unit's organisation with its open subscription."""
    o, s = t.organisations, t.subscriptions
    query = (
        select(*o.c, s.c.plan, s.c.features, s.c.seat_limit, s.c.currency)
        .add_columns(s.c.state.label("subscription_state"))
        .join_from(o, s, (s.c.organisation_id == o.c.id) & s.c.valid_to.is_(None))
        .where(o.c.id == uow.organisation_id)
    )
    return uow.all(query)[0]


def rename(uow: UnitOfWork, name: str) -> None:
    """Give the organisation another name; the same name changes nothing."""
    name = _require_name(name)
    before = get(uow)
    if before.name == name:
        return
    o = t.organisations
    uow.apply(o.update().where(o.c.id == uow.organisation_id).values(name=name))
    uow.terms_changed()  # mails name it
    uow.record(
        Fact(
            "organisation.updated",
            (_target(uow, name),),
            before={"name": before.name},
            after={"name": name},
        )
    )


def change_subscription(uow: UnitOfWork, **changes: object) -> None:
    """Set plan, state, seat_limit, features or all add_ons of the subscription from now on.

    Another plan brings its own seat limit, unless one is named, and its own policies, unless the
    organisation has others than the old plan; the add-ons stay. Nobody is evicted by a lower
    limit; who waits is admitted by a higher one.

    :raises InvalidRequest: an unknown field, plan, state or add-on.
    """
    before = terms.subscription(uow)
    add_ons: Any = changes.pop("add_ons", None)
    _require_subscription(uow, changes)
    plans = presets.of(uow).plans
    plan, old_plan = plans[str(changes.get("plan", before.plan))], plans[before.plan]
    if add_ons is not None:
        changes["features"] = sorted(presets.packaged().features(plan, add_ons))
    if plan is not old_plan:
        changes = {**on_another_plan(before, old_plan, plan, uow.now), **changes}
    changed = terms.set_subscription(uow, "subscription.changed", **changes)
    if changed.keys() & {"state", "features"}:
        funnel.recompute_all(uow)
    policies.follow_plan(uow, old_plan, plan)
    if changed:
        moves.promote_waiting(uow)


def listing(
    database: sqlalchemy.Connection, after: UUID | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """Return organisations of the installation by id, a page at a time (operators only)."""
    o = t.organisations
    query = select(o).where(o.c.state.not_in(GONE)).order_by(o.c.id).limit(limit)
    return database.execute(query.where(o.c.id > after) if after else query).all()


def find_by_slug(database: sqlalchemy.Connection, slug: str) -> UUID | None:
    """Return the organisation that a slug names (operators only)."""
    o = t.organisations
    named = select(o.c.id).where(o.c.slug == slug, o.c.state.not_in(GONE))
    found: UUID | None = database.execute(named).scalar()
    return found


def _require_no_member(uow: UnitOfWork, person_id: UUID) -> None:
    m = t.members.c
    present = uow.own(t.members, m.id).where(
        m.person_id == person_id, m.state != MemberState.REMOVED
    )
    if uow.one(present) is not None:
        raise AlreadyMember("This person is a member of the organisation.")


def _insert_organisation(uow: UnitOfWork, new: NewOrganisation) -> None:
    uow.execute(
        insert(t.organisations).values(
            id=uow.organisation_id,
            slug=new.slug,
            name=new.name.strip(),
            preset=new.preset,
            state="live",
            created_at=uow.now,
            last_change=uow.now,
        )
    )
    uow.insert(t.organisations_history, valid_from=uow.now, valid_to=None, state="live")
    uow.insert(t.chains, audit_hash="")


def _join_owner(uow: UnitOfWork, new: NewOrganisation, owner_role: UUID) -> UUID:
    person_id = people.find(uow, new.owner_email)
    if person_id is None:
        person_id = people.create(
            uow,
            email=new.owner_email,
            display_name=new.owner_name,
            password_hash=new.owner_password_hash,
        )
    return members.join(
        uow,
        members.Joining(
            person_id=person_id,
            email=new.owner_email,
            display_name=new.owner_name,
            source="creator",
            role_id=owner_role,
            grant_source="creator",
            owner_of_record=True,
        ),
    )


def _require_sound(uow: UnitOfWork, new: NewOrganisation) -> None:
    fits = 0 < len(new.slug) <= 63 and set(new.slug) <= SLUG_ALPHABET
    if not fits or new.slug.startswith("-") or new.slug.endswith("-"):
        raise InvalidRequest("A slug has 1 to 63 of a-z, 0-9 and inner hyphens.", field="slug")
    _require_name(new.name)
    if "@" not in new.owner_email:
        raise InvalidRequest("The owner's e-mail is an address.", field="owner_email")
    if uow.one(select(t.organisations.c.id).where(t.organisations.c.slug == new.slug)):
        raise AlreadyExists(f"An organisation is called {new.slug!r} already.")


def _require_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= 100:
        raise InvalidRequest("An organisation's name has 1 to 100 characters.", field="name")
    return name


def _require_subscription(uow: UnitOfWork, changes: Mapping[str, object]) -> None:
    unknown = changes.keys() - {"plan", "state", "seat_limit", "features"}
    if unknown:
        raise InvalidRequest(f"A subscription has no {', '.join(sorted(unknown))}.")
    if "plan" in changes:
        plans = presets.of(uow).plans
        if changes["plan"] not in plans:
            raise InvalidRequest(f"The plans are {', '.join(plans)}.", field="plan")
    if "state" in changes and changes["state"] not in list(SubscriptionState):
        raise InvalidRequest(f"A state is {', '.join(SubscriptionState)}.", field="state")
    limit = changes.get("seat_limit")
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise InvalidRequest("A seat limit is a number, or null for none.", field="seat_limit")


def _target(uow: UnitOfWork, name: str) -> Target:
    return Target("organisation", str(uow.organisation_id), name)
