"""Who acts, where, and on what they find there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from gateway.domain.errors import GatewayError
from gateway.domain.identity import Actor, ActorType
from gateway.domain.permissions import SECTIONS
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR
from tests.properties.town import PEOPLE, House, Town, View

T = TypeVar("T")


@dataclass
class Outcome:
    """What was wished, by whom, and what became of it."""

    house: House
    deed: str
    actor: Actor
    takes: bool
    wish: tuple[Any, ...] = ()
    refusal: GatewayError | None = None
    committed: bool = True
    where: tuple[House, ...] = ()
    """The organisations that it may change; people's own business changes none."""
    through: UUID | None = None
    """The invitation that it answers."""

    def __str__(self) -> str:
        said = "" if self.refusal is None else f" -> {self.refusal.code}"
        who = f"{self.actor.type} {_short(self.actor.id)}"
        wish = ", ".join(map(_short, self.wish))
        return f"{self.house.slug}: {who} {self.deed}({wish}){said}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return str([*map(_short, value)])
    try:
        return f"#{UUID(str(value)).int:x}"
    except ValueError:
        return str(value)


class Pointless(Exception):
    """There is nothing yet that the deed could be about; another is drawn."""


@dataclass
class Hand:
    """Who acts, where, on what they find; `wish` collects what a history prints."""

    town: Town
    house: House
    view: View
    actor: Actor = OPERATOR
    wish: list[Any] = field(default_factory=list)
    through: UUID | None = None

    @property
    def rng(self) -> Random:
        return self.town.rng

    def some(self, of: Sequence[T]) -> T:
        """One of them."""
        found = self.rng.choice(of)
        self.wish.append(found)
        return found

    def named(self, ids: Sequence[UUID]) -> UUID:
        """One of our ids; now and then an unknown one."""
        if not ids:
            raise Pointless
        chosen = self.rng.choice(ids) if self.rng.random() > 0.03 else UUID(int=7)
        self.wish.append(chosen)
        return chosen

    def member(self) -> UUID:
        """A member, removed ones too; now and then somebody of next door."""
        if self.rng.random() < 0.04:
            return self.named(sorted(self.view.of(self.town.other(self.house))))
        return self.named(sorted(self.view.of(self.house)))

    def free_member(self) -> UUID:
        """Mostly somebody whose role is given by hand, and who does not own."""
        members = self.view.of(self.house).values()
        free = [m.id for m in members if not (m.managed_by or m.owner_of_record or m.removed_at)]
        return self.named(free) if free and self.rng.random() < 0.7 else self.member()

    def connection(self) -> UUID:
        """One of the connections that are there."""
        first, *others = self.house.connections
        return self.some([first, first, first, *others])

    def source(self) -> UUID:
        """One of the connections whose groups rules may name."""
        return self.some([*self.house.connections, *self.house.sign_on])

    def owner(self) -> None:
        """From now on the founder acts."""
        who = self.house.owner_id
        self.actor = Actor(ActorType.MEMBER, str(who), "Olga", who)

    def address(self) -> str:
        name = self.rng.choice(PEOPLE)
        domains_here = [f"{house.slug}.test" for house in self.town.houses]
        own = f"{self.house.slug}.test"
        address = f"{name}@{self.rng.choice([*domains_here, own, own, 'outside.test'])}"
        chosen = address.upper() if self.rng.random() < 0.1 else address
        self.wish.append(chosen)
        return chosen

    def sections(self) -> dict[str, str]:
        chosen = {
            name: self.rng.choice(("read", "write"))
            for name in self.rng.sample(SECTIONS, self.rng.randint(1, 3))
        }
        self.wish.append(chosen)
        return chosen


Verb = Callable[[UnitOfWork], Any]


@dataclass(frozen=True)
class AtLarge:
    """A verb about people, which opens its units itself, in these organisations or in none."""

    run: Callable[[Work], Any]
    where: tuple[House, ...] = ()


Deed = Callable[[Hand], Verb | AtLarge]
