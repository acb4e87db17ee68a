"""Keys: shown once, worth what their owner may do at the moment, dead when the owner is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from gateway.domain import errors
from gateway.domain.decisions import Access
from gateway.domain.identity import Actor, ActorType
from gateway.domain.permissions import ACTIONS
from gateway.services import access, acting, keys, members, organisations, principals
from gateway.services.principals import Principal
from gateway.services.secrets import Issued
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import OPERATOR, House, appoint_break_glass, house

ALL = tuple(sorted(ACTIONS))


@pytest.fixture
def acme(work: Work) -> House:
    """An organisation whose successor may go, as its owner can always come in."""
    made = house(work)
    work.run(made.organisation_id, OPERATOR, lambda uow: appoint_break_glass(uow, made.owner_id))
    return made


def issue(
    work: Work, acme: House, scopes: tuple[str, ...] = ALL, by: Actor = OPERATOR, **owner: Any
) -> Issued:
    return work.run(
        acme.organisation_id, by, lambda uow: keys.create(uow, "Script", scopes, **owner)
    )


def who(work: Work, secret: str) -> Principal:
    with work.platform() as database:
        return principals.authenticate(database, work.clock(), secret)


def role(work: Work, acme: House, key: str) -> UUID:
    with work.read(acme.organisation_id) as uow:
        found: UUID = uow.scalar(uow.own(t.roles, t.roles.c.id).where(t.roles.c.key == key))
    return found


def test_a_secret_is_shown_once_and_its_digest_kept(work: Work, acme: House) -> None:
    issued = issue(work, acme, member_id=acme.owner_id)
    assert issued.secret.startswith("gwk_")
    assert len(issued.secret) == 47
    assert issued.secret not in repr(issued)
    with work.platform() as database:
        rows = database.execute(select(t.api_keys)).all()
        facts = database.execute(select(t.audit_events.c.after)).all()
        feed = database.execute(select(t.outbox.c.payload)).all()
    assert issued.secret not in repr((rows, facts, feed))


def test_a_members_key_is_worth_what_the_member_may_do(work: Work, acme: House) -> None:
    principal = who(work, issue(work, acme, member_id=acme.successor_id).secret)
    with work.read(acme.organisation_id) as uow:
        assert principal.access == access.effective(uow, acme.successor_id)
    assert principal.actor == Actor(
        ActorType.API_KEY, str(principal.key_id), "Script", acme.successor_id
    )
    principal.require("members.update")
    with pytest.raises(errors.NotPermitted):
        principal.require("billing.manage")


def test_a_members_key_follows_the_members_role(work: Work, acme: House) -> None:
    secret = issue(work, acme, member_id=acme.successor_id).secret
    viewer = role(work, acme, "viewer")
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: members.set_role(uow, acme.successor_id, viewer),
    )
    with pytest.raises(errors.NotPermitted):
        who(work, secret).require("members.update")
    who(work, secret).require("members.read")


def test_scopes_only_take_away(work: Work, acme: House) -> None:
    secret = issue(work, acme, ("members.read", "analytics.write"), member_id=acme.owner_id).secret
    principal = who(work, secret)
    bot = UUID(int=5)
    principal.require("members.read")
    principal.require("analytics.read", bot)
    principal.require("analytics.write", bot)
    with pytest.raises(errors.NotPermitted, match="scopes do not include org"):
        principal.require("org.update")
    viewer = issue(work, acme, ("org.update",), role_id=role(work, acme, "viewer")).secret
    with pytest.raises(errors.NotPermitted):
        who(work, viewer).require("org.update")


ENDS: dict[str, Callable[[UnitOfWork, House, UUID], object]] = {
    "deactivated": lambda uow, acme, _: members.deactivate(uow, acme.successor_id),
    "held": lambda uow, acme, _: members.hold(uow, acme.successor_id),
    "removed": lambda uow, acme, _: members.remove(uow, acme.successor_id),
    "revoked": lambda uow, _, key_id: keys.revoke(uow, key_id),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_key_is_dead_for_good_when_its_owner_is(work: Work, acme: House, end: str) -> None:
    issued = issue(work, acme, member_id=acme.successor_id)
    work.run(acme.organisation_id, OPERATOR, lambda uow: ENDS[end](uow, acme, issued.id))
    with pytest.raises(errors.TokenInvalid):
        who(work, issued.secret)
    if end == "deactivated":
        work.run(
            acme.organisation_id,
            OPERATOR,
            lambda uow: members.reactivate(uow, acme.successor_id),
        )
        with pytest.raises(errors.TokenInvalid):
            who(work, issued.secret)


def test_a_key_ends_at_the_instant_that_it_names(work: Work, acme: House, clock: Clock) -> None:
    ends = clock.now + timedelta(hours=1)
    secret = issue(work, acme, member_id=acme.owner_id, expires_at=ends).secret
    clock.now = ends - timedelta(microseconds=1)
    assert who(work, secret).member_id == acme.owner_id
    clock.now = ends
    with pytest.raises(errors.TokenInvalid):
        who(work, secret)


def test_what_ended_since_a_key_was_read_no_longer_counts_in_the_unit(
    work: Work, acme: House
) -> None:
    principal = who(work, issue(work, acme, member_id=acme.successor_id).secret)
    work.run(acme.organisation_id, OPERATOR, lambda uow: members.hold(uow, acme.successor_id))
    with pytest.raises(errors.TokenInvalid):
        work.run(
            acme.organisation_id, principal.actor, lambda uow: principals.refreshed(uow, principal)
        )


@pytest.mark.parametrize("key", ["owner", "admin", "developer", "billing", "viewer"])
def test_a_service_key_decides_by_its_role_as_verbs_see_it(
    work: Work, acme: House, key: str
) -> None:
    principal = who(work, issue(work, acme, ("org.read",), role_id=role(work, acme, key)).secret)
    with work.read(acme.organisation_id, principal.actor) as uow:
        author = acting.author(uow)
    assert author is not None
    assert isinstance(principal.access, Access)
    for name in ("org_atoms", "ceiling", "bot_atoms", "scope", "unavailable", "suspended", "role"):
        assert getattr(principal.access, name) == getattr(author.access, name)


def test_a_service_key_survives_its_maker(work: Work, acme: House) -> None:
    maker = who(work, issue(work, acme, member_id=acme.successor_id).secret).actor
    viewer = role(work, acme, "viewer")
    secret = issue(work, acme, ("org.read",), by=maker, role_id=viewer).secret
    work.run(acme.organisation_id, OPERATOR, lambda uow: members.remove(uow, acme.successor_id))
    who(work, secret).require("org.read")


def test_an_expired_subscription_reaches_service_keys(work: Work, acme: House) -> None:
    secret = issue(work, acme, role_id=role(work, acme, "admin")).secret
    who(work, secret).require("chatbots.create")
    work.run(
        acme.organisation_id,
        OPERATOR,
        lambda uow: organisations.change_subscription(uow, state="expired"),
    )
    with pytest.raises(errors.SubscriptionExpired):
        who(work, secret).require("chatbots.create")


@pytest.mark.parametrize(
    ("scopes", "owner", "refusal"),
    [
        pytest.param(ALL, "own", errors.RoleAboveOwn, id="a-scope-that-the-maker-lacks"),
        pytest.param(("org.read",), "owner", errors.RoleAboveOwn, id="somebody-above"),
        pytest.param(("org.read",), "owner-role", errors.RoleAboveOwn, id="a-role-above"),
        pytest.param(("org.read",), "billing-role", errors.RoleAboveOwn, id="a-role-not-to-give"),
    ],
)
def test_nobody_makes_a_key_that_opens_more_than_they_may(
    work: Work, acme: House, scopes: tuple[str, ...], owner: str, refusal: type[Exception]
) -> None:
    admin = Actor(ActorType.MEMBER, str(acme.successor_id), "Sara", acme.successor_id)
    owners: dict[str, dict[str, Any]] = {
        "own": {"member_id": acme.successor_id},
        "owner": {"member_id": acme.owner_id},
        "owner-role": {"role_id": role(work, acme, "owner")},
        "billing-role": {"role_id": role(work, acme, "billing")},
    }
    with pytest.raises(refusal):
        issue(work, acme, scopes, by=admin, **owners[owner])


def test_a_key_makes_no_key_with_more_scopes_than_its_own(work: Work, acme: House) -> None:
    narrow = ("apikeys.manage", "analytics.write")
    maker = who(work, issue(work, acme, narrow, member_id=acme.owner_id).secret).actor
    issue(work, acme, ("analytics.read",), by=maker, member_id=acme.owner_id)
    with pytest.raises(errors.RoleAboveOwn, match="members"):
        issue(work, acme, ("members.read",), by=maker, member_id=acme.owner_id)


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        pytest.param({}, errors.InvalidRequest, id="no-owner"),
        pytest.param({"member_id": UUID(int=1)}, errors.NotFound, id="unknown-member"),
        pytest.param({"role_id": UUID(int=1)}, errors.NotFound, id="unknown-role"),
    ],
)
def test_a_key_has_one_owner(
    work: Work, acme: House, wish: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        issue(work, acme, **wish)


@pytest.mark.parametrize("scopes", [(), ("org.fly",), ("*",)])
def test_scopes_are_permissions_by_name(work: Work, acme: House, scopes: tuple[str, ...]) -> None:
    with pytest.raises(errors.InvalidRequest):
        issue(work, acme, scopes, member_id=acme.owner_id)


def test_revoking_twice_records_once(work: Work, acme: House) -> None:
    issued = issue(work, acme, member_id=acme.owner_id)
    for _ in range(2):
        work.run(acme.organisation_id, OPERATOR, lambda uow: keys.revoke(uow, issued.id))
    with work.platform() as database:
        e = t.audit_events.c
        found = database.execute(select(e.id).where(e.action == "api_key.revoked")).all()
    assert len(found) == 1


def test_an_operator_key_lives_until_it_is_revoked(work: Work) -> None:
    issued = work.run_platform(
        lambda database, now: keys.issue_operator_key(database, now, work.new_id, "Ops")
    )
    assert issued.secret.startswith("gwo_")
    assert who(work, issued.secret).actor == Actor(ActorType.OPERATOR, str(issued.id), "Ops")
    work.run_platform(lambda database, now: keys.revoke_operator_key(database, now, issued.id))
    with pytest.raises(errors.TokenInvalid):
        who(work, issued.secret)
    with pytest.raises(errors.NotFound):
        work.run_platform(lambda database, now: keys.revoke_operator_key(database, now, issued.id))


def test_a_key_is_found_by_its_index(work: Work) -> None:
    """However many keys there are: the index is partial, and the statement must say so."""
    said = principals._BY_SECRET.compile(
        dialect=work.engines.serving.dialect, compile_kwargs={"render_postcompile": True}
    )
    values = said.construct_params({"secret": "x", "now": work.clock()})
    bound = {
        name: bind.type.dialect_impl(said.dialect).bind_processor(said.dialect)
        for bind, name in said.bind_names.items()
    }
    given = {
        name: binder(values[name]) if (binder := bound[name]) else values[name] for name in bound
    }
    with work.platform() as database:
        if work.engines.dialect == "postgresql":
            database.exec_driver_sql("SET enable_seqscan = off")
            plan = database.exec_driver_sql(f"EXPLAIN {said}", given).all()
        else:
            order = tuple(given[name] for name in said.positiontup or ())
            plan = database.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", order).all()
    assert "uq_api_keys_hash" in repr(plan)
