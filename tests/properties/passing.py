"""No verb widens who holds a power, but by somebody or something entitled to give it (§2, §5, §6).

Whoever or whatever gains, be it a member or what would make one, got it from the deed's author,
from the invitation that was accepted, or from the groups of the connection that decides. Each of
these was judged alike when it was written, so that no sequence of verbs widens either. Nobody
gives to themselves, and time gives nothing.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

from gateway.domain.identity import ActorType
from tests.properties.authors import author
from tests.properties.hand import Outcome
from tests.properties.holdings import Holder, Holdings, Powers, holdings
from tests.properties.powers import Power
from tests.properties.town import Town, View

FALLING = frozenset({"end_rule", "change_rule"})
"""Deeds after which people fall through to another rule of their groups, which stands already."""

DECIDING = frozenset({"enable", "activate_sign_on"})
"""Deeds after which a connection decides again; its strongest role bounds whose they may be."""

PROVIDERS = frozenset({ActorType.SCIM_CONNECTION, ActorType.SSO_CONNECTION})
Passes = Callable[[Holder, Power], bool]


class Watch:
    """Looks at both organisations after each deed, and remembers what it saw."""

    def __init__(self, town: Town, view: View) -> None:
        self.town = town
        self.seen = {house.slug: holdings(town, house, view) for house in town.houses}

    def broken(self, before: View, after: View, deed: Outcome) -> Iterator[str]:
        """Say who gained what nobody could give them."""
        for house in deed.where:
            if before.instant(house) == after.instant(house):
                continue
            then = self.seen[house.slug]
            now = self.seen[house.slug] = holdings(self.town, house, after)
            yield from _widened(then, now, deed)


def _widened(before: Holdings, after: Holdings, deed: Outcome) -> Iterator[str]:
    passes = _passes(before, after, deed)
    known = {None, *before.chatbots}
    for holder, powers in after.held.items():
        gained = powers - before.held.get(holder, frozenset())
        wrong = [x for x in gained if x[1] in known and not passes(holder, x)]
        if wrong:
            some = sorted(wrong, key=str)[:5]
            yield f"{holder[0]} {holder[1]} gained {some}, which was not to be given"


def _passes(before: Holdings, after: Holdings, deed: Outcome) -> Passes:
    kind = deed.actor.type
    if kind is ActorType.OPERATOR:
        return _anything
    if kind in PROVIDERS:
        return _by_provider(before, after, deed)
    if kind is ActorType.PERSON:
        return _by_invitation(before, deed)
    if kind is ActorType.SYSTEM:
        return _nothing
    return _by_author(before, after, deed)


def _anything(_holder: Holder, _power: Power) -> bool:
    return True


def _nothing(_holder: Holder, _power: Power) -> bool:
    return False


def _by_author(before: Holdings, after: Holdings, deed: Outcome) -> Passes:
    acting = author(before, deed.actor)
    if deed.deed == "switch_preset" and acting.owns:  # What roles are is the preset's word.
        return _anything

    def passes(holder: Holder, power: Power) -> bool:
        if holder == ("member", acting.id):
            return False
        if holder[0] in ("key", "role") and not acting.may_write_down(power):
            return False
        return acting.gives(power) or power in standing(holder)

    def standing(holder: Holder) -> Powers:
        """Return what rules give that were there already, where the deed lets them speak."""
        member = after.member_behind(holder)
        if member is None or deed.deed not in FALLING | DECIDING:
            return frozenset()
        given = before.of_connection(member.managed_by)
        above = (f"rank {acting.rank + 1}", None) in given
        return frozenset() if above and deed.deed in DECIDING else given

    return passes


def _by_provider(before: Holdings, after: Holdings, deed: Outcome) -> Passes:
    connection = before.books.connections[UUID(deed.actor.id)]
    heir = connection.successor_id if connection.last_owner == "succeed" else None

    def passes(holder: Holder, power: Power) -> bool:
        member = after.member_behind(holder)
        if member is None:
            return False
        succeeds = member.id == heir and member.owner_of_record
        return succeeds or power in before.of_connection(member.managed_by)

    return passes


def _by_invitation(before: Holdings, deed: Outcome) -> Passes:
    """Whoever accepts becomes what was offered; nothing else that people do by a link gives."""

    def passes(holder: Holder, power: Power) -> bool:
        newcomer = holder[0] == "member" and holder[1] not in before.members
        offered = before.held.get(("invitation", deed.through or UUID(int=0)), frozenset())
        return newcomer and deed.deed == "accept" and power in offered

    return passes
