"""Every verb, by every kind of actor: one deed is one unit of work with random wishes.

A deed may be impossible; then it is refused, and the laws say that nothing changed.
"""

from datetime import timedelta
from typing import Any

from gateway.api import ENDPOINTS
from gateway.domain.decisions import Access
from gateway.domain.errors import GatewayError, Refused
from gateway.domain.identity import Actor, ActorType
from gateway.services import acting
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.properties import by_hand
from tests.properties import by_newcomers as newcomer
from tests.properties import by_operator as operator
from tests.properties import by_people as people
from tests.properties import by_provider as provider
from tests.properties import by_sign_on as sign_on
from tests.properties.hand import AtLarge, Deed, Hand, Outcome, Pointless, Verb
from tests.properties.town import Town, View


def act(town: Town, view: View) -> Outcome:
    """Do something somewhere, and say what became of it."""
    while True:
        try:
            return _act(town, view)
        except Pointless:
            continue


def _act(town: Town, view: View) -> Outcome:
    rng = town.rng
    hand = Hand(town, rng.choice(town.houses), view)
    deed, takes = rng.choices(list(DEEDS), weights=list(DEEDS.values()))[0]
    if rng.random() < 0.2 and isinstance(town.work.clock, Clock):
        town.work.clock.advance(timedelta(seconds=rng.random() * 100))
    if deed in BY_HAND:
        hand.actor = _actor(hand, _atom(deed))
    verb = deed(hand)
    outcome = Outcome(hand.house, deed.__name__, hand.actor, takes, tuple(hand.wish))
    outcome.through = hand.through
    outcome.where = verb.where if isinstance(verb, AtLarge) else (hand.house,)
    try:
        if isinstance(verb, AtLarge):
            answer = verb.run(town.work)
        else:
            answer = town.run(hand.house, hand.actor, _through_the_edge(deed, verb))
    except GatewayError as refusal:
        outcome.refusal, outcome.committed = refusal, False
        return outcome
    if isinstance(answer, Refused):
        outcome.refusal = answer.error
    return outcome


def _actor(hand: Hand, atom: str) -> Actor:
    """The operator, the owner, a key, whoever may do it, or anybody who is or was a member."""
    if hand.rng.random() < 0.3:
        return OPERATOR
    if hand.house.keys and hand.rng.random() < 0.15:
        key = hand.rng.choice(hand.house.keys)
        return Actor(ActorType.API_KEY, str(key.id), "Script", key.member_id)
    members = hand.view.of(hand.house)
    able = [m for m in members.values() if _may(m, atom)]
    lesser = [m for m in able if not m.owner_of_record]
    some = hand.rng.choice((able, lesser, lesser, ())) or (able if hand.rng.random() < 0.5 else ())
    known = [hand.house.owner_id, hand.house.successor_id, *members]
    who = hand.rng.choice(sorted(m.id for m in some) or sorted(known))
    return Actor(ActorType.MEMBER, str(who), "Somebody", who)


def _may(member: Any, atom: str) -> bool:
    return Access.from_document(member.access_document).allows(atom)


# What takes access away (True) must add none, whoever does it.
DEEDS: dict[tuple[Deed, bool], int] = {
    (provider.post_user, False): 18,
    (provider.put_user, False): 6,
    (provider.activate_user, False): 9,
    (provider.deactivate_user, True): 10,
    (provider.delete_user, True): 5,
    (provider.post_group, False): 4,
    (provider.join_group, False): 10,
    (provider.leave_group, True): 6,
    (provider.replace_group, False): 2,
    (provider.rename_group, False): 1,
    (provider.delete_group, True): 1,
    (by_hand.map_role, False): 8,
    (by_hand.map_chatbot, False): 5,
    (by_hand.map_team, False): 2,
    (by_hand.change_rule, False): 3,
    (by_hand.end_rule, True): 3,
    (by_hand.deactivate, True): 3,
    (by_hand.reactivate, False): 4,
    (by_hand.hold, True): 3,
    (by_hand.lift_hold, False): 3,
    (by_hand.remove, True): 2,
    (by_hand.leave, True): 2,
    (by_hand.recover, False): 1,
    (by_hand.set_role, False): 10,
    (by_hand.employ, False): 4,
    (by_hand.grant, False): 4,
    (by_hand.end_grants, True): 2,
    (by_hand.narrow, False): 7,
    (by_hand.open_every_chatbot, False): 2,
    (by_hand.hand_over, True): 2,
    (by_hand.make_key, False): 4,
    (by_hand.revoke_key, True): 1,
    (by_hand.make_chatbot, False): 2,
    (by_hand.rename_chatbot, False): 1,
    (by_hand.end_chatbot, True): 1,
    (by_hand.make_team, False): 2,
    (by_hand.change_team, False): 1,
    (by_hand.end_team, True): 1,
    (by_hand.join_team, False): 2,
    (by_hand.leave_team, True): 1,
    (by_hand.open_conversation, False): 3,
    (by_hand.be_available, False): 5,
    (by_hand.assign, False): 6,
    (by_hand.close, True): 1,
    (by_hand.configure, False): 5,
    (by_hand.disable, False): 1,
    (by_hand.enable, False): 2,
    (by_hand.end_connection, False): 1,
    (operator.subscribe, False): 4,
    (operator.set_policy, False): 4,
    (operator.change_plan, False): 3,
    (operator.switch_preset, False): 3,
    (operator.prove_domain, False): 2,
    (operator.release_domain, False): 1,
    (operator.appoint_keeper, False): 1,
    (operator.confirm_keeper, True): 1,
    (operator.end_keeper, False): 1,
    (operator.close_house, True): 1,
    (operator.reopen_house, False): 30,
    (operator.let_pass, True): 1,
    (sign_on.sign_in, False): 20,
    (sign_on.prove, False): 3,
    (sign_on.unlink, False): 1,
    (sign_on.configure_sign_on, False): 3,
    (sign_on.disable_sign_on, False): 1,
    (sign_on.activate_sign_on, False): 2,
    (sign_on.approve_sign_on, False): 1,
    (sign_on.end_sign_on, False): 1,
    (sign_on.enforce, False): 2,
    (newcomer.invite, False): 16,
    (newcomer.invite_all, False): 3,
    (newcomer.accept, False): 12,
    (newcomer.mail_newest, True): 3,
    (newcomer.bounce, True): 1,
    (newcomer.create_directly, False): 5,
    (newcomer.copy_link, False): 1,
    (newcomer.resend, False): 2,
    (newcomer.revoke, True): 2,
    (newcomer.decline, True): 1,
    (newcomer.make_role, False): 4,
    (newcomer.change_role, False): 3,
    (newcomer.end_role, True): 1,
    (newcomer.pass_on, False): 2,
    (newcomer.pay, False): 1,
    (newcomer.end_period, True): 1,
    (people.sign_up, True): 2,
    (people.sign_up_invited, True): 3,
    (people.set_password, True): 1,
    (people.erase, True): 4,
}
BY_HAND: dict[Deed, str] = {
    by_hand.map_role: "mapping_rules.create",
    by_hand.map_chatbot: "mapping_rules.create",
    by_hand.map_team: "mapping_rules.create",
    by_hand.change_rule: "mapping_rules.change",
    by_hand.end_rule: "mapping_rules.delete",
    by_hand.deactivate: "members.deactivate",
    by_hand.reactivate: "members.reactivate",
    by_hand.hold: "members.hold",
    by_hand.lift_hold: "members.lift_hold",
    by_hand.remove: "members.remove",
    by_hand.leave: "members.leave",
    by_hand.set_role: "members.change",
    by_hand.narrow: "members.change",
    by_hand.open_every_chatbot: "members.change",
    by_hand.hand_over: "members.remove",
    by_hand.make_key: "keys.create",
    by_hand.revoke_key: "keys.revoke",
    by_hand.make_chatbot: "chatbots.create",
    by_hand.make_team: "teams.create",
    by_hand.change_team: "teams.change",
    by_hand.end_team: "teams.delete",
    by_hand.join_team: "teams.join",
    by_hand.leave_team: "teams.leave",
    by_hand.open_conversation: "conversations.create",
    by_hand.be_available: "availability.change",
    by_hand.assign: "conversations.assign",
    by_hand.configure: "connections.change",
    by_hand.disable: "connections.disable",
    by_hand.enable: "connections.enable",
    by_hand.end_connection: "connections.delete",
    operator.set_policy: "policies.change",
    operator.switch_preset: "preset_switch.apply",
    operator.release_domain: "domains.release",
    operator.appoint_keeper: "sign_in_rules.appoint",
    operator.confirm_keeper: "sign_in_rules.confirm",
    operator.end_keeper: "sign_in_rules.end",
    operator.close_house: "organisations.delete",
    sign_on.unlink: "sessions.unlink",
    sign_on.configure_sign_on: "saml_connections.change",
    sign_on.disable_sign_on: "saml_connections.disable",
    sign_on.activate_sign_on: "saml_connections.activate",
    sign_on.approve_sign_on: "saml_connections.approve",
    sign_on.end_sign_on: "saml_connections.delete",
    sign_on.enforce: "saml_connections.enforce",
    newcomer.invite: "invitations.create",
    newcomer.invite_all: "invitations.create_all",
    newcomer.create_directly: "invitations.create_member",
    newcomer.copy_link: "invitations.copy_link",
    newcomer.resend: "invitations.resend",
    newcomer.revoke: "invitations.revoke",
    newcomer.make_role: "roles.create",
    newcomer.change_role: "roles.change",
    newcomer.end_role: "roles.delete",
    newcomer.pass_on: "ownership_transfers.transfer",
    newcomer.pay: "subscription.renew",
    newcomer.end_period: "subscription.expire",
}
"""What others than the operator may do too, and the operation of the API that it is."""

ATOMS = {each.operation: each.allow.atom for each in ENDPOINTS}


def _atom(deed: Deed) -> str:
    """Return what the edge asks for."""
    atom = ATOMS[BY_HAND[deed]]
    assert atom is not None
    return atom


def _through_the_edge(deed: Deed, verb: Verb) -> Verb:
    def asked(uow: UnitOfWork) -> Any:
        acting.require_atom(uow, _atom(deed))
        return verb(uow)

    return asked if deed in BY_HAND else verb
