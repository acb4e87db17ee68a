"""What an identity provider sent, and what became of it, as its admin sees it."""

from datetime import timedelta
from typing import Any

from gateway.app import Gateway
from gateway.delivery.worker import Worker
from gateway.services import connections, request_log, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.wire.scim.conftest import IdP, user

ENTRA = "Microsoft Entra provisioning"


def kept(app: Gateway, idp: IdP, **filters: Any) -> list[Any]:
    """The connection's requests, the newest first."""
    app.flush()
    house = idp.house
    with app.work.read(house.organisation_id) as uow:
        chosen = request_log.Filters(**filters)
        return list(request_log.listing(uow, house.connection.id, chosen, None, 100))


def test_a_request_is_told_from_its_receipt_to_its_answer(app: Gateway, okta: IdP) -> None:
    ann = okta.create_user("ann@acme.test", password="hunter2secret")
    okta.patch(
        f"/Users/{ann['id']}",
        {"op": "Replace", "path": 'emails[type eq "secret-type"].value', "value": "s3cr3t@x.test"},
        {"op": "Replace", "value": {"active": "False", "nickName": "secret-nick"}},
        User_Agent=ENTRA,
    )
    okta.get('/Users?filter=userName eq "ann@acme.test"&count=5')
    okta.create_group("Support")
    group, listed, patched, created = kept(app, okta)
    assert (created.method, created.path, created.status) == ("POST", "/Users", 201)
    assert created.changed["directory.user_created"] == 1
    assert created.changed["member.created"] == 1
    assert {"userName", "password"} <= set(created.received["attributes"])
    assert (patched.dialect, patched.operation, patched.status) == ("entra", "patch", 200)
    assert patched.deviations["operator_case"] == 2
    assert patched.deviations["text_boolean"] == 1
    assert patched.changed["member.deactivated"] == 1
    assert patched.received["operations"][1] == "Replace active, nickName"
    assert listed.received["query"] == {"filter": 'userName eq "…"', "count": "5"}
    assert (listed.changed, group.status) == ({}, 201)
    told = " ".join(str(tuple(row)) for row in (group, listed, patched, created))
    for secret in ("hunter2", "s3cr3t", "secret-", okta.token):
        assert secret not in told


def test_refusals_are_told_with_their_reason_and_found_by_filter(
    app: Gateway, okta: IdP, other: IdP
) -> None:
    okta.create_user("ann@acme.test")
    okta.send("POST", "/Users", user("ANN@acme.test"))
    okta.get("/Users", Authorization="Bearer guessed")
    other.get("/Users")
    (refused,) = kept(app, okta, refused=True)
    assert (refused.status, refused.changed) == (409, {})
    assert refused.detail
    assert len(kept(app, okta, method="POST")) == 2
    assert len(kept(app, other)) == 1


def test_every_tolerated_deviation_is_counted_and_named(app: Gateway, okta: IdP) -> None:
    ann = okta.create_user("ann@acme.test")
    for value in ("False", "True", "False"):
        okta.patch(f"/Users/{ann['id']}", {"op": "Replace", "path": "active", "value": value})
        app.flush()
    house = okta.house
    with app.work.read(house.organisation_id) as uow:
        found = request_log.deviations(uow, house.connection.id)
    counted = {row.name: row.times for row in found}
    assert counted == {"operator_case": 3, "text_boolean": 3}


def test_the_health_of_a_connection_is_its_last_day(app: Gateway, okta: IdP, clock: Clock) -> None:
    okta.get("/Users", User_Agent=ENTRA)
    clock.advance(timedelta(hours=25))
    for _ in range(3):
        okta.get("/Users", User_Agent=ENTRA)
    okta.get("/Users/nobody", User_Agent=ENTRA)
    app.flush()
    house = okta.house
    with app.work.read(house.organisation_id) as uow:
        own = connections.get(uow, house.connection.id)
        health = request_log.health(uow, house.connection.id, own.detected_dialect)
    assert (own.detected_dialect, health.requests, health.refused) == ("entra", 4, 1)
    assert health.success_rate == 0.75
    assert health.last_contact is not None
    assert health.next_expected == health.last_contact + timedelta(minutes=40)


def test_requests_are_kept_as_long_as_the_plan_says(
    app: Gateway, okta: IdP, other: IdP, work: Work, clock: Clock
) -> None:
    def shorten(uow: UnitOfWork) -> None:
        terms.override(uow, {"scim_log_days": 7})

    work.run(okta.house.organisation_id, OPERATOR, shorten)
    for idp in (okta, other):
        idp.get("/Users")
        assert len(kept(app, idp)) == 1
    clock.advance(timedelta(days=8))
    Worker(work, mailer=None).purge()
    assert (len(kept(app, okta)), len(kept(app, other))) == (0, 1)
    clock.advance(timedelta(days=23))
    Worker(work, mailer=None).purge()
    assert kept(app, other) == []


def test_reading_writes_nothing_until_the_flush(app: Gateway, okta: IdP) -> None:
    app.flush()
    okta.get("/Users")
    with app.work.read(okta.house.organisation_id) as uow:
        assert uow.all(uow.own(t.scim_requests)) == []
    assert len(kept(app, okta)) == 1
