"""What the operator, owners and members do by hand."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from gateway.domain.identity import Actor, ActorType
from gateway.domain.permissions import ORG_ATOMS
from gateway.services import (
    availability,
    chatbots,
    connections,
    conversations,
    funnel,
    grants,
    keys,
    leaving,
    mapping,
    members,
    narrowing,
    organisations,
    ownership,
    teams,
)
from gateway.services.leaving import Disposition, Taker
from gateway.storage.unit_of_work import UnitOfWork
from tests.properties.hand import Deed, Hand, Verb
from tests.properties.town import Key, add_connection

# -- rules ---------------------------------------------------------------------------


def map_role(hand: Hand) -> Verb:
    wish = {
        "role_id": hand.named(list(hand.house.roles.values())),
        "priority": hand.rng.randint(0, 9),
        "bot_scope": hand.some((None, None, "all", "selected")),
    }
    return _map(hand, "role", wish)


def map_chatbot(hand: Hand) -> Verb:
    wish = {"chatbot_id": hand.named(hand.house.chatbots), "sections": hand.sections()}
    return _map(hand, "chatbot", wish)


def map_team(hand: Hand) -> Verb:
    return _map(hand, "team", {"team_id": hand.named(hand.house.teams)})


def _map(hand: Hand, kind: str, wish: dict[str, Any]) -> Verb:
    here = hand.source()
    group = hand.named(hand.house.groups[here])

    def verb(uow: UnitOfWork) -> None:
        hand.house.rules.append(mapping.create_rule(uow, here, group, kind, **wish))

    return verb


def change_rule(hand: Hand) -> Verb:
    rule = hand.named(hand.house.rules)
    wishes: tuple[dict[str, Any], ...] = (
        {"priority": hand.rng.randint(0, 9)},
        {"role_id": hand.rng.choice(list(hand.house.roles.values()))},
        {"sections": hand.sections()},
    )
    wish = hand.some(wishes)
    return lambda uow: mapping.update_rule(uow, rule, **wish)


def end_rule(hand: Hand) -> Verb:
    rule = hand.named(hand.house.rules)
    return lambda uow: mapping.delete_rule(uow, rule)


# -- members by hand -----------------------------------------------------------------


def _on_member(verb: Callable[[UnitOfWork, UUID], Any]) -> Deed:
    def deed(hand: Hand) -> Verb:
        member = hand.member()
        return lambda uow: verb(uow, member)

    deed.__name__ = verb.__name__
    return deed


deactivate, reactivate = _on_member(members.deactivate), _on_member(members.reactivate)
hold, lift_hold = _on_member(members.hold), _on_member(members.lift_hold)
remove, leave = _on_member(members.remove), _on_member(members.leave)
recover = _on_member(ownership.recover)


def set_role(hand: Hand) -> Verb:
    member, role = hand.free_member(), hand.named(list(hand.house.roles.values()))
    return lambda uow: members.set_role(uow, member, role)


def employ(hand: Hand) -> Verb:
    email, role = hand.address(), hand.some(list(hand.house.roles))
    return lambda uow: organisations.add_member(uow, email=email, display_name="Hired", role=role)


def grant(hand: Hand) -> Verb:
    member, bot, sections = hand.member(), hand.named(hand.house.chatbots), hand.sections()

    def verb(uow: UnitOfWork) -> None:
        members.get_present(uow, member)
        chatbots.get(uow, bot)
        for section, level in sections.items():
            grants.give_section(uow, member, bot, section, level, "manual")
        funnel.recompute(uow, [member])

    return verb


def end_grants(hand: Hand) -> Verb:
    member = hand.member()

    def verb(uow: UnitOfWork) -> None:
        members.get_present(uow, member)
        grants.end(uow, member, kind="chatbot")
        funnel.recompute(uow, [member])

    return verb


def narrow(hand: Hand) -> Verb:
    """Some chatbots alone; without any, whatever was granted one by one."""
    member = hand.free_member()
    some = hand.house.chatbots and hand.rng.random() < 0.8
    few = {"conversations": "read"}
    levels = few if hand.rng.random() < 0.6 else hand.sections()
    bots = {hand.named(hand.house.chatbots): levels} if some else None
    return lambda uow: narrowing.narrow(uow, member, bots)


open_every_chatbot = _on_member(narrowing.open_every_chatbot)


def hand_over(hand: Hand) -> Verb:
    """A member goes, and named others get their chatbots and conversations."""
    member, heir = hand.member(), hand.member()
    verb = hand.some((leaving.remove, leaving.remove, leaving.deactivate))
    taker = hand.some(list(Taker))
    to = {Taker.QUEUE: None, Taker.MEMBER: heir, Taker.TEAM: hand.named(hand.house.teams)}[taker]
    wish = Disposition(heir, taker, to)
    return lambda uow: verb(uow, member, wish)


def make_key(hand: Hand) -> Verb:
    """Of a member, or of the organisation with a role; some may do much."""
    few = ("org.read", "members.update", "members.invite", "roles.manage", "apikeys.manage")
    scopes = hand.some((("org.read",), few, sorted(ORG_ATOMS)))
    member = hand.member() if hand.rng.random() < 0.7 else None
    role = None if member else hand.named(list(hand.house.roles.values()))

    def verb(uow: UnitOfWork) -> None:
        made = keys.create(uow, "Script", scopes, member_id=member, role_id=role)
        hand.house.keys.append(Key(made.id, member))

    return verb


def revoke_key(hand: Hand) -> Verb:
    key = hand.named([key.id for key in hand.house.keys])
    return lambda uow: keys.revoke(uow, key)


# -- things --------------------------------------------------------------------------


def make_chatbot(hand: Hand) -> Verb:
    name = hand.some(("Sales", "Care", "Shop", "sales"))
    return lambda uow: hand.house.chatbots.append(chatbots.create(uow, name))


def rename_chatbot(hand: Hand) -> Verb:
    bot, name = hand.named(hand.house.chatbots), hand.some(("Sales", "Care", "Shop II"))
    return lambda uow: chatbots.rename(uow, bot, name)


def end_chatbot(hand: Hand) -> Verb:
    bot = hand.named(hand.house.chatbots)
    return lambda uow: chatbots.delete(uow, bot)


def make_team(hand: Hand) -> Verb:
    name = hand.some(("First", "Second", "Night"))
    return lambda uow: hand.house.teams.append(teams.create(uow, name))


def change_team(hand: Hand) -> Verb:
    team, name = hand.named(hand.house.teams), hand.some((None, "First", "Late"))
    strategy = hand.some((None, *teams.STRATEGIES))
    return lambda uow: teams.change(uow, team, name, strategy)


def end_team(hand: Hand) -> Verb:
    team = hand.named(hand.house.teams)
    return lambda uow: teams.delete(uow, team)


def join_team(hand: Hand) -> Verb:
    team, member = hand.named(hand.house.teams), hand.member()
    return lambda uow: teams.join(uow, team, member)


def leave_team(hand: Hand) -> Verb:
    team, member = hand.named(hand.house.teams), hand.member()
    return lambda uow: teams.leave(uow, team, member)


def open_conversation(hand: Hand) -> Verb:
    bot, team = hand.named(hand.house.chatbots), hand.some((None, *hand.house.teams))

    def verb(uow: UnitOfWork) -> None:
        hand.house.conversations.append(conversations.create(uow, bot, "Hello", team))

    return verb


def be_available(hand: Hand) -> Verb:
    member, word = hand.member(), hand.some(("live", "live", *availability.CHOICES))
    hand.actor = Actor(ActorType.MEMBER, str(member), "Somebody", member)
    return lambda uow: availability.set_own(uow, member, word)


def assign(hand: Hand) -> Verb:
    conversation, member = hand.named(hand.house.conversations), hand.member()
    return lambda uow: conversations.assign(uow, conversation, member)


def close(hand: Hand) -> Verb:
    conversation = hand.named(hand.house.conversations)
    return lambda uow: conversations.close(uow, conversation)


# -- terms ---------------------------------------------------------------------------


def configure(hand: Hand) -> Verb:
    here = hand.connection()
    wish = hand.some(
        (
            {"unmapped": "default_role"},
            {"unmapped": "no_access"},
            {"bot_scope": "all"},
            {"bot_scope": "selected"},
            {"seat_overage": "waitlist"},
            {"seat_overage": "refuse"},
            {"last_owner": "succeed"},
            {"last_owner": "refuse_and_contain"},
        )
    )
    return lambda uow: connections.update(uow, here, **wish)


def disable(hand: Hand) -> Verb:
    here = hand.connection()
    return lambda uow: connections.disable(uow, here)


def enable(hand: Hand) -> Verb:
    here = hand.connection()
    return lambda uow: connections.enable(uow, here)


def end_connection(hand: Hand) -> Verb:
    here = hand.rng.choice(hand.house.connections)
    people = hand.some(("keep_members", "deactivate_members"))
    hand.wish.append(here)

    def verb(uow: UnitOfWork) -> None:
        connections.delete(uow, here, people)
        add_connection(uow, hand.house, hand.rng, "IdP anew")
        hand.house.connections.remove(here)

    return verb
