"""Two organisations side by side, with the same people, names and addresses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, select

from gateway.domain.connections import Connection
from gateway.domain.identity import Actor, ActorType
from gateway.domain.roles import CustomRole
from gateway.services import (
    asserted_groups,
    break_glass,
    chatbots,
    connections,
    directory_groups,
    domains,
    narrowing,
    organisations,
    roles,
    teams,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, appoint_break_glass, group_record, second_role
from tests.service.signin.lodge import ISSUER, certificate, set_up

T = TypeVar("T")
PRESETS = ("five_role", "members_invitations", "whatsapp", "pleep", "pingback")
PEOPLE = ("owner", "second", "anna", "bert", "carl", "Änne")
"""First names; everybody has an address at both organisations and at one outside."""

NEWCOMERS = tuple(f"{name}@new.test" for name in ("ivy", "lena", "pete", "noor"))
"""Who is nobody yet."""

CERTIFICATE = certificate()
GROUPS = ("Eng", "Support", "Sales", "ENG ops")


@dataclass(frozen=True)
class Invited:
    """An invitation, and the link that was mailed with it."""

    id: UUID
    token: str
    email: str


@dataclass(frozen=True)
class Key:
    """An API key, and the member whose it is, or nobody's but the organisation's."""

    id: UUID
    member_id: UUID | None


@dataclass
class House:
    """One organisation, and the ids of what it ever had, the dead included."""

    slug: str
    preset: str
    organisation_id: UUID
    owner_id: UUID
    successor_id: UUID
    connections: list[UUID] = field(default_factory=list)
    sign_on: list[UUID] = field(default_factory=list)
    users: dict[UUID, list[UUID]] = field(default_factory=dict)
    groups: dict[UUID, list[UUID]] = field(default_factory=dict)
    rules: list[UUID] = field(default_factory=list)
    chatbots: list[UUID] = field(default_factory=list)
    teams: list[UUID] = field(default_factory=list)
    conversations: list[UUID] = field(default_factory=list)
    roles: dict[str, UUID] = field(default_factory=dict)
    custom: list[UUID] = field(default_factory=list)
    invited: list[Invited] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    proposed: list[tuple[str, str]] = field(default_factory=list)
    """Secrets of proposed links, and the addresses that the provider said."""


@dataclass(frozen=True)
class View:
    """The members of both organisations, and the organisations themselves, at one moment."""

    members: Mapping[UUID, Any]
    organisations: Mapping[UUID, Any]

    def of(self, house: House) -> dict[UUID, Any]:
        """The members of one organisation."""
        here = house.organisation_id
        return {m.id: m for m in self.members.values() if m.organisation_id == here}

    def instant(self, house: House) -> datetime:
        """When the organisation changed last."""
        found: datetime = self.organisations[house.organisation_id].last_change
        return found


@dataclass
class Town:
    """The two houses, and a way to act in them."""

    work: Work
    rng: Random
    houses: tuple[House, House]

    def other(self, house: House) -> House:
        """The organisation next door."""
        return self.houses[1] if house is self.houses[0] else self.houses[0]

    def run(self, house: House, actor: Actor, verb: Callable[[UnitOfWork], T]) -> T:
        """Run a verb in one unit."""
        return self.work.run(house.organisation_id, actor, verb)

    def rows(self, statement: Any) -> Sequence[Row[Any]]:
        """Read."""
        with self.work.platform() as database:
            return database.execute(statement).all()

    def view(self) -> View:
        """Look at everybody."""
        ids = [house.organisation_id for house in self.houses]
        m, o = t.members, t.organisations
        with self.work.platform() as database:
            found = database.execute(select(m).where(m.c.organisation_id.in_(ids))).all()
            here = database.execute(select(o).where(o.c.id.in_(ids))).all()
        return View({row.id: row for row in found}, {row.id: row for row in here})


def town(work: Work, rng: Random, name: str) -> Town:
    """Found two organisations that share people and a domain outside of both."""
    houses = tuple(_house(work, rng, f"{name}-{side}") for side in ("acme", "globex"))
    return Town(work, rng, (houses[0], houses[1]))


def _house(work: Work, rng: Random, slug: str) -> House:
    preset = rng.choice((*PRESETS, "members_invitations"))

    def found(uow: UnitOfWork) -> tuple[UUID, UUID]:
        new = organisations.NewOrganisation(
            slug=slug,
            name=slug,
            preset=preset,
            add_ons=("enterprise",),
            policies={
                "seat_overage": rng.choice(("block", "block", "bill")),
                "invites_when_scim": rng.choice(("off", "guests_only", "on", "on", "on")),
                "direct_create": rng.choice((True, False)),
                "transfer": "allowed",  # the owner may be provisioned, and somebody succeeds
            },
            owner_email=f"owner@{slug}.test",
            owner_name="Olga Owner",
        )
        return uow.organisation_id, organisations.create(uow, new)

    organisation_id, owner_id = work.found(OPERATOR, found)

    def furnish(uow: UnitOfWork) -> House:
        organisations.change_subscription(uow, seat_limit=None)
        domains.force_verify(uow, f"{slug}.test")
        successor = organisations.add_member(
            uow,
            email=f"second@{slug}.test",
            display_name="Sara Second",
            role=second_role(preset),
        )
        house = House(slug, preset, organisation_id, owner_id, successor)
        appoint_break_glass(uow, owner_id)
        if rng.random() < 0.7:
            break_glass.end(uow, owner_id)
        for number in range(2):
            add_connection(uow, house, rng, f"IdP {number}")
        add_sign_on(uow, house, rng)
        house.chatbots += [chatbots.create(uow, name) for name in ("Sales", "Care")]
        house.teams.append(teams.create(uow, "First"))
        if preset == "members_invitations":
            _let_somebody_lead(uow, house)
        rows = uow.all(uow.own(t.roles))
        house.roles = {row.key: row.id for row in rows}
        return house

    house = work.run(organisation_id, OPERATOR, furnish)
    limit = rng.choice((None, 3, 4, 6))
    work.run(
        organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, seat_limit=limit),
    )
    return house


def _let_somebody_lead(uow: UnitOfWork, house: House) -> None:
    """Add a member whose own role lets them manage others, and who sees one chatbot alone."""
    atoms = ("members.invite", "members.update", "members.remove")
    sections = {"conversations": "write", "testing": "read"}
    lead = roles.create(uow, CustomRole(name="Lead", rank=20, atoms=atoms, sections=sections))
    member_id = organisations.add_member(
        uow, email=f"lead@{house.slug}.test", display_name="Lea Lead", role=f"custom_{lead.hex}"
    )
    narrowing.narrow(uow, member_id, {house.chatbots[0]: sections})
    house.custom.append(lead)


def add_connection(uow: UnitOfWork, house: House, rng: Random, name: str) -> None:
    """Make one more connection with some settings."""
    priced = house.preset == "pleep"  # elsewhere nothing is charged, whatever is added
    made = connections.create(
        uow,
        name,
        house.successor_id,
        unmapped=rng.choice(("default_role", "default_role", "no_access")),
        bot_scope=rng.choice((None, "all", "selected")),
        seat_overage=rng.choice(("refuse", "waitlist", "bill" if priced else "refuse")),
    )
    house.connections.append(made)
    here = connections.get(uow, made)
    made_groups = [
        directory_groups.create_group(uow, here, group_record(group)).id for group in GROUPS[:2]
    ]
    house.users[made], house.groups[made] = [], made_groups


def add_sign_on(uow: UnitOfWork, house: House, rng: Random) -> None:
    """Make one more connection through which people sign in, and become members."""
    wish = {
        "issuer": ISSUER,
        "sso_url": "https://idp.acme.test/sso",
        "certificates": [CERTIFICATE],
        "jit": True,
        "unmapped": rng.choice(("default_role", "no_access")),
        "bot_scope": rng.choice((None, "all", "selected")),
        "subject_match": rng.choice(("external_id", "user_name")),
    }
    made = set_up(uow, "saml", wish)
    house.sign_on.append(made)
    house.groups[made] = [asserted_groups.named(uow, made, name) for name in GROUPS[:2]]


def idp(connection: Connection) -> Actor:
    """A connection as an actor."""
    return Actor(ActorType.SCIM_CONNECTION, str(connection.id), connection.name)
