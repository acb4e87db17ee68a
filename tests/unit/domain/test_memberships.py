"""Memberships: the state table, the last owner, and what identity providers may do."""

import itertools

import pytest

from gateway.domain.errors import InvalidTransition
from gateway.domain.memberships import (
    TRANSITIONS,
    Acquaintance,
    Coming,
    DeactivatedBy,
    DirectoryOutcome,
    Going,
    Joining,
    Known,
    Landing,
    LastOwnerPolicy,
    MemberState,
    Ownership,
    on_scim_active,
    on_scim_create,
    on_scim_going,
    on_scim_joining,
    require_transition,
)
from tests.unit.domain.world import named

ACTIVE, DEACTIVATED, WAITLISTED, REMOVED = MemberState
LEGAL = {
    (ACTIVE, DEACTIVATED), (ACTIVE, REMOVED),
    (DEACTIVATED, ACTIVE), (DEACTIVATED, WAITLISTED), (DEACTIVATED, REMOVED),
    (WAITLISTED, ACTIVE), (WAITLISTED, DEACTIVATED), (WAITLISTED, REMOVED),
}  # fmt: skip


@pytest.mark.parametrize("move", list(itertools.product(MemberState, MemberState)))
def test_only_the_listed_moves_are_made(move: tuple[MemberState, MemberState]) -> None:
    """S1-22"""
    if move in LEGAL:
        require_transition(*move)
        return
    with pytest.raises(InvalidTransition):
        require_transition(*move)


def test_a_removed_membership_never_returns() -> None:
    """S2-22, C5"""
    assert TRANSITIONS[REMOVED] == frozenset()


LAST = Ownership(owner_of_record=True, others=0)
ONE_OF_TWO = Ownership(owner_of_record=True, others=1)
NO_OWNER = Ownership(owner_of_record=False, others=0)


def test_only_the_one_owner_that_can_act_is_the_last() -> None:
    """S2-25"""
    assert [each.is_last for each in (LAST, ONE_OF_TWO, NO_OWNER)] == [True, False, False]


CONTAIN, SUCCEED = LastOwnerPolicy


@pytest.mark.parametrize(
    ("state", "ownership", "policy", "successor", "going"),
    [
        (ACTIVE, NO_OWNER, CONTAIN, False, Going.TAKES_EFFECT),
        (DEACTIVATED, NO_OWNER, CONTAIN, False, Going.TAKES_EFFECT),
        (WAITLISTED, NO_OWNER, CONTAIN, False, Going.TAKES_EFFECT),
        (REMOVED, NO_OWNER, CONTAIN, False, Going.NOTHING),
        (ACTIVE, ONE_OF_TWO, CONTAIN, False, Going.TAKES_EFFECT),
        (ACTIVE, LAST, CONTAIN, False, Going.CONTAIN),
        (ACTIVE, LAST, CONTAIN, True, Going.CONTAIN),
        (ACTIVE, LAST, SUCCEED, True, Going.SUCCEED),
        (ACTIVE, LAST, SUCCEED, False, Going.CONTAIN),
    ],
)
def test_deprovisioning_takes_effect_but_for_the_last_owner(
    state: MemberState,
    ownership: Ownership,
    policy: LastOwnerPolicy,
    successor: bool,
    going: Going,
) -> None:
    """C21"""
    nominee = named("nominee") if successor else None
    assert on_scim_going(state, ownership, policy, nominee) is going


@pytest.mark.parametrize(
    ("state", "by", "contained", "coming"),
    [
        (ACTIVE, None, True, Coming.END_CONTAINMENT),
        (ACTIVE, None, False, Coming.NOTHING),
        (WAITLISTED, None, False, Coming.NOTHING),
        (REMOVED, None, False, Coming.NOTHING),
        (DEACTIVATED, DeactivatedBy.IDP, False, Coming.REACTIVATE),
        (DEACTIVATED, DeactivatedBy.MANUAL, False, Coming.STAYS_DEACTIVATED),
    ],
)
def test_activation_gives_back_what_the_provider_took(
    state: MemberState, by: DeactivatedBy | None, contained: bool, coming: Coming
) -> None:
    assert on_scim_active(state, by, contained=contained) is coming


HERE = Known(named("one"), "e1", active=True)
GONE = Known(named("one"), "e1", active=False)
GONE_WITHOUT = Known(named("one"), None, active=False)
OTHER = Known(named("two"), "e2", active=False)
ONE = named("one")


@pytest.mark.parametrize(
    ("external_id", "by_external_id", "by_user_name", "outcome"),
    [
        pytest.param("e1", None, None, DirectoryOutcome(Landing.NEW), id="new"),
        pytest.param(
            "e1", HERE, HERE, DirectoryOutcome(Landing.TAKEN, ONE), id="live-both"
        ),
        pytest.param("e1", HERE, None, DirectoryOutcome(Landing.TAKEN, ONE), id="live-external"),
        pytest.param("e9", None, HERE, DirectoryOutcome(Landing.TAKEN, ONE), id="live-user-name"),
        pytest.param("e1", GONE, GONE, DirectoryOutcome(Landing.RESTORED, ONE), id="returns"),
        pytest.param(
            "e1", GONE, None, DirectoryOutcome(Landing.RESTORED, ONE), id="returns-under-new-name"
        ),
        pytest.param(
            None, None, GONE, DirectoryOutcome(Landing.RESTORED, ONE), id="returns-by-name-alone"
        ),
        pytest.param(
            "e9", None, GONE_WITHOUT, DirectoryOutcome(Landing.RESTORED, ONE),
            id="returns-with-an-external-id-for-the-first-time",
        ),
        pytest.param(
            "e9", None, GONE, DirectoryOutcome(Landing.REPLACES, ONE, "username_reused"),
            id="another-human-with-the-same-name",
        ),
        pytest.param(
            "e1", GONE, OTHER, DirectoryOutcome(Landing.TAKEN, named("two")), id="torn-in-two"
        ),
        pytest.param(
            "e1", GONE, Known(named("two"), "e2", active=True),
            DirectoryOutcome(Landing.TAKEN, named("two")), id="name-of-somebody-live",
        ),
    ],
)  # fmt: skip
def test_where_a_post_of_a_user_lands(
    external_id: str | None,
    by_external_id: Known | None,
    by_user_name: Known | None,
    outcome: DirectoryOutcome,
) -> None:
    """S4-23"""
    assert on_scim_create(external_id, by_external_id, by_user_name) == outcome


@pytest.mark.parametrize(
    ("who", "joining", "needs_seat", "attention"),
    [
        pytest.param(
            Acquaintance(in_verified_domain=True, known=False),
            Joining.NEW_PERSON, True, None, id="unknown",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=True, known=True),
            Joining.KNOWN_PERSON, True, None, id="known-elsewhere",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=False, known=True),
            Joining.NEW_PERSON, True, None, id="known-elsewhere-outside-the-domain",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=False, known=True, state=ACTIVE),
            Joining.NEW_PERSON, True, None, id="a-member-here-outside-the-domain",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=True, known=True, state=ACTIVE),
            Joining.ADOPTED, False, None, id="manual-member",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=True, known=True, state=DEACTIVATED),
            Joining.ADOPTED_DEACTIVATED, False, "deactivated_by_hand", id="deactivated-by-hand",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=True, known=True, state=REMOVED),
            Joining.KNOWN_PERSON, True, None, id="removed-before",
        ),
        pytest.param(
            Acquaintance(
                in_verified_domain=True, known=True, state=ACTIVE, managed_elsewhere=True
            ),
            Joining.NO_MEMBER, False, "already_managed", id="managed-by-another-connection",
        ),
        pytest.param(
            Acquaintance(in_verified_domain=True, known=True, state=ACTIVE, break_glass=True),
            Joining.NO_MEMBER, False, "break_glass_matched", id="break-glass-owner",
        ),
    ],
)  # fmt: skip
def test_how_a_new_directory_user_becomes_a_member(
    who: Acquaintance, joining: Joining, needs_seat: bool, attention: str | None
) -> None:
    """S4-25"""
    outcome = on_scim_joining(who)
    assert (outcome.joining, outcome.needs_seat, outcome.attention) == (
        joining,
        needs_seat,
        attention,
    )
