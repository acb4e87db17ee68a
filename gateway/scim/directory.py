"""The two resource types as the database holds them: tables, special places, fragments."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import FromClause, Select, String, Table, and_, literal, select, true
from sqlalchemy.sql import ColumnElement

from gateway.scim.attributes import GROUPS, USERS, Attribute, Schema
from gateway.scim.places import (
    BooleanLeaf,
    Entries,
    IdLeaf,
    InstantLeaf,
    JSONEntries,
    Leaf,
    TableEntries,
    TextLeaf,
    VersionLeaf,
    plain_leaf,
)
from gateway.scim.records import SHOWN_NAME
from gateway.scim.rendering import BASE
from gateway.scim.sql import SPELLINGS, Expression, Spelling
from gateway.storage import tables as t

USER = t.directory_users
GROUP = t.directory_groups
SEAT = t.directory_memberships
EMAIL = t.directory_emails


@dataclass(frozen=True, slots=True)
class Directory:
    """A resource type in one database.

    `special` holds the attributes that columns keep, by their lower-case path, `entries`
    those whose entries are rows of other tables; `related` composes the text of a user's
    groups or a group's members, these with their names under True.
    """

    schema: Schema
    table: Table
    spelling: Spelling
    special: Mapping[str, Leaf]
    entries: Mapping[str, Entries]
    related: Mapping[bool, Expression]

    def leaf(self, keys: tuple[str, ...], attribute: Attribute) -> Leaf:
        """Return a single value by the lower-case keys that lead to it."""
        found = self.special.get(".".join(keys))
        if found is not None:
            return found
        return plain_leaf(
            self.spelling.text_at(self.table.c.search, keys), attribute, self.spelling
        )

    def many(self, keys: tuple[str, ...], attribute: Attribute) -> Entries:
        """Return the entries of a multi-valued attribute."""
        found = self.entries.get(".".join(keys))
        return found or JSONEntries.of(self.table, keys, attribute, self.spelling)


@lru_cache(maxsize=8)
def directory(kind: str, database: str) -> Directory:
    """Return the resource type `User` or `Group` in a database."""
    spelling = SPELLINGS[database]
    if kind == "User":
        return Directory(
            USERS,
            USER,
            spelling,
            {
                **_common(USER, "User", spelling),
                "username": TextLeaf(USER.c.user_name_key, spelling, ranged=True),
                "active": BooleanLeaf(USER.c.active, spelled=False),
            },
            {"groups": _groups_of_user(spelling)},
            {False: _user_groups(spelling), True: _user_groups(spelling)},
        )
    return Directory(
        GROUPS,
        GROUP,
        spelling,
        {
            **_common(GROUP, "Group", spelling),
            "displayname": TextLeaf(GROUP.c.display_name_key, spelling, ranged=True),
        },
        {"members": _members_of_group(spelling)},
        {False: _group_members(spelling), True: _named_members(spelling)},
    )


def addresses(spelling: Spelling) -> Entries:
    """Return the e-mail addresses of the user at hand, which an index finds."""
    return TableEntries(
        row_id=USER.c.id,
        owner=EMAIL.c.user_id,
        source=EMAIL,
        where=true(),
        leaves={"value": TextLeaf(EMAIL.c.value_key, spelling, ranged=True)},
    )


def _common(table: Table, kind: str, spelling: Spelling) -> dict[str, Leaf]:
    return {
        "id": IdLeaf(table.c.id, spelling),
        "externalid": TextLeaf(table.c.external_id, spelling, exact=True, ranged=True),
        "meta.resourcetype": TextLeaf(literal(kind, String), spelling, exact=True),
        "meta.created": InstantLeaf(table.c.created_at),
        "meta.lastmodified": InstantLeaf(table.c.last_modified),
        "meta.version": VersionLeaf(table.c.version, spelling),
    }


def _groups_of_user(spelling: Spelling) -> Entries:
    return TableEntries(
        row_id=USER.c.id,
        owner=SEAT.c.user_id,
        source=_seats_with(GROUP, SEAT.c.group_id),
        where=SEAT.c.valid_to.is_(None),
        leaves={
            "value": IdLeaf(SEAT.c.group_id, spelling),
            "display": TextLeaf(GROUP.c.display_name_key, spelling),
            "type": TextLeaf(literal("direct", String), spelling),
            "$ref": TextLeaf(_reference("Groups", SEAT.c.group_id, spelling), spelling, exact=True),
        },
    )


def _members_of_group(spelling: Spelling) -> Entries:
    return TableEntries(
        row_id=GROUP.c.id,
        owner=SEAT.c.group_id,
        source=_seats_with(USER, SEAT.c.user_id),
        where=SEAT.c.valid_to.is_(None),
        leaves={
            "value": IdLeaf(SEAT.c.user_id, spelling),
            "display": TextLeaf(spelling.text_at(USER.c.search, (SHOWN_NAME,)), spelling),
            "type": TextLeaf(literal("user", String), spelling),
            "$ref": TextLeaf(_reference("Users", SEAT.c.user_id, spelling), spelling, exact=True),
        },
    )


def _seats_with(table: Table, key: ColumnElement[object]) -> FromClause:
    return SEAT.join(
        table,
        and_(
            table.c.organisation_id == SEAT.c.organisation_id,
            table.c.connection_id == SEAT.c.connection_id,
            table.c.id == key,
        ),
    )


def _reference(endpoint: str, column: Expression, spelling: Spelling) -> Expression:
    return literal(f"{endpoint}/", String).op("||")(spelling.written(column))


# -- fragments --------------------------------------------------------------------


def _user_groups(spelling: Spelling) -> Expression:
    """The groups of the user at hand as JSON text, entries joined by commas."""
    rows = _related(
        spelling,
        USER,
        select(
            spelling.written(SEAT.c.group_id).label("value"),
            spelling.quoted(GROUP.c.display_name).label("display"),
        ).select_from(_seats_with(GROUP, SEAT.c.group_id)),
    )
    fragment = _concat(
        '{"value":"', rows.value, f'","$ref":"{BASE}/Groups/', rows.value, '","display":',
        rows.display, ',"type":"direct"}',
    )  # fmt: skip
    return select(spelling.joined(fragment)).scalar_subquery()


def _group_members(spelling: Spelling) -> Expression:
    """The ids of the members of the group at hand, joined by commas; the reader forms entries."""
    rows = _related(
        spelling,
        GROUP,
        select(spelling.written(SEAT.c.user_id).label("value")),
    )
    return select(spelling.joined(rows.value)).scalar_subquery()


def _named_members(spelling: Spelling) -> Expression:
    """The members of the group at hand as JSON text, with their names."""
    rows = _related(
        spelling,
        GROUP,
        select(
            spelling.written(SEAT.c.user_id).label("value"),
            spelling.quoted(USER.c.display_name).label("display"),
        ).select_from(_seats_with(USER, SEAT.c.user_id)),
    )
    fragment = _concat(
        '{"value":"', rows.value, f'","$ref":"{BASE}/Users/', rows.value,
        '","type":"User","display":', rows.display, "}",
    )  # fmt: skip
    return select(spelling.joined(fragment)).scalar_subquery()


def _related(spelling: Spelling, table: Table, rows: Select[Any]) -> Any:
    """Return the columns of a row's open seats, read in the order of the seats' other side."""
    ends = (SEAT.c.user_id, SEAT.c.group_id)
    owner, other = ends if table is USER else reversed(ends)
    found = rows.where(
        SEAT.c.organisation_id == table.c.organisation_id,
        SEAT.c.connection_id == table.c.connection_id,
        owner == table.c.id,
        SEAT.c.valid_to.is_(None),
    )
    if not spelling.reads_in_index_order:
        found = found.order_by(other)
    return found.correlate(table).subquery().c


def _concat(*parts: str | Expression) -> Expression:
    whole, *others = (literal(each, String) if isinstance(each, str) else each for each in parts)
    for part in others:
        whole = whole.op("||")(part)
    return whole
