"""Organisations, people and directories for tests, made through the product's own verbs."""

import json
from dataclasses import dataclass
from uuid import UUID

from gateway.domain.connections import Connection
from gateway.domain.directory import GroupRecord, StoredGroup, StoredUser, UserRecord
from gateway.domain.errors import Refused
from gateway.domain.identity import Actor, ActorType
from gateway.domain.text import fold
from gateway.services import (
    break_glass,
    connections,
    credentials,
    directory,
    directory_groups,
    domains,
    organisations,
    people,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work

PASSWORD = "correct horse battery"
PASSWORD_HASH = people.hash_password(PASSWORD)
OPERATOR = Actor(ActorType.OPERATOR, "operator", "Operator")
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@dataclass(frozen=True)
class House:
    """An organisation with an owner, a successor and a SCIM connection."""

    organisation_id: UUID
    owner_id: UUID
    successor_id: UUID
    connection: Connection

    @property
    def idp(self) -> Actor:
        """The connection as an actor."""
        return Actor(ActorType.SCIM_CONNECTION, str(self.connection.id), self.connection.name)


def found_organisation(
    work: Work,
    slug: str = "acme",
    preset: str = "five_role",
    plan: str | None = None,
    **policies: object,
) -> tuple[UUID, UUID]:
    """Make an organisation with the enterprise add-on; return its id and its owner's."""

    def found(uow: UnitOfWork) -> tuple[UUID, UUID]:
        new = organisations.NewOrganisation(
            slug=slug,
            name=slug.title(),
            preset=preset,
            plan=plan,
            add_ons=("enterprise",),
            policies=policies,
            owner_email=f"owner@{slug}.test",
            owner_name=f"Olga {slug.title()}",
        )
        return uow.organisation_id, organisations.create(uow, new)

    return work.found(OPERATOR, found)


def house(work: Work, slug: str = "acme", preset: str = "five_role", **settings: object) -> House:
    """Make an organisation whose people an identity provider may provision."""
    organisation_id, owner_id = found_organisation(work, slug, preset, seat_overage="bill")

    def furnish(uow: UnitOfWork) -> tuple[UUID, Connection]:
        domains.force_verify(uow, f"{slug}.test")
        successor = organisations.add_member(
            uow,
            email=f"second@{slug}.test",
            display_name="Sara Second",
            role=second_role(preset),
        )
        heir = successor if terms.current(uow).ownership_may_pass else None
        if heir is None:
            appoint_break_glass(uow, owner_id)
        connection_id = connections.create(uow, "Okta", heir, **settings)
        return successor, connections.get(uow, connection_id)

    successor_id, connection = work.run(organisation_id, OPERATOR, furnish)
    return House(organisation_id, owner_id, successor_id, connection)


def appoint_break_glass(uow: UnitOfWork, owner_id: UUID) -> None:
    """Give an owner of record two factors, and let them always come in."""
    person_id = uow.load(t.members, owner_id).person_id
    here = PersonWork.beside(uow)
    here.change(t.persons, person_id, password_hash=PASSWORD_HASH)
    credentials.new_recovery_codes(here, person_id)
    break_glass.appoint(uow, owner_id)


def second_role(preset: str) -> str:
    """A role below the owner's that may run the organisation."""
    return "supervisor" if preset == "whatsapp" else "admin"


def user_record(
    user_name: str, external_id: str | None = None, *, active: bool | None = True
) -> UserRecord:
    """What an identity provider says of a person."""
    display_name = user_name.partition("@")[0].replace(".", " ").title()
    said = {
        "schemas": [USER],
        "userName": user_name,
        "displayName": display_name,
        "emails": [{"value": user_name, "primary": True}],
    }
    if external_id is not None:
        said["externalId"] = external_id
    return UserRecord(
        user_name=user_name,
        external_id=external_id,
        active=active,
        display_name=display_name,
        email=user_name if "@" in user_name else None,
        emails=(fold(user_name),) if "@" in user_name else (),
        document=json.dumps(said, separators=(",", ":")),
        search={"username": fold(user_name), "displayname": fold(display_name)},
    )


def group_record(name: str, external_id: str | None = None) -> GroupRecord:
    """What an identity provider says of a group."""
    return GroupRecord(
        display_name=name,
        external_id=external_id,
        document=json.dumps({"displayName": name}),
        search={"displayname": fold(name)},
    )


def provision(
    work: Work, house: House, user_name: str, external_id: str | None = None
) -> StoredUser:
    """Create a user through the connection."""
    made = work.run(
        house.organisation_id,
        house.idp,
        lambda uow: directory.create_user(
            uow, house.connection, user_record(user_name, external_id)
        ),
    )
    assert not isinstance(made, Refused)
    return made


def provision_group(work: Work, house: House, name: str, *members: UUID) -> StoredGroup:
    """Create a group through the connection."""
    return work.run(
        house.organisation_id,
        house.idp,
        lambda uow: directory_groups.create_group(
            uow, house.connection, group_record(name), frozenset(members)
        ),
    )
