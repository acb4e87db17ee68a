"""Closing an organisation for good, with a while in which it can be opened again."""

from datetime import timedelta

from gateway.domain.errors import InvalidRequest
from gateway.domain.events import Fact
from gateway.services import funnel, organisations, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

GRACE = timedelta(days=30)
"""How long a closed organisation can be restored."""


def close(uow: UnitOfWork) -> None:
    """Close the organisation: every session, key and token opens nothing from this commit on.

    A second call changes nothing.
    """
    if organisations.get(uow).state != "live":
        return
    ended = {"revoked_at": uow.now, "revoked_because": "organisation_deleted"}
    uow.update(t.session_proofs, {"revoked_at": None}, **ended)
    _turn(uow, "deleted")
    uow.record(Fact("organisation.deleted", (terms.organisation(uow),)))


def restore(uow: UnitOfWork) -> None:
    """Open a closed organisation again, as it was but for its sessions.

    :raises InvalidRequest: the time for that is over.
    """
    if organisations.get(uow).state == "live":
        return
    h = t.organisations_history
    closed_at = uow.scalar(uow.own(h, h.c.valid_from).where(h.c.valid_to.is_(None)))
    if uow.now >= closed_at + GRACE:
        raise InvalidRequest("A deleted organisation can be restored for 30 days.")
    _turn(uow, "live")
    uow.record(Fact("organisation.restored", (terms.organisation(uow),)))


def _turn(uow: UnitOfWork, state: str) -> None:
    o = t.organisations
    uow.apply(o.update().where(o.c.id == uow.organisation_id).values(state=state))
    uow.update(t.organisations_history, {"valid_to": None}, valid_to=uow.now)
    uow.insert(t.organisations_history, valid_from=uow.now, valid_to=None, state=state)
    uow.terms_changed()
    funnel.recompute_all(uow)
