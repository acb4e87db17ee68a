"""Where each attribute lies in the database, and how it is compared there.

Comparisons have two truth values: a missing value equals nothing, and differs from everything
(RFC 7644 §3.4.2.2). Statements that use them bind `organisation` and `connection`.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from scim2_models import InvalidFilterException
from scim2_models.path import CompareOperator
from sqlalchemy import (
    Column,
    FromClause,
    String,
    Table,
    Uuid,
    bindparam,
    cast,
    exists,
    false,
    literal,
    select,
    true,
)

from gateway.domain.text import fold
from gateway.scim.attributes import Attribute, Kind
from gateway.scim.rendering import etag
from gateway.scim.sql import Expression, Spelling, prefix_range
from gateway.storage.holding import holds

ORDERED: dict[CompareOperator, Callable[[Any, Any], Any]] = {
    CompareOperator.eq: operator.eq,
    CompareOperator.gt: operator.gt,
    CompareOperator.ge: operator.ge,
    CompareOperator.lt: operator.lt,
    CompareOperator.le: operator.le,
}
ORGANISATION = bindparam("organisation", type_=Uuid())
CONNECTION = bindparam("connection", type_=Uuid())


class Leaf(Protocol):
    """One value: compared, and sorted by. The value compared with is never None."""

    @property
    def expression(self) -> Expression:
        """What sorting and presence look at."""

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Whether the value stands in that relation to another."""


@dataclass(frozen=True, slots=True)
class TextLeaf:
    """Text, compared by code point; `ranged` where an index serves prefixes."""

    expression: Expression
    spelling: Spelling
    exact: bool = False
    ranged: bool = False

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Compare as the schema's caseExact says."""
        wanted = _text(value) if self.exact else fold(_text(value))
        if op in ORDERED:
            compared: Expression = ORDERED[op](self.expression, wanted)
            return compared
        if op is CompareOperator.ne:
            return self.expression.is_distinct_from(wanted)
        if op is CompareOperator.co:
            return holds(self.expression, wanted)
        if op is CompareOperator.ew:
            return self.spelling.ends(self.expression, wanted)
        if self.ranged:
            return prefix_range(self.expression, wanted)
        return self.spelling.starts(self.expression, wanted)


@dataclass(frozen=True, slots=True)
class BooleanLeaf:
    """True or false; `spelled` where the database keeps it as text."""

    expression: Expression
    spelled: bool = True

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Compare for equality: booleans have no order (RFC 7644 §3.4.2.2)."""
        wanted = str(value).lower()
        if wanted not in ("true", "false"):
            raise InvalidFilterException(detail="A boolean is compared with true or false.")
        against: Any = wanted if self.spelled else wanted == "true"
        if op is CompareOperator.eq:
            same: Expression = self.expression == against
            return same
        if op is CompareOperator.ne:
            return self.expression.is_distinct_from(against)
        raise InvalidFilterException(detail=f"'{op}' does not apply to a boolean.")


@dataclass(frozen=True, slots=True)
class InstantLeaf:
    """An instant, whose parts are not compared."""

    expression: Expression

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Compare in time; an instant without offset is UTC."""
        if op in (CompareOperator.co, CompareOperator.sw, CompareOperator.ew):
            return false()
        try:
            wanted = datetime.fromisoformat(_text(value))
        except ValueError:
            raise InvalidFilterException(detail=f"'{value}' is no date and time.") from None
        if wanted.tzinfo is None:
            wanted = wanted.replace(tzinfo=UTC)
        if op is CompareOperator.ne:
            return self.expression != wanted
        compared: Expression = ORDERED[op](self.expression, wanted)
        return compared


@dataclass(frozen=True, slots=True)
class IdLeaf:
    """An id: a UUID in the database, its usual text on the wire."""

    column: Expression
    spelling: Spelling

    @property
    def expression(self) -> Expression:
        """The id as text."""
        return self.spelling.written(self.column)

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Compare; equality uses the key."""
        wanted = _text(value)
        if op in (CompareOperator.eq, CompareOperator.ne):
            known = parsed_id(wanted)
            same: Expression = false() if known is None else self.column == known
            return same if op is CompareOperator.eq else ~same
        return TextLeaf(self.expression, self.spelling, exact=True).compare(op, wanted)


@dataclass(frozen=True, slots=True)
class VersionLeaf:
    """The entity tag of a version number."""

    column: Expression
    spelling: Spelling

    @property
    def expression(self) -> Expression:
        """The version number: tags have no order of their own."""
        return self.column

    def compare(self, op: CompareOperator, value: Any) -> Expression:
        """Compare the tag as text."""
        before, after = etag(0).split("0")
        tag = literal(before, String).op("||")(cast(self.column, String)).op("||")(after)
        return TextLeaf(tag, self.spelling, exact=True).compare(op, value)


class Entries(Protocol):
    """The entries of a multi-valued attribute of the row at hand."""

    def some(self, condition: Expression | None = None) -> Expression:
        """Whether there is an entry, or one that fulfils the condition."""

    def leaf(self, attribute: Attribute | None) -> Leaf:
        """Return a sub-attribute of the entry at hand, or the entry itself."""

    def first(self, attribute: Attribute | None) -> Expression:
        """Return what sorting takes: the sub-attribute of the primary or first entry."""


@dataclass(frozen=True, slots=True)
class JSONEntries:
    """Entries that the search document holds, the primary one first."""

    table: Table
    keys: tuple[str, ...]
    exact: bool
    spelling: Spelling
    source: FromClause

    @classmethod
    def of(
        cls, table: Table, keys: tuple[str, ...], attribute: Attribute, spelling: Spelling
    ) -> "JSONEntries":
        """Return the entries of an attribute that lies under `keys`."""
        source = spelling.entries_at(table.c.search, keys)
        return cls(table, keys, attribute.exact, spelling, source)

    def some(self, condition: Expression | None = None) -> Expression:
        """Whether there is an entry, or one that fulfils the condition."""
        found = select(literal(1)).select_from(self.source).correlate(self.table)
        return exists(found if condition is None else found.where(condition))

    def leaf(self, attribute: Attribute | None) -> Leaf:
        """Return a sub-attribute of the entry at hand, or the entry itself."""
        entry: Expression = self.source.c["value"]
        if attribute is None:
            return TextLeaf(self.spelling.scalar(entry), self.spelling, exact=self.exact)
        return plain_leaf(self.spelling.text_at(entry, (attribute.key,)), attribute, self.spelling)

    def first(self, attribute: Attribute | None) -> Expression:
        """Return the sub-attribute of the first entry."""
        tail = () if attribute is None else (attribute.key,)
        return self.spelling.text_at(self.table.c.search, (*self.keys, "0", *tail))


@dataclass(frozen=True, slots=True)
class TableEntries:
    """Entries that rows of another table hold, found from the entry's side."""

    row_id: Column[Any]
    owner: Column[Any]
    source: FromClause
    where: Expression
    leaves: dict[str, Leaf]

    def some(self, condition: Expression | None = None) -> Expression:
        """Whether there is an entry, or one that fulfils the condition."""
        table = self.owner.table
        found = (
            select(self.owner)
            .select_from(self.source)
            .where(
                table.c.organisation_id == ORGANISATION,
                table.c.connection_id == CONNECTION,
                self.where,
                true() if condition is None else condition,
            )
        )
        return self.row_id.in_(found)

    def leaf(self, attribute: Attribute | None) -> Leaf:
        """Return a sub-attribute of the entry at hand."""
        return self.leaves[attribute.key if attribute else "value"]

    def first(self, attribute: Attribute | None) -> Expression:
        """Return the sub-attribute of the entry with the smallest value."""
        found = (
            select(self.leaf(attribute).expression)
            .select_from(self.source)
            .where(
                self.owner.table.c.organisation_id == ORGANISATION,
                self.owner.table.c.connection_id == CONNECTION,
                self.owner == self.row_id,
                self.where,
            )
            .order_by(self.leaves["value"].expression)
            .limit(1)
            .correlate(self.row_id.table)
        )
        return found.scalar_subquery()


def plain_leaf(expression: Expression, attribute: Attribute, spelling: Spelling) -> Leaf:
    """Return the leaf of an attribute whose value is text in the search document."""
    if attribute.kind is Kind.BOOLEAN:
        return BooleanLeaf(expression)
    return TextLeaf(expression, spelling, exact=attribute.exact)


def parsed_id(text: str) -> UUID | None:
    """Return the UUID that a text spells in its usual form, or None."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidFilterException(detail=f"{value!r} is compared with text.")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidFilterException(detail="The value holds a character that no text has.")
    return value
