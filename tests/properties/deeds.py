"""Every verb, by every kind of actor: one deed is one unit of work with random wishes.

A deed may be impossible; then it is refused, and the laws say that nothing changed.
"""

from datetime import timedelta

from gateway.domain.errors import GatewayError, Refused
from gateway.domain.identity import Actor, ActorType
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.properties import by_hand
from tests.properties import by_newcomers as newcomer
from tests.properties import by_operator as operator
from tests.properties import by_provider as provider
from tests.properties import by_sign_on as sign_on
from tests.properties.hand import Deed, Hand, Outcome, Pointless
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
        hand.actor = _actor(hand)
    verb = deed(hand)
    outcome = Outcome(hand.house, deed.__name__, hand.actor, takes, tuple(hand.wish))
    try:
        answer = town.run(hand.house, hand.actor, verb)
    except GatewayError as refusal:
        outcome.refusal, outcome.committed = refusal, False
        return outcome
    if isinstance(answer, Refused):
        outcome.refusal = answer.error
    return outcome


def _actor(hand: Hand) -> Actor:
    """The operator, the owner, a key, or anybody who is or was a member."""
    if hand.rng.random() < 0.4:
        return OPERATOR
    if hand.house.keys and hand.rng.random() < 0.15:
        key = hand.rng.choice(hand.house.keys)
        return Actor(ActorType.API_KEY, str(key.id), "Script", key.member_id)
    known = sorted(hand.view.of(hand.house))
    who = hand.rng.choice([hand.house.owner_id, hand.house.successor_id, *known])
    return Actor(ActorType.MEMBER, str(who), "Somebody", who)


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
    (by_hand.set_role, False): 5,
    (by_hand.employ, False): 4,
    (by_hand.grant, False): 4,
    (by_hand.end_grants, True): 2,
    (by_hand.narrow, False): 4,
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
    (newcomer.accept, False): 12,
    (newcomer.create_directly, False): 5,
    (newcomer.copy_link, False): 1,
    (newcomer.resend, False): 2,
    (newcomer.revoke, True): 2,
    (newcomer.decline, True): 1,
    (newcomer.make_role, False): 2,
    (newcomer.change_role, False): 3,
    (newcomer.end_role, True): 1,
    (newcomer.pass_on, False): 2,
    (newcomer.pay, False): 1,
    (newcomer.end_period, True): 1,
}
BY_HAND = frozenset(
    {
        by_hand.map_role,
        by_hand.map_chatbot,
        by_hand.map_team,
        by_hand.change_rule,
        by_hand.end_rule,
        by_hand.deactivate,
        by_hand.reactivate,
        by_hand.hold,
        by_hand.lift_hold,
        by_hand.remove,
        by_hand.leave,
        by_hand.set_role,
        by_hand.narrow,
        by_hand.open_every_chatbot,
        by_hand.hand_over,
        by_hand.make_key,
        by_hand.revoke_key,
        by_hand.make_chatbot,
        by_hand.configure,
        by_hand.disable,
        by_hand.enable,
        operator.set_policy,
        operator.appoint_keeper,
        operator.end_keeper,
        sign_on.configure_sign_on,
        sign_on.disable_sign_on,
        sign_on.activate_sign_on,
        sign_on.approve_sign_on,
        newcomer.invite,
        newcomer.create_directly,
        newcomer.copy_link,
        newcomer.resend,
        newcomer.revoke,
        newcomer.make_role,
        newcomer.change_role,
        newcomer.end_role,
    }
)
