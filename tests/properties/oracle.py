"""Effective access once more, written from semantics §2 alone and read from plain rows."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Table, bindparam, select

from gateway.storage import tables as t
from tests.properties.town import House, Town

LEVELS = {"none": 0, "read": 1, "write": 2}
WORDS = ("none", "read", "write")


@dataclass
class Books:
    """The open rows of one organisation."""

    roles: dict[UUID, Any]
    connections: dict[UUID, Any]
    groups: dict[tuple[UUID, UUID | None], set[UUID]]
    rules: dict[UUID, list[Any]]
    grants: dict[UUID, list[Any]]
    seats: dict[UUID, set[str]]
    policies: dict[str, Any]
    is_open: bool


def books(town: Town, house: House) -> Books:
    """Read everything that access follows from."""

    with town.work.platform() as database:
        return _books(database, house)


def _books(database: Connection, house: House) -> Books:
    def live(table: Any) -> list[Any]:
        return list(database.execute(_open(table), {"here": house.organisation_id}).all())

    people = {user.id: user for user in live(t.directory_users)}
    groups: dict[tuple[UUID, UUID | None], set[UUID]] = defaultdict(set)
    for row in live(t.directory_memberships):
        groups[row.connection_id, people[row.user_id].member_id].add(row.group_id)
    for row in live(t.asserted_memberships):
        groups[row.connection_id, row.member_id].add(row.group_id)
    rules: dict[UUID, list[Any]] = defaultdict(list)
    for row in live(t.mapping_rules):
        rules[row.group_id].append(row)
    grants: dict[UUID, list[Any]] = defaultdict(list)
    for row in live(t.grants):
        grants[row.member_id].append(row)
    seats: dict[UUID, set[str]] = defaultdict(set)
    for row in live(t.team_seats):
        seats[row.member_id].add(str(row.team_id))
    o = t.organisations.c
    state = database.execute(select(o.state).where(o.id == house.organisation_id)).scalar()
    return Books(
        {row.id: row.definition for row in live(t.roles) if not row.deleted},
        {row.id: row for row in live(t.connections)},
        groups,
        rules,
        grants,
        seats,
        {row.name: row.value for row in live(t.policies)},
        state == "live",
    )


@dataclass(frozen=True)
class Title:
    """What a member may do as soon as nothing closes it: no rest, no hold, no closed house."""

    role_id: UUID | None
    role: Any
    scope: str
    chatbots: dict[str, dict[str, str]]
    teams: set[str]


@cache
def _open(table: Table) -> Select[Any]:
    """Return the query for the open rows; made once, as it is asked after every deed."""
    wanted = select(table).where(table.c.organisation_id == bindparam("here"))
    return wanted.where(table.c.valid_to.is_(None)) if "valid_to" in table.c else wanted


def title(here: Books, member: Any) -> Title:
    """Derive role, scope and grants, whether or not they open anything at the moment."""
    connection = here.connections.get(member.managed_by)
    managed = connection is not None and connection.state == "active"
    mine = here.groups[member.managed_by, member.id] if managed else set()
    rules = [rule for group in mine for rule in here.rules[group]]
    winner = _winner(rules, here)
    role_id = _role(here, member, winner, connection if managed else None)
    role = here.roles[role_id] if role_id else None
    scope = _scope(here, member, role, winner, connection if managed else None)
    teams = here.seats[member.id] | {str(rule.team_id) for rule in rules if rule.team_id}
    narrow = scope == "selected" and role is not None
    chatbots = _narrowed(here, member, rules if managed else None, role) if narrow else {}
    return Title(role_id, role, scope, chatbots, teams)


def expected(here: Books, member: Any) -> dict[str, Any]:
    """Return the parts of the access document that say what the member may do."""
    held = title(here, member)
    shut = _shut(member, held.role) if here.is_open else "not_visible"
    role = None if shut else held.role
    return {
        "standing": shut,
        "role": str(held.role_id) if held.role_id else None,
        "scope": held.scope,
        "org_atoms": sorted(role["org_atoms"]) if role else [],
        "ceiling": dict(sorted(role["sections"].items())) if role else {},
        "chatbots": held.chatbots if role else {},
        "teams": [] if shut else sorted(held.teams),
    }


def _winner(rules: list[Any], here: Books) -> Any:
    giving = [rule for rule in rules if rule.kind == "role" and rule.role_id in here.roles]
    return min(giving, key=lambda rule: rule.priority, default=None)


def _role(here: Books, member: Any, winner: Any, connection: Any) -> UUID | None:
    keys = {role["key"]: role_id for role_id, role in here.roles.items()}
    if member.owner_of_record:
        return next(i for i, role in here.roles.items() if role["is_owner_role"])
    if connection is not None and winner is not None:
        found: UUID = winner.role_id
        return found
    if connection is not None:
        default = keys.get(here.policies["default_role"])
        return default if connection.unmapped == "default_role" else None
    given = [g for g in here.grants[member.id] if g.kind == "role" and g.role_id in here.roles]
    latest = max(given, key=lambda g: (g.valid_from, g.id.int), default=None)
    return None if latest is None else latest.role_id


def _shut(member: Any, role: Any) -> str | None:
    if member.state != "active":
        return "member_inactive"
    if member.admin_hold:
        return "on_hold"
    if member.contained:
        return "contained"
    return "no_role" if role is None else None


def _scope(here: Books, member: Any, role: Any, winner: Any, connection: Any) -> str:
    if role is not None and not role["narrowable"]:
        return "all"
    if connection is None:
        return str(member.bot_scope)
    chosen = winner.bot_scope if winner is not None else None
    return str(chosen or connection.bot_scope or here.policies["bot_scope_default"])


def _narrowed(
    here: Books, member: Any, rules: list[Any] | None, role: Any
) -> dict[str, dict[str, str]]:
    given = [
        (rule.chatbot_id, section, level)
        for rule in rules or ()
        if rule.kind == "chatbot"
        for section, level in rule.sections.items()
    ]
    if rules is None:
        chatbot_grants = [g for g in here.grants[member.id] if g.kind == "chatbot"]
        given = [(g.chatbot_id, g.section, g.level) for g in chatbot_grants]
    reached: dict[str, dict[str, int]] = defaultdict(dict)
    for chatbot, section, level in given:
        ceiling = LEVELS[role["sections"].get(section, "none")]
        capped = min(LEVELS[level], ceiling)
        if capped:
            here_now = reached[str(chatbot)]
            here_now[section] = max(capped, here_now.get(section, 0))
    return {
        chatbot: {section: WORDS[level] for section, level in sorted(sections.items())}
        for chatbot, sections in sorted(reached.items())
    }
