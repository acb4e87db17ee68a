"""What the audit tells of a sign-on connection's settings: `before` is what was told last."""

from collections.abc import Callable
from uuid import UUID

import pytest

from gateway.services import sso_setup
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from tests.service.signin.lodge import Lodge
from tests.service.signin.test_setup import by


def test_a_changed_setting_is_told_with_what_it_was(acme: Lodge) -> None:
    acme.configure(unmapped="no_access", bot_scope="selected")
    acme.configure(unmapped="default_role", bot_scope="selected")
    told = acme.rows(t.audit_events, action="connection.updated")[-1]
    assert (told.before, told.after) == ({"unmapped": "no_access"}, {"unmapped": "default_role"})


def test_a_loss_of_trust_is_told_with_how_far_it_went(acme: Lodge) -> None:
    here = acme.connection_id
    acme.do(lambda uow: sso_setup.update(uow, here, jit=True), by(acme.house.successor_id))
    acme.do(lambda uow: sso_setup.approve(uow, here))
    fell = acme.rows(t.audit_events, action="connection.updated")[-1]
    (approved,) = acme.rows(t.audit_events, action="sso.approved")
    assert fell.before == approved.after
    assert fell.after == {"rank": approved.before["rank"], "changed": ["jit"]}


@pytest.mark.parametrize("verb", [sso_setup.disable, sso_setup.delete], ids=["disabled", "deleted"])
def test_an_enforcement_that_ends_with_its_connection_is_told(
    acme: Lodge, verb: Callable[[UnitOfWork, UUID], None]
) -> None:
    here = acme.connection_id
    acme.do(lambda uow: uow.update(t.sso_connections, {"id": here}, owner_proved_at=uow.now))
    acme.do(lambda uow: sso_setup.set_enforced(uow, here, enforced=True))
    acme.do(lambda uow: verb(uow, here))
    (told,) = [
        each
        for each in acme.rows(t.audit_events)
        if each.action in ("connection.disabled", "connection.deleted")
    ]
    assert (told.before, told.after) == ({"enforced": True}, {"enforced": False})
