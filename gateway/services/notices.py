"""Mails that tell administrators of what they must look at themselves."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select

from gateway.domain.errors import BadEmail
from gateway.domain.memberships import MemberState
from gateway.services import access, outbox
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

OWNER_PROTECTED = "scim.owner_protected"
ONCE_IN = timedelta(hours=24)
"""A notice of the same kind about the same member is not repeated within this time."""


def owner_protected(uow: UnitOfWork, member: Row[Any]) -> None:
    """Mail everybody who may manage SCIM that the last owner was deprovisioned and contained.

    The owner concerned is left out: the identity provider has just ended that access.
    """
    if _told_lately(uow, OWNER_PROTECTED, member):
        return
    name = outbox.plain_name(member.display_name)
    text = (
        f"The identity provider deprovisioned {name}, the last owner of your organisation.\n\n"
        "Their access has ended: sessions and keys are dead. They stay owner of record, because"
        " an organisation needs one.\n\n"
        "If this was meant, transfer the ownership or ask your operator to name another owner."
        " If not, activate them again in the identity provider.\n"
    )
    subject = "The last owner of your organisation was deprovisioned"
    tell(uow, OWNER_PROTECTED, subject, text, but=member.id)


def token_expiring(
    uow: UnitOfWork, type: str, connection: str, token: str, expires_at: datetime
) -> None:
    """Mail everybody who may manage SCIM that a token, and provisioning with it, ends soon."""
    token, connection = outbox.plain_name(token), outbox.plain_name(connection)
    text = (
        f'The SCIM token "{token}" of the connection "{connection}" ends on'
        f" {expires_at:%Y-%m-%d} at {expires_at:%H:%M} UTC.\n\n"
        "From then on the identity provider can no longer add, change or remove people with it."
        " Rotate the token and enter the new one in the identity provider: until the overlap"
        " ends, both work.\n"
    )
    tell(uow, type, "A SCIM token of your organisation ends soon", text)


def domain_unproved(uow: UnitOfWork, name: str, record: str, *, lapsed: bool) -> None:
    """Mail administrators that a domain's proof is out of sight, or counts no more."""
    text = f"The TXT record {record}, which proves that {name} is yours, is not in the DNS.\n\n" + (
        "It has been missing for too long: the domain proves nothing any more. Its people are"
        " not sent to your identity provider, and a first sign-in makes nobody a member."
        " Publish the record and verify the domain again.\n"
        if lapsed
        else "Publish it again within a week, or the domain proves nothing any more.\n"
    )
    kind = "domain.lapsed" if lapsed else "domain.proof_missing"
    tell(uow, kind, f"The proof of your domain {name} is missing", text)


def certificate_expiring(uow: UnitOfWork, connection: str, ends: datetime) -> None:
    """Mail administrators that a certificate which signs people in ends soon."""
    connection = outbox.plain_name(connection)
    text = (
        f'A certificate of the identity provider behind "{connection}" ends on {ends:%Y-%m-%d}.\n'
        "\nAsk for the next one and add it to the connection beforehand: it is staged, and counts"
        " from the first good sign-in that it signed. Nobody is locked out on the day itself.\n"
    )
    tell(uow, "sso.certificate_expiring", "A single sign-on certificate ends soon", text)


def webhook_disabled(uow: UnitOfWork, name: str) -> None:
    """Mail administrators that a receiver of events only failed, and gets nothing any more."""
    name = outbox.plain_name(name)
    text = (
        f'The webhook "{name}" has failed for five days without a single success, and is'
        " disabled now.\n\nEvents that it missed stay in the event feed. Enable it again once its"
        " receiver answers; what still waits is sent then.\n"
    )
    tell(uow, "webhook.disabled", "A webhook of your organisation is disabled", text)


def to_member(uow: UnitOfWork, member: Row[Any], type: str, **facts: str) -> None:
    """Mail a member of what became of their own membership, if there is an address."""
    if member.email:
        with suppress(BadEmail):  # an identity provider may call anything an address
            outbox.post(uow, type, member.email, **facts)


def tell(uow: UnitOfWork, type: str, subject: str, text: str, *, but: UUID | None = None) -> None:
    """Mail every owner and everybody who may manage provisioning or single sign-on."""
    for address in _administrators(uow, but):
        with suppress(BadEmail):  # an identity provider may call anything an address
            outbox.send_mail(uow, type, address, subject, text)


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
            m.effective_role_id.in_(roles),
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
