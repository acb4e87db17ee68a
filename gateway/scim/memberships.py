"""Members of a group as requests name them, folded into one delta.

The members that a group has already are never loaded. Only a path whose filter names no ids
(`members[display eq "x"]`) asks the database whom it means.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from scim2_models import (
    InvalidPathException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
)
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
)

from gateway.domain.connections import Connection
from gateway.domain.directory import MemberDelta
from gateway.scim.attributes import GROUPS
from gateway.scim.bodies import value_of
from gateway.scim.dialects import Reading
from gateway.scim.filters import matching_members
from gateway.scim.operations import Operation
from gateway.storage.unit_of_work import UnitOfWork

MEMBERS = GROUPS.attributes["members"]


@dataclass(frozen=True, slots=True)
class Named:
    """Who a list of members names: users by id, and what cannot be a member, by kind."""

    ids: frozenset[UUID] = frozenset()
    strangers: tuple[tuple[str, str], ...] = ()


NOBODY = Named()


@dataclass(frozen=True, slots=True)
class Step:
    """One change of members: `join`, `leave`, `exactly`, `matching` (leave) or `clear`."""

    kind: str
    named: Named = NOBODY
    matching: FilterNode | None = None


@dataclass
class Fold:
    """The changes of one request so far; a later one wins over an earlier one."""

    add: set[UUID] = field(default_factory=set)
    remove: set[UUID] = field(default_factory=set)
    replace: bool = False

    @property
    def delta(self) -> MemberDelta:
        """All changes as one."""
        return MemberDelta(frozenset(self.add), frozenset(self.remove), self.replace)

    def join(self, ids: Iterable[UUID]) -> None:
        """Let users be members."""
        self.add.update(ids)
        self.remove.difference_update(ids)

    def leave(self, ids: Iterable[UUID]) -> None:
        """Let users be members no more."""
        self.add.difference_update(ids)
        if not self.replace:
            self.remove.update(ids)

    def exactly(self, ids: Iterable[UUID]) -> None:
        """Let nobody else be a member."""
        self.add, self.remove, self.replace = set(ids), set(), True


def of_body(body: Mapping[str, Any], reading: Reading) -> Named | None:
    """Return whom a POST or PUT body names; None where it says nothing about members."""
    said = next((value for key, value in body.items() if key.lower() == "members"), None)
    return None if said is None else named(value_of(MEMBERS, said, reading))


def named(entries: Iterable[Mapping[str, Any]] | None) -> Named:
    """Return whom entries of `members` name.

    :raises InvalidValueException: an entry names nobody.
    """
    ids: set[UUID] = set()
    strangers: list[tuple[str, str]] = []
    for entry in entries or ():
        reference = str(entry.get("$ref", ""))
        value = entry.get("value") or reference.rpartition("/")[2]
        if not value:
            raise InvalidValueException(detail="A member has a value: the id of a user.")
        found = _user_id(value)
        if str(entry.get("type", "")).lower() == "group" or "/Groups/" in reference:
            strangers.append(("nested_group", value))
        elif found is None:
            strangers.append(("unknown_member", value))
        else:
            ids.add(found)
    return Named(frozenset(ids), tuple(strangers))


def step_of(operation: Operation) -> Step:
    """Return what an operation on `members` does.

    :raises SCIMException: members are not changed so.
    """
    if operation.op == "remove":
        return _removal(operation)
    if operation.target.sub is not None:
        raise MutabilityException(detail="A member's attributes do not change; remove and add.")
    if operation.target.entries is not None:
        return _written_entry(operation)
    kind = "join" if operation.op == "add" else "exactly"
    return Step(kind, named(operation.value))


def fold(uow: UnitOfWork, connection: Connection, group_id: UUID, steps: Iterable[Step]) -> Fold:
    """Return the delta that steps amount to.

    :raises NoTargetException: all members would go at once, which the connection forbids.
    """
    folded = Fold()
    for step in steps:
        if step.kind == "join":
            folded.join(step.named.ids)
        elif step.kind == "leave":
            folded.leave(step.named.ids)
        elif step.kind == "matching" and step.matching is not None:
            folded.leave(_matching(uow, connection, group_id, step.matching))
        elif step.kind == "clear" and not connection.members_clearable:
            raise NoTargetException(
                detail="Removing all members at once is not allowed here: name them, or let an "
                "admin allow it for this connection."
            )
        else:
            folded.exactly(step.named.ids)
    return folded


def _removal(operation: Operation) -> Step:
    target = operation.target
    if target.sub is not None:
        raise MutabilityException(detail="A member's attributes do not change; remove and add.")
    if target.entries is not None:
        ids = ids_in(target.entries)
        return Step("matching", matching=target.entries) if ids is None else Step("leave", ids)
    if operation.value is None:
        return Step("clear")
    return Step("leave", named(operation.value))


def _written_entry(operation: Operation) -> Step:
    """Replace an entry by itself: it is a member then, whether or not it was one before."""
    assert operation.target.entries is not None  # noqa: S101 - the caller has looked
    wanted = ids_in(operation.target.entries)
    if wanted is None:
        raise InvalidPathException(detail="A member is written by its value.")
    said = (operation.value or {}).get("value")
    if said is not None and _user_id(said) not in wanted.ids:
        raise MutabilityException(detail="A member's value does not change; remove and add.")
    return Step("join", wanted)


def ids_in(node: FilterNode) -> Named | None:
    """Return the ids that a filter on entries lists with `eq` and `or`, or None."""
    terms = (
        node.terms if isinstance(node, LogicalExpr) and node.op is LogicalOperator.or_ else (node,)
    )
    values: list[str] = []
    for term in terms:
        by_value = isinstance(term, Comparison) and term.attr_path.attr.lower() == "value"
        if not (by_value and isinstance(term, Comparison) and isinstance(term.value, str)):
            return None
        if term.op is not CompareOperator.eq:
            return None
        values.append(term.value)
    return named([{"value": value} for value in values])


def _matching(
    uow: UnitOfWork, connection: Connection, group_id: UUID, node: FilterNode
) -> set[UUID]:
    """Return which members, as they are before this request, fulfil a filter."""
    rows = uow.all(
        matching_members(uow.connection.dialect.name, node),
        organisation=uow.organisation_id,
        connection=connection.id,
        group=group_id,
    )
    return {row.user_id for row in rows}


def _user_id(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
