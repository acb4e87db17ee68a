"""What the operator, the owner and time decide about the terms: plan, preset, policies, domains."""

from datetime import timedelta
from typing import Any

from gateway.domain.identity import SYSTEM
from gateway.services import (
    break_glass,
    closures,
    domains,
    expiry,
    organisations,
    policies,
    preset_switch,
    presets,
    subscription_change,
    subscriptions,
)
from gateway.services.domains import Sighting
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.clock import Clock
from tests.properties.hand import Hand, Pointless, Verb
from tests.properties.town import PRESETS


def subscribe(hand: Hand) -> Verb:
    wishes: tuple[dict[str, Any], ...] = (
        {"seat_limit": hand.rng.randint(2, 6)},
        {"seat_limit": None},
        {"state": "expired"},
        {"state": "active"},
        {"state": "active"},
    )
    wish = hand.some(wishes)
    return lambda uow: organisations.change_subscription(uow, **wish)


POLICIES: tuple[tuple[str, object], ...] = (
    ("seat_overage", "block"),
    ("seat_overage", "bill"),
    ("owner_counts_as_seat", True),
    ("owner_counts_as_seat", False),
    ("bot_scope_default", "all"),
    ("bot_scope_default", "selected"),
    ("admin_manages_agents", True),
    ("admin_manages_agents", None),
    ("direct_create", True),
    ("default_role", None),
    ("owners", "single"),
    ("owners", None),
    ("subscription_expired", {"owner_bot_access": "read_only", "others": "suspended"}),
    ("subscription_expired", {"owner_bot_access": "none", "others": "suspended"}),
)


def set_policy(hand: Hand) -> Verb:
    name, value = hand.some(POLICIES)
    return lambda uow: policies.change(uow, {name: value})


def change_plan(hand: Hand) -> Verb:
    """Another plan or other add-ons, as they were previewed; now and then as they were not."""
    plans = sorted(presets.packaged().preset(hand.house.preset).plans)
    wishes: tuple[dict[str, Any], ...] = (
        {"plan": hand.rng.choice(plans), "seat_limit": hand.rng.choice((None, 4, 8))},
        {"plan": hand.rng.choice(plans)},
        {"add_ons": ()},
        {"add_ons": ("enterprise",)},
        {"add_ons": ("enterprise",), "state": "active"},
    )
    wish, stale = hand.some(wishes), hand.rng.random() < 0.1

    def verb(uow: UnitOfWork) -> None:
        token = subscription_change.preview(uow, dict(wish)).token
        subscription_change.apply(uow, dict(wish), "another" if stale else token)

    return verb


def switch_preset(hand: Hand) -> Verb:
    """By whoever may, as it was previewed; now and then as it was not."""
    wish = preset_switch.Wish(preset=hand.some(PRESETS))
    stale = hand.rng.random() < 0.1

    def verb(uow: UnitOfWork) -> None:
        token = preset_switch.preview(uow, wish).token
        preset_switch.apply(uow, wish, "another" if stale else token)
        hand.house.preset = wish.preset
        present = uow.all(uow.own(t.roles).where(~t.roles.c.deleted))
        hand.house.roles = {row.key: row.id for row in present}

    return verb


def prove_domain(hand: Hand) -> Verb:
    """By the operator's word, or by what the DNS says."""
    name, seen = _domain(hand), hand.some((None, *Sighting))
    if seen is None:
        return lambda uow: domains.force_verify(uow, name)
    return lambda uow: domains.verify(uow, domains.claim(uow, name), seen)


def release_domain(hand: Hand) -> Verb:
    name = _domain(hand)

    def verb(uow: UnitOfWork) -> None:
        for domain in domains.listing(uow):
            if domain.name == name:
                domains.release(uow, domain.id)

    return verb


def _domain(hand: Hand) -> str:
    own = f"{hand.house.slug}.test"
    return hand.some((own, own, f"{hand.town.other(hand.house).slug}.test", "outside.test"))


def appoint_keeper(hand: Hand) -> Verb:
    """Mostly the founder, who has two factors, as a break-glass owner."""
    keeper = hand.some((hand.house.owner_id, hand.house.owner_id, hand.member()))
    return lambda uow: break_glass.appoint(uow, keeper)


def end_keeper(hand: Hand) -> Verb:
    return lambda uow: break_glass.end(uow, hand.house.owner_id)


def confirm_keeper(hand: Hand) -> Verb:
    return lambda uow: break_glass.confirm(uow, hand.house.owner_id)


def close_house(_: Hand) -> Verb:
    return closures.close


def reopen_house(hand: Hand) -> Verb:
    if hand.view.organisations[hand.house.organisation_id].state == "live":
        raise Pointless
    return closures.restore


def let_pass(hand: Hand) -> Verb:
    """Days go by, and the worker records what ended by them."""
    days, clock = hand.some((1, 8, 25)), hand.town.work.clock
    assert isinstance(clock, Clock)
    clock.advance(timedelta(days=days))
    hand.actor = SYSTEM

    def verb(uow: UnitOfWork) -> None:
        expiry.end_invitations(uow)
        subscriptions.settle(uow)

    return verb
