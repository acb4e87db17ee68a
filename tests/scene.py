"""An organisation in motion: its people and its identity provider act, and tests look on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, Table, insert

from gateway.domain.connections import Connection
from gateway.domain.decisions import Access
from gateway.domain.directory import MemberDelta, StoredGroup, StoredUser
from gateway.domain.errors import Refused
from gateway.domain.identity import Actor, ActorType
from gateway.domain.plans import SeatCount
from gateway.services import (
    access,
    availability,
    connections,
    directory,
    directory_groups,
    domains,
    keys,
    mapping,
    members,
    organisations,
    ownership,
    seats,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import OPERATOR, House, group_record, house, user_record

T = TypeVar("T")


@dataclass(frozen=True)
class Scene:
    """One organisation, and what its connection, members and operator do."""

    work: Work
    house: House

    # -- acting -----------------------------------------------------------

    def do(self, verb: Callable[[UnitOfWork], T], actor: Actor = OPERATOR) -> T:
        """Run a verb in one unit of work."""
        return self.work.run(self.house.organisation_id, actor, verb)

    def run(self, verb: Callable[..., T], *values: Any, by: Actor = OPERATOR) -> T:
        """Run a verb with these values in one unit of work."""
        return self.do(lambda uow: verb(uow, *values), by)

    def let_pass(self, time: timedelta) -> None:
        """Move the clock, which otherwise stands still."""
        clock = self.work.clock
        assert isinstance(clock, Clock)
        clock.advance(time)

    def by(self, member_id: UUID) -> Actor:
        """A member who acts by a key of their own."""
        return Actor(ActorType.MEMBER, str(member_id), "Somebody", member_id)

    @property
    def connection(self) -> Connection:
        """The connection as it is now."""
        return self.see(lambda uow: connections.get(uow, self.house.connection.id))

    def configure(self, **settings: object) -> None:
        """Change the connection's settings."""
        self.do(lambda uow: connections.update(uow, self.house.connection.id, **settings))

    def limit_seats(self, limit: int | None) -> None:
        """Change the subscription's limit, and let nobody be billed beyond it."""

        def verb(uow: UnitOfWork) -> None:
            terms.override(uow, {"seat_overage": "block"})
            organisations.change_subscription(uow, seat_limit=limit)

        self.do(verb)

    def employ(self, email: str, role: str, name: str = "") -> UUID:
        """Make a member by hand."""
        return self.do(
            lambda uow: organisations.add_member(
                uow, email=email, display_name=name or email.partition("@")[0], role=role
            )
        )

    def appoint(self, email: str, role: str = "admin") -> UUID:
        """Make a member who is a further owner of record, where there may be several."""
        member_id = self.employ(email, role)
        self.do(lambda uow: ownership.recover(uow, member_id))
        return member_id

    def go_live(self, member_id: UUID) -> None:
        """A member says that they take conversations."""
        self.run(availability.set_own, member_id, "live", by=self.by(member_id))

    # -- the identity provider --------------------------------------------

    def idp(self, verb: Callable[[UnitOfWork, Connection], T]) -> T:
        """Run a verb as the connection."""
        here = self.house.connection.id
        return self.do(lambda uow: verb(uow, connections.get(uow, here)), self.house.idp)

    def post(
        self, user_name: str, external_id: str | None = None, *, active: bool | None = True
    ) -> StoredUser:
        """Create a user; it must not be refused."""
        made = self.try_post(user_name, external_id, active=active)
        assert not isinstance(made, Refused)
        return made

    def try_post(
        self, user_name: str, external_id: str | None = None, *, active: bool | None = True
    ) -> StoredUser | Refused:
        """Create a user."""
        record = user_record(user_name, external_id, active=active)
        return self.idp(lambda uow, here: directory.create_user(uow, here, record))

    def set_active(self, user: StoredUser, active: bool | None) -> StoredUser | Refused:
        """Say no more than whether a user is active."""
        record = user_record(user.user_name, user.external_id, active=active)
        return self.idp(lambda uow, here: directory.update_user(uow, here, user.id, record))

    def delete(self, user: StoredUser) -> Refused | None:
        """Delete a user."""
        return self.idp(lambda uow, here: directory.delete_user(uow, here, user.id))

    def group(self, name: str, *users: StoredUser) -> StoredGroup:
        """Create a group."""
        ids = frozenset(user.id for user in users)
        return self.idp(
            lambda uow, here: directory_groups.create_group(uow, here, group_record(name), ids)
        )

    def move(
        self,
        group: StoredGroup,
        add: Sequence[StoredUser] = (),
        remove: Sequence[StoredUser] = (),
    ) -> StoredGroup:
        """Add people to a group and take others out."""
        delta = MemberDelta(
            add=frozenset(user.id for user in add), remove=frozenset(user.id for user in remove)
        )
        return self.idp(
            lambda uow, here: directory_groups.update_group(uow, here, group.id, None, delta)
        )

    def map(self, group: StoredGroup, kind: str = "role", **wish: Any) -> UUID:
        """Map a group; a role may be named by its key."""
        if isinstance(wish.get("role"), str):
            wish["role_id"] = self.role(wish.pop("role"))
            wish.setdefault("priority", self.free_priority())
        return self.do(
            lambda uow: mapping.create_rule(uow, self.house.connection.id, group.id, kind, **wish)
        )

    # -- looking ----------------------------------------------------------

    def see(self, look: Callable[[UnitOfWork], T]) -> T:
        """Read."""
        with self.work.read(self.house.organisation_id) as uow:
            return look(uow)

    def member(self, member_id: UUID | None) -> Any:
        """The member's row."""
        assert member_id is not None
        return self.see(lambda uow: members.get(uow, member_id))

    def access(self, member_id: UUID | None) -> Access:
        """What the member may do now."""
        assert member_id is not None
        return self.see(lambda uow: access.effective(uow, member_id))

    def role_of(self, member_id: UUID | None) -> str | None:
        """The key of the effective role."""
        role = self.access(member_id).role
        return None if role is None else role.key

    def role(self, key: str) -> UUID:
        """The id of a role."""
        roles = self.see(access.roles_at)
        return next(role.id for role in roles if role.key == key)

    def free_priority(self) -> int:
        """A priority below every present one."""
        rules = self.see(lambda uow: mapping.listing(uow, self.house.connection.id))
        taken = [rule.priority for rule in rules if rule.priority is not None]
        return max(taken, default=0) + 1

    def rows(self, table: Any, **where: object) -> Sequence[Row[Any]]:
        """Rows of the organisation."""
        return self.see(
            lambda uow: uow.all(
                uow.own(table).where(*(table.c[name] == value for name, value in where.items()))
            )
        )

    def facts(self, action: str, about: UUID | None = None) -> Sequence[Row[Any]]:
        """Feed rows of one type, about one target where it is named."""
        found = self.rows(t.outbox, type=action, channel="feed")
        return [
            row
            for row in sorted(found, key=lambda row: (row.created_at, row.position))
            if about is None or str(about) in {x["id"] for x in row.payload["targets"]}
        ]

    def attention(self) -> dict[str, int]:
        """How often each kind of attention item was noted."""
        counted: dict[str, int] = {}
        for row in self.rows(t.attention_items):
            counted[row.kind] = counted.get(row.kind, 0) + int(row._mapping["count"])
        return counted

    def seats_in_use(self) -> SeatCount:
        """The counters."""
        return self.see(seats.count)

    def sign_in(self, member_id: UUID | None) -> None:
        """Give a member a live session and a live API key."""
        assert member_id is not None

        def verb(uow: UnitOfWork) -> None:
            row = uow.load(t.members, member_id)
            names = ("created_at", "last_seen_at", "proved_at", "recorded_at")
            times = dict.fromkeys(names, uow.now)
            session = {
                "id": uow.new_id(),
                "person_id": row.person_id,
                "token_hash": "",
                "factors": ["password"],
                "expires_at": uow.now + timedelta(hours=12),
                **times,
            }
            uow.execute(insert(t.sessions).values(**_known(t.sessions, session)))
            proof = {
                "session_id": session["id"],
                "member_id": member_id,
                "method": "own",
                "break_glass": False,
                "access_epoch": row.access_epoch,
                "expires_at": session["expires_at"],
                **times,
            }
            uow.insert(t.session_proofs, **_known(t.session_proofs, proof))
            keys.create(uow, "Script", ("org.read",), member_id=member_id)

        self.do(verb)

    def live_credentials(self, member_id: UUID | None) -> int:
        """How many sessions and API keys of a member are live."""
        return sum(
            len(self.rows(table, member_id=member_id, revoked_at=None))
            for table in (t.session_proofs, t.api_keys)
        )


def _known(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in table.c}


def scene(work: Work, slug: str = "acme", preset: str = "five_role", **settings: object) -> Scene:
    """Found an organisation with a connection, without a limit of seats."""
    return Scene(work, house(work, slug, preset, **settings))


def second_connection(acme: Scene, name: str = "Entra") -> Scene:
    """The same organisation, seen by another connection of its own."""

    def make(uow: UnitOfWork) -> Connection:
        made = connections.create(uow, name, acme.house.successor_id)
        return connections.get(uow, made)

    return Scene(acme.work, replace(acme.house, connection=acme.do(make)))


def prove(acme: Scene, domain: str) -> None:
    """Prove one more domain."""
    acme.do(lambda uow: domains.force_verify(uow, domain))
