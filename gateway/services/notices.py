"""Mails to administrators of what they must look at, and to members of what became of them."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select

from gateway.domain.errors import BadEmail
from gateway.domain.memberships import MemberState
from gateway.services import access, membership_lists, outbox, terms
from gateway.services.messages.writing import Fact, Verbatim
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

OWNER_PROTECTED = "scim.owner_protected"
OF_A_DOMAIN = {False: "domain.proof_missing", True: "domain.lapsed"}
ONCE_IN = timedelta(hours=24)
"""A notice of the same kind about the same member is not repeated within this time."""


def owner_protected(uow: UnitOfWork, member: Row[Any]) -> None:
    """Mail everybody who may manage SCIM that the last owner was deprovisioned and contained.

    The owner concerned is left out: the identity provider has just ended that access.
    """
    if _told_lately(uow, OWNER_PROTECTED, member):
        return
    tell(uow, OWNER_PROTECTED, but=member.id, name=member.display_name)


def token_expiring(
    uow: UnitOfWork, type: str, connection: str, token: str, expires_at: datetime
) -> None:
    """Mail everybody who may manage SCIM that a token, and provisioning with it, ends soon."""
    tell(uow, type, connection=connection, token=token, until=expires_at)


def domain_unproved(uow: UnitOfWork, name: str, record: str, *, lapsed: bool) -> None:
    """Mail administrators that a domain's proof is out of sight, or counts no more."""
    tell(uow, OF_A_DOMAIN[lapsed], domain=Verbatim(name), record=Verbatim(record))


def certificate_expiring(uow: UnitOfWork, connection: str, ends: datetime) -> None:
    """Mail administrators that a certificate which signs people in ends soon."""
    tell(uow, "sso.certificate_expiring", connection=connection, until=ends)


def webhook_disabled(uow: UnitOfWork, name: str) -> None:
    """Mail administrators that a receiver of events only failed, and gets nothing any more."""
    tell(uow, "webhook.disabled", webhook=name)


def role_changed(uow: UnitOfWork, members: Iterable[Row[Any]], role: str) -> None:
    """Mail members that they have this role now, where the organisation wants it told."""
    if terms.current(uow).policies["notify_role_change"]:
        addresses = [member.email for member in members if member.email]
        outbox.post_to_all(uow, "member.role_changed", addresses, role=role)


def to_member(uow: UnitOfWork, member: Row[Any], type: str, **facts: Fact) -> None:
    """Mail a member of what became of their own membership, if there is an address."""
    if member.email:
        with suppress(BadEmail):  # an identity provider may call anything an address
            outbox.post(uow, type, member.email, link=None, **facts)


def tell(uow: UnitOfWork, type: str, *, but: UUID | None = None, **facts: Fact) -> None:
    """Mail every owner and everybody who may manage provisioning or single sign-on."""
    outbox.post_to_all(uow, type, _administrators(uow, but), **facts)


def _administrators(uow: UnitOfWork, but: UUID | None) -> list[str]:
    roles = [
        role.id
        for role in access.roles_at(uow)
        if role.is_owner_role or role.org_atoms & {"scim.manage", "sso.manage"}
    ]
    m = t.members.c
    rows = uow.all(
        uow.own(t.members, m.email)
        .where(
            m.state == MemberState.ACTIVE,
            membership_lists.have_role(uow, roles),
            *([m.id != but] if but else []),
            m.email.is_not(None),
            ~m.admin_hold,
            ~m.contained,
        )
        .order_by(m.id)
    )
    return [row.email for row in rows]


def _told_lately(uow: UnitOfWork, action: str, member: Row[Any]) -> bool:
    """Whether an earlier commit recorded the same about the same member."""
    event, target = t.audit_events.c, t.audit_targets.c
    query = (
        select(event.id)
        .join_from(
            t.audit_targets,
            t.audit_events,
            and_(event.organisation_id == target.organisation_id, event.id == target.event_id),
        )
        .where(
            target.organisation_id == uow.organisation_id,
            target.target_id == member.id,
            event.action == action,
            event.occurred_at > uow.now - ONCE_IN,
        )
    )
    return uow.one(query.limit(1)) is not None
