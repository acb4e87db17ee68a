"""What must hold after each deed: the invariants of semantics §1."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select

from gateway.services import erasure
from gateway.storage import tables as t
from tests.factories import OPERATOR
from tests.properties.hand import Outcome
from tests.properties.powers import powers
from tests.properties.town import House, Town, View

SHOWN = ("standing", "role", "scope", "org_atoms", "ceiling", "bot_atoms", "chatbots", "teams")


def broken(town: Town, before: View, after: View, deed: Outcome) -> Iterator[str]:
    """Say which laws the deed broke."""
    for house in town.houses:
        same = before.of(house) == after.of(house) and _terms(before, house) == _terms(after, house)
        if house not in deed.where and not same:
            yield f"the deed was not about {house.slug}, which changed"
    if not deed.committed:
        if before != after:
            yield "a refused deed changed something"
        return
    for house in deed.where:
        yield from _kept(town, before, after, deed, house)
    if deed.deed == "erase":
        yield from _left_of_the_erased(town, str(deed.wish[-1]))


def _kept(town: Town, before: View, after: View, deed: Outcome, house: House) -> Iterator[str]:
    if deed.refusal is not None:
        yield from _contained_only(before, after, house)
    yield from _owners(after, house)
    yield from _inactive(before, after, house)
    yield from _epochs(before, after, house)
    yield from _telling(town, before, after, house)
    yield from _seats(town, before, after, house)
    if deed.takes:
        yield from _added(before, after, house)


def _left_of_the_erased(town: Town, name: str) -> Iterator[str]:
    """Erasing once more would find nothing."""
    with town.work.platform() as database:
        sought = erasure.find(database, name)
    for each in sought.organisations:
        found = town.work.run(each, OPERATOR, lambda uow: erasure.rehearse(uow, sought))
        if not found.is_nothing:
            yield f"{name} was erased, and {found.erased} of it is left"


def _terms(view: View, house: House) -> Any:
    return view.organisations[house.organisation_id]


def _contained_only(before: View, after: View, house: House) -> Iterator[str]:
    """A refusal that is returned may contain an owner, and nothing else."""
    for member_id, now in after.of(house).items():
        then = before.members.get(member_id)
        if then is None:
            yield f"a refused deed made the member {member_id}"
        elif (then.state, then.owner_of_record, then.managed_by, then.admin_hold) != (
            now.state,
            now.owner_of_record,
            now.managed_by,
            now.admin_hold,
        ):
            yield f"a refused deed changed the member {member_id}"
        elif then.access_document != now.access_document and not now.contained:
            yield f"a refused deed changed the access of {member_id}"


def _owners(after: View, house: House) -> Iterator[str]:
    """Invariant 1."""
    owners = [m for m in after.of(house).values() if m.owner_of_record and m.state != "removed"]
    if not any(m.state == "active" and not m.admin_hold for m in owners):
        yield "no owner of record is active"
    if house.preset not in ("whatsapp", "members_invitations") and len(owners) != 1:
        yield f"{len(owners)} owners of record where there is a single one"
    if any(m.owner_of_record and m.state == "removed" for m in after.of(house).values()):
        yield "somebody removed owns"
    if any(m.contained and not m.owner_of_record for m in after.of(house).values()):
        yield "somebody is contained who does not own"


def _inactive(before: View, after: View, house: House) -> Iterator[str]:
    """Invariant 6, and the end of a membership."""
    for m in after.of(house).values():
        document = m.access_document
        empty = not any(
            document[name] for name in ("org_atoms", "ceiling", "bot_atoms", "chatbots", "teams")
        )
        if (m.state != "active" or m.admin_hold or m.contained) and not empty:
            yield f"{m.id} is {m.state} and has access"
        then = before.members.get(m.id)
        if then is not None and then.state == "removed" and m.state != "removed":
            yield f"{m.id} came back from removal"


def _epochs(before: View, after: View, house: House) -> Iterator[str]:
    """Epochs rise for exactly those whose access changed."""
    for member_id, now in after.of(house).items():
        then = before.members.get(member_id)
        if then is None:
            continue
        changed = then.access_document != now.access_document
        if changed != (then.access_epoch != now.access_epoch):
            yield f"{member_id}: epoch {then.access_epoch} to {now.access_epoch}, access not so"


def _telling(town: Town, before: View, after: View, house: House) -> Iterator[str]:
    """Whatever is written is recorded, and `access.changed` once for each new epoch."""
    due = {
        member_id: now.access_epoch - _epoch(before, member_id)
        for member_id, now in after.of(house).items()
        if now.access_epoch != _epoch(before, member_id)
    }
    told = _told(town, house, after) if before.instant(house) != after.instant(house) else []
    if (due or before.of(house) != after.of(house)) and not told:
        yield "something was written and nothing recorded"
    said = Counter(UUID(x.payload["data"]["member"]) for x in told if x.type == "access.changed")
    if said != due:
        yield f"access.changed was told for {said}, and is due for {due}"


def _epoch(view: View, member_id: UUID) -> int:
    then = view.members.get(member_id)
    return 0 if then is None else int(then.access_epoch)


def _told(town: Town, house: House, after: View) -> list[Any]:
    x = t.outbox.c
    return list(
        town.rows(
            select(x.type, x.payload).where(
                x.channel == "feed",
                x.due_at == after.instant(house),
                x.organisation_id == house.organisation_id,
            )
        )
    )


def _seats(town: Town, before: View, after: View, house: House) -> Iterator[str]:
    """Invariant 7, and the counters."""
    here = after.organisations[house.organisation_id]
    members = after.of(house).values()
    active = [m for m in members if m.state == "active"]
    counted = (len(active), sum(m.owner_of_record for m in active))
    if (here.active_members, here.active_owners) != counted:
        yield f"counters {here.active_members, here.active_owners}, recounted {counted}"
    pending = _pending(town, house)
    if here.pending_invitations != len(pending):
        yield f"counted {here.pending_invitations} pending, recounted {len(pending)}"
    waiting = sum(m.state == "waitlisted" for m in members)
    if here.waiting_members != waiting:
        yield f"counted {here.waiting_members} who wait, recounted {waiting}"
    then = before.organisations[house.organisation_id]
    kept = sum(ends > after.instant(house) for ends in pending)
    added = here.active_members > then.active_members
    if added or here.pending_invitations > then.pending_invitations:
        yield from _within_limit(town, house, counted, kept)


def _pending(town: Town, house: House) -> list[Any]:
    """When each pending invitation ends."""
    i = t.invitations.c
    wanted = select(i.expires_at).where(
        i.organisation_id == house.organisation_id, i.state == "pending"
    )
    return [row.expires_at for row in town.rows(wanted)]


def _within_limit(
    town: Town, house: House, counted: tuple[int, int], pending: int
) -> Iterator[str]:
    s, p, c = t.subscriptions.c, t.policies.c, t.connections.c
    here = house.organisation_id
    limit = town.rows(select(s.seat_limit).where(s.organisation_id == here, s.valid_to.is_(None)))[
        0
    ][0]
    agreed: dict[str, Any] = {
        row.name: row.value
        for row in town.rows(
            select(p.name, p.value).where(p.organisation_id == here, p.valid_to.is_(None))
        )
    }
    priced = house.preset == "pleep"
    billed = agreed["seat_overage"] == "bill" or any(
        priced and row.seat_overage == "bill"
        for row in town.rows(select(c.seat_overage).where(c.organisation_id == here))
    )
    used = counted[0] - (0 if agreed["owner_counts_as_seat"] else counted[1])
    used += pending if agreed["pending_counts_as_seat"] else 0
    if limit is not None and used > limit and not billed:
        yield f"{used} seats of {limit} were used by an addition"


def _added(before: View, after: View, house: House) -> Iterator[str]:
    """Invariant 2: only a fall-through, a succession or the waiting list give anything."""
    for member_id, now in after.of(house).items():
        then = before.members.get(member_id)
        if then is None or then.access_document == now.access_document:
            continue
        bots = [*house.chatbots, UUID(int=7)]
        added = powers(now.access_document, bots) - powers(then.access_document, bots)
        fell = then.access_document["source"] != now.access_document["source"]
        waited = then.state == "waitlisted" and now.state == "active"
        if added and not (fell or waited):
            yield f"{member_id} gained {sorted(added)[:5]} by a taking"
