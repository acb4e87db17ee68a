"""What the audit says, event after event: it tells one story, and the story ends as things are."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.storage import tables as t
from tests.properties.town import House, Town

ENDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "member": (
        t.members,
        ("state", "availability", "owner_of_record", "managed_by", "admin_hold", "contained"),
    ),
    "invitation": (t.invitations, ("state",)),
    "connection": (t.connections, ("name", "unmapped", "bot_scope", "seat_overage", "last_owner")),
    "team": (t.teams, ("name", "strategy")),
    "chatbot": (t.chatbots, ("name",)),
}
"""Kind of target → its rows, and the columns that events tell by their own names."""

PAID = ("state", "plan", "seat_limit")

Grant = tuple[str | None, str, str, str]
"""Chatbot or None, section or `role`, level or role, and source."""


@dataclass
class Story:
    """What has been told so far, and what in it contradicts itself."""

    owner_role: str
    told: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    held: dict[str, Counter[Grant]] = field(default_factory=lambda: defaultdict(Counter))
    counted: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def hear(self, event: Any) -> None:
        """Take one more event in."""
        if event.action in ("grant.created", "grant.ended"):
            self._grant(event)
        elif event.action == "ownership.transferred":
            giver, taker = (target["id"] for target in event.targets)
            self._say(event.action, ("member", giver), {OWNS: True}, {OWNS: False})
            self._say(event.action, ("member", taker), {}, {OWNS: True})
        elif event.action.startswith("directory.group_"):
            self._group(event)
        elif event.targets:
            about = (event.targets[0]["type"], event.targets[0]["id"])
            self._say(event.action, about, event.before or {}, event.after or {})
        if event.action == "organisation.preset_switched":
            self._switch(event.after["role_ids"])

    def _say(
        self,
        action: str,
        about: tuple[str, str],
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        told = self.told
        for name, value in before.items():
            if told.get((*about, name), value) != value:
                fault = f"{action} of {about}: {name} was {value}, told {told[*about, name]}"
                self.faults.append(fault)
        told |= {(*about, name): value for name, value in after.items()}

    def _grant(self, event: Any) -> None:
        member, *chatbot = (target["id"] for target in event.targets)
        held = self.held[member]
        for grant in _grants(chatbot[0] if chatbot else None, event.after or event.before):
            if event.action == "grant.created":
                held[grant] += 1
            elif held[grant]:
                held[grant] -= 1
            else:
                self.faults.append(f"{grant} of {member} ended, and was never given")

    def _group(self, event: Any) -> None:
        """Whoever comes and goes is counted; a group is told with as many as that makes."""
        first, after = event.targets[0], event.after or {}
        if first["type"] == "member":
            self.counted.update(after["joined"])
            self.counted.subtract(after["left"])
            return
        if event.action == "directory.group_members_changed":
            self.counted[first["id"]] += after["added_count"] - after["removed_count"]
            return
        before = dict(event.before or {})
        said = before.pop("members", None)
        if said not in (None, self.counted[first["id"]]):
            self.faults.append(f"{event.action}: {said} were in it, told {self.counted}")
        if event.action != "directory.group_updated":
            self.counted[first["id"]] = after.get("members", 0)
        self._say(event.action, (first["type"], first["id"]), before, after)

    def _switch(self, follows: Mapping[str, str]) -> None:
        """Whatever named a role names the one that follows; the preset says what roles are."""
        self.told = {
            key: follows.get(value, value) if key[2] == "role_id" else value
            for key, value in self.told.items()
            if key[0] != "role"
        }
        for member, held in self.held.items():
            kept = self.owner_role if self.told.get(("member", member, OWNS)) else None
            followed: Counter[Grant] = Counter()
            for (chatbot, section, what, source), number in held.items():
                turns = section == "role" and what != kept
                now = follows.get(what, what) if turns else what
                followed[chatbot, section, now, source] += number
            self.held[member] = followed


OWNS = "owner_of_record"
WHOSE = ("managed_by", "admin_hold", "contained", OWNS)
"""What nobody has unless it was told of them."""


def _grants(chatbot: str | None, said: Mapping[str, Any]) -> Iterator[Grant]:
    """Return the grants that an event tells of; an invitation's come together."""
    if "role" in said:
        yield None, "role", said["role"], said["source"]
        return
    sections = said.get("sections") or {said["section"]: said["level"]}
    for section, level in sections.items():
        yield chatbot, section, level, said["source"]


def broken(town: Town, house: House) -> Iterator[str]:
    """Say where `before` is not the previous `after`, and where a row is not as was told last."""
    e, r = t.audit_events.c, t.roles.c
    roles = town.rows(
        select(r.id, r.definition).where(r.organisation_id == house.organisation_id, ~r.deleted)
    )
    story = Story(next(str(role.id) for role in roles if role.definition["is_owner_role"]))
    events = select(t.audit_events).where(e.organisation_id == house.organisation_id)
    for event in town.rows(events.order_by(e.occurred_at, e.position)):
        story.hear(event)
    yield from story.faults
    yield from _ends(town, house, story.told)
    yield from _people(town, house, story)
    yield from _holdings(town, house, story)


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


def _people(town: Town, house: House, story: Story) -> Iterator[str]:
    """Members own, are managed and rest only where that was told."""
    rows = town.rows(select(t.members).where(t.members.c.organisation_id == house.organisation_id))
    for row in rows:
        for name in WHOSE:
            if getattr(row, name) and not story.told.get(("member", str(row.id), name)):
                yield f"{row.id} has {name}, and nothing told so"
        scope = story.told.get(("member", str(row.id), "scope"), row.bot_scope)
        if scope != row.bot_scope:
            yield f"{row.id} sees {row.bot_scope}, told {scope}"


def _holdings(town: Town, house: House, story: Story) -> Iterator[str]:
    """Live grants and the sizes of groups are all that was told of, and no more."""
    g, d = t.grants.c, t.directory_groups.c
    held: dict[str, Counter[Grant]] = defaultdict(Counter)
    here = g.organisation_id == house.organisation_id
    for row in town.rows(select(t.grants).where(here, g.valid_to.is_(None))):
        what = ("role", str(row.role_id)) if row.kind == "role" else (row.section, row.level)
        held[str(row.member_id)][_plain(row.chatbot_id), *what, row.source] += 1
    for member in held.keys() | story.held.keys():
        if held[member] != +story.held[member]:
            yield f"{member} holds {held[member]}, told {story.held[member]}"
    sizes = select(d.id, d.member_count).where(d.organisation_id == house.organisation_id)
    for row in town.rows(sizes):
        if row.member_count != story.counted[str(row.id)]:
            yield f"{row.id} has {row.member_count} in it, told {story.counted[str(row.id)]}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
