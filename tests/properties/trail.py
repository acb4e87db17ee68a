"""What the audit says, event after event: it tells one story, and the story ends as things are."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.storage import tables as t
from tests.properties.town import House, Town

OF_MANY = ("grant.", "ownership.transferred")
"""Events about one of several grants of a member, or one of several owners."""

COUNTED = {("directory_group", "members")}
"""What events tell as it is at the moment: people join and leave groups by events of their own."""

ENDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "member": (t.members, ("state", "availability")),
    "invitation": (t.invitations, ("state",)),
    "connection": (t.connections, ("name", "unmapped", "bot_scope", "seat_overage", "last_owner")),
    "team": (t.teams, ("name", "strategy")),
    "chatbot": (t.chatbots, ("name",)),
}
"""Kind of target → its rows, and the columns that events tell by their own names."""

PAID = ("state", "plan", "seat_limit")


def broken(town: Town, house: House) -> Iterator[str]:
    """Say where `before` is not the previous `after`, and where a row is not as was told last."""
    e = t.audit_events.c
    events = town.rows(
        select(t.audit_events)
        .where(e.organisation_id == house.organisation_id)
        .order_by(e.occurred_at, e.position)
    )
    told: dict[tuple[str, str, str], Any] = {}
    for event in events:
        if not event.targets or event.action.startswith(OF_MANY):
            continue
        about = (event.targets[0]["type"], event.targets[0]["id"])
        for name, value in (event.before or {}).items():
            if (about[0], name) not in COUNTED and told.get((*about, name), value) != value:
                yield f"{event.action} of {about}: {name} was {value}, told {told[*about, name]}"
        told |= {(*about, name): value for name, value in (event.after or {}).items()}
    yield from _ends(town, house, told)


def _ends(town: Town, house: House, told: dict[tuple[str, str, str], Any]) -> Iterator[str]:
    for kind, (table, names) in ENDS.items():
        rows = town.rows(select(table).where(table.c.organisation_id == house.organisation_id))
        now = {str(row.id): row for row in rows}
        for about, target, name in sorted(told):
            if about == kind and name in names:
                value = _plain(getattr(now[target], name))
                if value != told[about, target, name]:
                    yield f"{kind} {target}: {name} is {value}, told {told[about, target, name]}"
    s = t.subscriptions
    open_one = select(s).where(s.c.organisation_id == house.organisation_id, s.c.valid_to.is_(None))
    for row in town.rows(open_one):
        for name in PAID:
            key = ("organisation", str(house.organisation_id), name)
            if key in told and told[key] != getattr(row, name):
                yield f"the subscription's {name} is {getattr(row, name)}, told {told[key]}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
