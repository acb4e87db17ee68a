"""SCIM filters (RFC 7644 §3.4.2.2) compiled to SQL, and what sorting orders by."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from scim2_models import (
    ForbiddenException,
    InvalidFilterException,
    InvalidPathException,
    Path,
    ScimFilter,
)
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from sqlalchemy import Select, Uuid, and_, bindparam, false, func, not_, or_, select, true

from gateway.scim.attributes import SCHEMAS, Attribute, Kind, Schema
from gateway.scim.directory import Directory, addresses, directory
from gateway.scim.limits import require_terms
from gateway.scim.places import CONNECTION, ORGANISATION, Entries, Leaf, TableEntries
from gateway.scim.remembering import remembered
from gateway.scim.sql import Expression

LOCATION = "meta.location"


@remembered(512)
def compile_filter(kind: str, database: str, text: str, among: tuple[str, ...]) -> Expression:
    """Return the condition on rows of a resource type that a filter states.

    `among` are the types searched together: an attribute that only another of them declares
    has no value here (RFC 7644 §3.4.2.1), one that none declares is refused.

    :raises InvalidFilterException: not a filter, or not applicable.
    :raises ForbiddenException: it asks for a password.
    """
    node = ScimFilter(text).ast
    require_terms(node)
    return _Rows(directory(kind, database), among).visit(node)


@remembered(512)
def asks_what_changed_since(text: str) -> bool:
    """Whether a filter insists on a late `meta.lastModified`, as a provider's regular look does."""
    node = ScimFilter(text).ast
    joined = isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_
    terms = node.terms if joined and isinstance(node, LogicalExpr) else (node,)
    return any(
        isinstance(term, Comparison)
        and str(term.attr_path).lower() == "meta.lastmodified"
        and term.op in (CompareOperator.gt, CompareOperator.ge)
        for term in terms
    )


@remembered(512)
def is_served_by_index(text: str) -> bool:
    """Whether a filter is one comparison that an index finds, and so takes no longer than its page.

    All others may look at everybody.
    """
    node = ScimFilter(text).ast
    return (
        isinstance(node, Comparison)
        and node.value is not None
        and node.op in INDEXED.get(str(node.attr_path).lower(), ())
    )


EQUAL = frozenset({CompareOperator.eq})
PREFIX = EQUAL | {CompareOperator.sw}
LATER = EQUAL | {CompareOperator.gt, CompareOperator.ge}
INDEXED: Mapping[str, AbstractSet[CompareOperator]] = {
    "id": EQUAL,
    "username": PREFIX,
    "externalid": PREFIX,
    "emails.value": PREFIX,
    "meta.lastmodified": LATER,
}


def is_value_path_comparison(text: str) -> bool:
    """Whether a filter compares after a value path, which the grammar does not know."""
    return "]." in text


def sort_expression(
    kind: str, database: str, path: str, among: tuple[str, ...]
) -> Expression | None:
    """Return what a type's rows are ordered by; None where it does not declare the attribute.

    :raises InvalidPathException: no attribute of any type searched, or one without order.
    """
    try:
        node = Path(path).ast
    except InvalidPathException:
        node = None
    if not isinstance(node, AttrPath):
        raise InvalidPathException(detail=f"Cannot sort by '{path}'.")
    place = _place(SCHEMAS[kind], node)
    if place is None:
        if all(_place(SCHEMAS[each], node) is None for each in among):
            raise InvalidPathException(detail=f"Cannot sort by '{path}'.")
        return None
    if place.target.kind is Kind.COMPLEX or place.target.write_only or place.path == LOCATION:
        raise InvalidPathException(detail=f"Cannot sort by '{path}'.")
    found = directory(kind, database)
    if place.head.multi:
        return found.many(place.head_keys, place.head).first(place.sub)
    return found.leaf(place.keys, place.target).expression


def matching_members(database: str, node: FilterNode) -> Select[Any]:
    """Return the statement that finds the members of a `group` who fulfil a filter on entries."""
    entries = directory("Group", database).entries["members"]
    assert isinstance(entries, TableEntries)  # noqa: S101 - members are rows
    table = entries.owner.table
    return (
        select(table.c.user_id)
        .select_from(entries.source)
        .where(
            table.c.organisation_id == ORGANISATION,
            table.c.connection_id == CONNECTION,
            entries.owner == bindparam("group", type_=Uuid()),
            entries.where,
            _Entry(entries, SCHEMAS["Group"].attributes["members"]).visit(node),
        )
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """An attribute path bound to the schema: the attribute, and its sub-attribute if any."""

    head: Attribute
    sub: Attribute | None
    home: tuple[str, ...] = field(default=())

    @property
    def target(self) -> Attribute:
        return self.sub or self.head

    @property
    def head_keys(self) -> tuple[str, ...]:
        return (*(each.lower() for each in self.home), self.head.key)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.head_keys, *((self.sub.key,) if self.sub else ()))

    @property
    def path(self) -> str:
        return ".".join(self.keys)


def _place(schema: Schema, path: AttrPath, *, compared: bool = True) -> _Place | None:
    """Bind a path; a comparison with a complex attribute is one with its value."""
    head = schema.find(path.uri, path.attr)
    if head is None or head.extension:
        return None
    sub_name = path.sub_attr
    if sub_name is None and compared and head.kind is Kind.COMPLEX:
        sub_name = "value" if "value" in head.children else None
    sub = head.children.get(sub_name.lower()) if sub_name else None
    if sub_name and sub is None:
        return None
    return _Place(head, sub, schema.home(head))


class _Rows(FilterVisitor[Expression]):
    """Conditions on the rows of one resource type."""

    def __init__(self, found: Directory, among: tuple[str, ...]) -> None:
        self.directory = found
        self.among = among

    def visit_logical_expr(self, node: LogicalExpr) -> Expression:
        return _logical(self, node)

    def visit_not(self, node: Not) -> Expression:
        return _negation(self.visit(node.expr))

    def visit_present(self, node: Present) -> Expression:
        place = self._bound(node.attr_path, compared=False)
        if place is None:
            return false()
        if place.head.multi:
            entries = self._entries(place)
            if place.sub is None:
                return entries.some()
            return entries.some(entries.leaf(place.sub).expression.is_not(None))
        if place.path == "meta":
            return true()
        return self._leaf(place).expression.is_not(None)

    def visit_comparison(self, node: Comparison) -> Expression:
        place = self._bound(node.attr_path)
        if place is None:
            return false()
        if place.target.kind is Kind.COMPLEX:
            raise InvalidFilterException(detail=f"'{node.attr_path}' is compared by its parts.")
        if place.head.multi:
            return self._compared_entries(place, node)
        return _compared(self._leaf(place), node)

    def visit_value_path(self, node: ValuePath) -> Expression:
        place = self._bound(node.attr_path, compared=False)
        if place is None:
            return false()
        if not place.head.multi:
            raise InvalidFilterException(detail=f"'{node.attr_path}' holds a single value.")
        entries = self._entries(place)
        found = entries.some(_Entry(entries, place.head).visit(node.val_filter))
        wanted = _address_in(node.val_filter) if place.head.name == "emails" else None
        if wanted is None:
            return found
        # The same by an index first: an entry with that address is somewhere in the user.
        by_address = addresses(self.directory.spelling)
        return and_(by_address.some(_compared(by_address.leaf(None), wanted)), found)

    def _compared_entries(self, place: _Place, node: Comparison) -> Expression:
        entries = self._entries(place)
        if place.keys == ("emails", "value") and node.value is not None:
            entries = addresses(self.directory.spelling)
        leaf = entries.leaf(place.sub)
        if node.value is None:
            lacking = entries.some(leaf.expression.is_(None))
            if node.op is CompareOperator.eq:
                return or_(not_(entries.some()), lacking)
            return and_(entries.some(), not_(lacking)) if _is_ne(node) else false()
        if _is_ne(node):
            return not_(entries.some(leaf.compare(CompareOperator.eq, node.value)))
        return entries.some(leaf.compare(node.op, node.value))

    def _bound(self, path: AttrPath, *, compared: bool = True) -> _Place | None:
        place = _place(self.directory.schema, path, compared=compared)
        if place is None:
            if all(_place(SCHEMAS[each], path, compared=compared) is None for each in self.among):
                raise InvalidFilterException(detail=f"No schema declares '{path}'.")
            return None
        if place.head.write_only:
            raise ForbiddenException(detail=f"'{path}' cannot be asked for.")
        if place.path == LOCATION:
            raise InvalidFilterException(detail=f"'{path}' cannot be compared; filter by id.")
        return place

    def _leaf(self, place: _Place) -> Leaf:
        return self.directory.leaf(place.keys, place.target)

    def _entries(self, place: _Place) -> Entries:
        return self.directory.many(place.head_keys, place.head)


class _Entry(FilterVisitor[Expression]):
    """Conditions on one entry of a multi-valued attribute, inside the brackets."""

    def __init__(self, entries: Entries, head: Attribute) -> None:
        self.entries = entries
        self.head = head

    def visit_logical_expr(self, node: LogicalExpr) -> Expression:
        return _logical(self, node)

    def visit_not(self, node: Not) -> Expression:
        return _negation(self.visit(node.expr))

    def visit_present(self, node: Present) -> Expression:
        return self._leaf(node.attr_path).expression.is_not(None)

    def visit_comparison(self, node: Comparison) -> Expression:
        return _compared(self._leaf(node.attr_path), node)

    def _leaf(self, path: AttrPath) -> Leaf:
        if not self.head.children and path.attr.lower() == "value":
            return self.entries.leaf(None)
        sub = self.head.children.get(path.attr.lower())
        if sub is None or path.uri or path.sub_attr:
            raise InvalidFilterException(detail=f"'{self.head.name}' has no '{path}'.")
        return self.entries.leaf(sub)


def _compared(leaf: Leaf, node: Comparison) -> Expression:
    if node.value is not None:
        return leaf.compare(node.op, node.value)
    if node.op is CompareOperator.eq:
        return leaf.expression.is_(None)
    return leaf.expression.is_not(None) if _is_ne(node) else false()


def _logical(visitor: FilterVisitor[Expression], node: LogicalExpr) -> Expression:
    terms = [visitor.visit(term) for term in node.terms]
    return and_(*terms) if node.op is LogicalOperator.and_ else or_(*terms)


def _negation(condition: Expression) -> Expression:
    """Not, where unknown counts as false: a missing value has no third truth."""
    return not_(func.coalesce(condition, false()))


def _is_ne(node: Comparison) -> bool:
    return node.op is CompareOperator.ne


def _address_in(node: FilterNode) -> Comparison | None:
    """Return the comparison `value eq "…"` that a filter on an entry insists on, if any."""
    terms = (
        node.terms if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_ else (node,)
    )
    return next(
        (
            term
            for term in terms
            if isinstance(term, Comparison)
            and term.op is CompareOperator.eq
            and term.attr_path.attr.lower() == "value"
            and isinstance(term.value, str)
        ),
        None,
    )
