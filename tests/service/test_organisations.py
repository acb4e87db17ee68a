"""Organisations, their domains and their terms."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain.decisions import Access
from gateway.domain.errors import AlreadyExists, InvalidRequest, NotFound
from gateway.domain.permissions import Level
from gateway.services import access, chatbots, domains, organisations, policies, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.factories import OPERATOR, found_organisation
from tests.scene import Scene, scene


def test_an_organisation_is_born_with_its_presets_roles_and_an_owner(work: Work) -> None:
    """S2-11, S3-01."""
    organisation_id, owner_id = found_organisation(work)
    with work.read(organisation_id) as uow:
        roles = {role.key for role in access.roles_at(uow)}
        held = access.effective(uow, owner_id)
    assert roles == {"owner", "admin", "developer", "billing", "viewer"}
    assert held.owner_of_record
    assert held.role is not None
    assert held.role.key == "owner"


def test_a_slug_is_taken_once(work: Work) -> None:
    found_organisation(work)
    with pytest.raises(AlreadyExists):
        found_organisation(work)


@pytest.mark.parametrize("slug", ["", "-a", "a-", "Acme", "a b", "x" * 64])
def test_a_bad_slug_is_refused(work: Work, slug: str) -> None:
    with pytest.raises(InvalidRequest):
        found_organisation(work, slug)


@pytest.mark.parametrize(
    ("preset", "plan", "policies"),
    [
        ("nothing", None, {}),
        ("five_role", "platinum", {}),
        ("five_role", None, {"generosity": True}),
        ("five_role", None, {"owners": "none"}),
    ],
)
def test_what_the_catalogue_lacks_is_refused(
    work: Work, preset: str, plan: str | None, policies: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest):
        found_organisation(work, "acme", preset, plan, **policies)
    with work.platform() as database:
        assert organisations.listing(database) == []


def test_a_founder_of_two_organisations_is_one_person(work: Work) -> None:
    def found(slug: str) -> UUID:
        new = organisations.NewOrganisation(
            slug=slug,
            name=slug,
            preset="five_role",
            owner_email="Olga@shared.test",
            owner_name="Olga",
        )
        return work.found(OPERATOR, lambda uow: organisations.create(uow, new))

    owners = [found("acme"), found("globex")]
    with work.platform() as database:
        m = t.members.c
        people = {
            database.execute(select(m.person_id).where(m.id == owner)).scalar() for owner in owners
        }
    assert len(people) == 1


def test_a_renamed_organisation_is_recorded_once(here: Scene) -> None:
    for _ in range(2):
        here.do(lambda uow: organisations.rename(uow, " New Acme "))
    assert len(here.facts("organisation.updated")) == 1
    assert here.see(organisations.get).name == "New Acme"


# -- subscription --------------------------------------------------------------------


def test_an_expired_subscription_closes_the_chatbots_and_renewing_opens_them(
    here: Scene,
) -> None:
    """S0-39, S0-40."""
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    anna = here.employ("anna@acme.test", "developer")
    before = here.access(anna)
    here.do(lambda uow: organisations.change_subscription(uow, state="expired"))
    assert here.access(anna).level(bot, "knowledge_base") is Level.NONE
    assert here.access(anna).decide("knowledge_base.read", bot).code == "subscription_expired"
    owner = here.access(here.house.owner_id)
    assert not owner.visible(bot)
    for atom in ("org.read", "members.read", "billing.manage", "audit.read"):
        assert owner.allows(atom)
    here.do(lambda uow: organisations.change_subscription(uow, state="active"))
    assert here.access(anna) == before


@pytest.mark.parametrize(("policy", "level"), [("read_only", Level.READ), ("full", Level.WRITE)])
def test_what_the_owner_keeps_follows_the_policy_at_once(
    here: Scene, policy: str, level: Level
) -> None:
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    here.do(lambda uow: organisations.change_subscription(uow, state="expired"))
    value = {"owner_bot_access": policy, "others": "suspended"}
    here.do(lambda uow: policies.change(uow, {"subscription_expired": value}))
    assert here.access(here.house.owner_id).level(bot, "analytics") is level


def test_the_default_scope_follows_the_policy_at_once(here: Scene) -> None:
    bot = here.do(lambda uow: chatbots.create(uow, "Sales"))
    user = here.post("anna@acme.test")
    assert here.access(user.member_id).visible(bot)
    here.do(lambda uow: policies.change(uow, {"bot_scope_default": "selected"}))
    assert not here.access(user.member_id).visible(bot)


def test_a_policy_that_gives_a_role_more_reaches_its_holders(work: Work) -> None:
    """S3-06, S3-07."""
    here = scene(work, "ping", "pingback")
    admin = here.house.successor_id
    assert not here.access(admin).allows("members.invite")
    here.do(lambda uow: policies.change(uow, {"admin_manages_agents": True}))
    assert here.access(admin).allows("members.invite")
    here.do(lambda uow: policies.change(uow, {"admin_manages_agents": False}))
    assert not here.access(admin).allows("members.invite")


def test_the_same_subscription_again_changes_and_records_nothing(here: Scene) -> None:
    here.do(lambda uow: organisations.change_subscription(uow, seat_limit=7))
    before = here.rows(t.subscriptions), here.rows(t.outbox)
    here.do(lambda uow: organisations.change_subscription(uow, seat_limit=7))
    assert (here.rows(t.subscriptions), here.rows(t.outbox)) == before


def test_another_plan_brings_its_own_seats_and_keeps_the_add_ons(work: Work) -> None:
    """S1-30, S1-31."""
    here = scene(work, "waba", "whatsapp")
    here.do(lambda uow: organisations.change_subscription(uow, plan="scale"))
    row = here.see(organisations.get)
    assert (row.plan, row.seat_limit) == ("scale", 10)
    assert "scim" in row.features
    here.do(lambda uow: organisations.change_subscription(uow, plan="growth", seat_limit=8))
    assert here.see(organisations.get).seat_limit == 8


@pytest.mark.parametrize(
    "changes",
    [{"plan": "platinum"}, {"state": "lost"}, {"seat_limit": -1}, {"colour": 1}, {"plan": None}],
)
def test_a_subscription_out_of_bounds_is_refused(here: Scene, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        here.do(lambda uow: organisations.change_subscription(uow, **changes))


# -- domains -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [("Acme.TEST.", "acme.test"), (" b\u00fccher.example ", "xn--bcher-kva.example")],
)
def test_a_domain_is_kept_as_it_is_compared(said: str, kept: str) -> None:
    assert domains.normalise(said) == kept


@pytest.mark.parametrize("said", ["", "acme", "a..b", "-a.test", "a b.test", "x" * 64 + ".test"])
def test_what_is_no_domain_is_refused(said: str) -> None:
    with pytest.raises(InvalidRequest):
        domains.normalise(said)


def test_claiming_tells_nothing_of_others_and_proving_is_one_organisations_alone(
    here: Scene,
) -> None:
    globex = scene(here.work, "globex")
    claimed = globex.do(lambda uow: domains.claim(uow, "acme.test"))
    assert globex.do(lambda uow: domains.claim(uow, "ACME.test")) == claimed
    assert not globex.see(lambda uow: domains.is_proved(uow, "a@acme.test"))
    with pytest.raises(AlreadyExists):
        globex.do(lambda uow: domains.force_verify(uow, "acme.test"))
    assert here.see(lambda uow: domains.is_proved(uow, "a@ACME.test"))
    assert not here.see(lambda uow: domains.is_proved(uow, "a@sub.acme.test"))
    with pytest.raises(NotFound):
        here.do(lambda uow: domains.get(uow, claimed))


# -- then ----------------------------------------------------------------------------


def test_access_is_answered_as_it_was(here: Scene) -> None:
    user = here.post("anna@acme.test")
    group = here.group("Eng", user)
    rule_from = here.work.clock()
    here.map(group, role="developer")
    seen: list[tuple[datetime, Access]] = []
    steps: list[Callable[[], object]] = [
        lambda: here.configure(unmapped="no_access"),
        lambda: here.move(group, remove=[user]),
        lambda: here.do(lambda uow: organisations.change_subscription(uow, state="expired")),
        lambda: here.set_active(user, False),
        lambda: here.delete(user),
    ]
    for step in steps:
        here.let_pass(timedelta(seconds=1))
        seen.append((here.work.clock(), here.access(user.member_id)))
        here.let_pass(timedelta(seconds=1))
        step()
    assert user.member_id is not None
    for at, then in seen:
        with here.work.read(here.house.organisation_id) as uow:
            assert access.effective(uow, user.member_id, at) == then
    assert rule_from < here.work.clock()


def test_before_there_was_anything_there_was_no_member(here: Scene) -> None:
    before = here.work.clock() - timedelta(days=1)
    with pytest.raises(NotFound):
        here.see(lambda uow: access.effective(uow, here.house.owner_id, before))


def test_an_unknown_policy_or_value_is_refused(here: Scene) -> None:
    for name, value in (("generosity", True), ("owners", "none"), ("invite_ttl_days", 0)):
        with pytest.raises(InvalidRequest):
            here.run(policies.change, {name: value})


def test_a_policy_set_twice_is_recorded_once(here: Scene) -> None:
    for _ in range(2):
        here.do(lambda uow: policies.change(uow, {"welcome_email": True}))
    assert len(here.facts("policy.changed")) == 1
    assert here.see(terms.current).policies["welcome_email"] is True
