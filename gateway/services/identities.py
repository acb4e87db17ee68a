"""Identities: which account at a provider is whose; an e-mail address never decides it.

An unknown account is linked to the provisioned user whom the connection's subject rule names, or
becomes a new member where the connection makes them and the domain is proved. Else whoever has an
account here may prove it.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select

from gateway.domain.addresses import is_address
from gateway.domain.decisions import role_of
from gateway.domain.errors import NotFound, SignInFailed
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import DeactivatedBy, MemberState
from gateway.domain.signin import AssertedIdentity, Landing, Link
from gateway.domain.text import differ_by_case_alone, fold
from gateway.services import access, domains, people
from gateway.services.sso_connections import Rules
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

EMAIL = "email"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


def land(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity) -> Landing:
    """Return whom the asserted identity reaches; nothing is written.

    Nobody is reached whose role is above those who decided whom the connection trusts.
    """
    landing = _land(uow, rules, asserted)
    if landing.member_id is None or landing.refusal is not None:
        return landing
    if outranks(uow, rules, uow.load(t.members, landing.member_id)):
        return replace(landing, refusal="connection_unapproved")
    return landing


def outranks(uow: UnitOfWork, rules: Rules, member: Any) -> bool:
    """Whether a member's role is above those who decided whom the connection trusts."""
    role_id = role_of(member.access_document)
    role = next((role for role in access.roles_at(uow) if role.id == role_id), None)
    return role is not None and role.rank > rules.trust_rank


def _land(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity) -> Landing:
    if asserted.subject_format == TRANSIENT:
        return Landing(refusal="subject_transient")
    identity = _known(uow, asserted)
    if identity is not None:
        member = uow.load(t.members, identity.member_id)
        if member.state != MemberState.REMOVED:
            return _judged(uow, member, Link.KNOWN, identity.id)
    landing = _provisioned(uow, rules, asserted)
    if landing is not None:
        return landing
    if identity is not None:
        # Somebody invited afresh proves that the account is theirs still.
        again = _present(uow, t.members.c.person_id == identity.person_id)
        return Landing(
            refusal="unknown_person" if again else "member_removed", proposed=bool(again)
        )
    return _newcomer(uow, rules, asserted)


def link(uow: UnitOfWork, asserted: AssertedIdentity, member: Any, how: Link) -> UUID:
    """Make the account the member's from now on, and return the identity's id.

    An account whose membership has ended follows the provider's word to the next one.
    """
    known = _known(uow, asserted)
    if known is not None:
        uow.update(
            t.identities,
            {"id": known.id},
            person_id=member.person_id,
            member_id=member.id,
            linked_by=str(how),
            created_at=uow.now,
        )
        identity_id: UUID = known.id
    else:
        identity_id = uow.new_id()
        uow.insert(
            t.identities,
            id=identity_id,
            connection_id=asserted.connection_id,
            issuer=asserted.issuer,
            subject=asserted.subject,
            subject_format=asserted.subject_format,
            person_id=member.person_id,
            member_id=member.id,
            linked_by=str(how),
            created_at=uow.now,
            last_used_at=None,
        )
    uow.record(
        Fact(
            "identity.linked",
            (
                Target("member", str(member.id), member.display_name),
                Target("identity", str(identity_id)),
                Target("connection", str(asserted.connection_id)),
            ),
            after={"by": str(how)},
        )
    )
    return identity_id


def of_member(uow: UnitOfWork, member_id: UUID) -> list[Row[Any]]:
    """Return the accounts that sign a member in here."""
    uow.load(t.members, member_id)
    i = t.identities.c
    query = uow.own(t.identities).where(i.member_id == member_id).order_by(i.id)
    return list(uow.all(query))


def unlink(uow: UnitOfWork, member_id: UUID, identity_id: UUID) -> None:
    """Let an account sign nobody in any more; its sessions end.

    :raises NotFound: the member has no such account.
    """
    if identity_id not in {row.id for row in of_member(uow, member_id)}:
        raise NotFound("No such identity.")
    i, p = t.identities, t.session_proofs
    uow.update(
        p,
        {"identity_id": identity_id, "revoked_at": None},
        revoked_at=uow.now,
        revoked_because="identity_unlinked",
    )
    uow.apply(i.delete().where(i.c.organisation_id == uow.organisation_id, i.c.id == identity_id))
    targets = (Target("member", str(member_id)), Target("identity", str(identity_id)))
    uow.record(Fact("identity.unlinked", targets))


# -- inside ------------------------------------------------------------------------


def _known(uow: UnitOfWork, asserted: AssertedIdentity) -> Row[Any] | None:
    i = t.identities.c
    return uow.one(
        uow.own(t.identities).where(
            i.connection_id == asserted.connection_id,
            i.issuer == asserted.issuer,
            i.subject == asserted.subject,
            i.subject != "",
        )
    )


def _present(uow: UnitOfWork, which: Any) -> Any:
    m = t.members
    query = uow.own(m).where(which, m.c.state != MemberState.REMOVED).order_by(m.c.id).limit(1)
    found = uow.all(query)
    return found[0] if found else None


def _judged(uow: UnitOfWork, member: Any, how: Link, identity_id: UUID | None = None) -> Landing:
    """Let a member in who is active, on no hold and not contained."""
    refusal = None
    if member.state == MemberState.DEACTIVATED:
        by_idp = member.deactivated_by == DeactivatedBy.IDP
        refusal = "deprovisioned_by_idp" if by_idp else "member_deactivated"
    elif member.state == MemberState.WAITLISTED:
        refusal = "waitlisted"
    elif member.admin_hold:
        refusal = "on_hold"
    elif member.contained:
        refusal = "contained"
    elif member.managed_by is not None and _is_inactive_at_source(uow, member):
        refusal = "deprovisioned_by_idp"
    return Landing(
        link=how,
        identity_id=identity_id,
        person_id=member.person_id,
        member_id=member.id,
        refusal=refusal,
    )


def _is_inactive_at_source(uow: UnitOfWork, member: Any) -> bool:
    """Whether the managing directory has switched off an owner whom it could not deactivate."""
    u = t.directory_users.c
    row = uow.one(
        uow.own(t.directory_users, u.id)
        .where(
            u.connection_id == member.managed_by,
            u.member_id == member.id,
            u.deleted_at.is_(None),
            u.active,
        )
        .limit(1)
    )
    if row is not None:
        return False
    any_user = uow.own(t.directory_users, u.id).where(
        u.connection_id == member.managed_by, u.member_id == member.id
    )
    return uow.one(any_user.limit(1)) is not None


def _provisioned(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity) -> Landing | None:
    """Return where the subject rule leads; None where it names nobody."""
    if _is_mere_claim(rules, asserted):
        return Landing(refusal="email_unverified")
    value = _compared(rules, asserted)
    if value is None:
        return None
    live, gone = _directory_users(uow, rules, value)
    if len(live) > 1:
        return Landing(refusal="subject_ambiguous")
    if not live:
        # Whom the provider deleted comes back by provisioning alone.
        return Landing(refusal="deprovisioned_by_idp") if gone else None
    user = live[0]
    if not user.active:
        return Landing(refusal="deprovisioned_by_idp")
    if user.member_id is None:
        return Landing(refusal="unknown_person")
    member = uow.load(t.members, user.member_id)
    if member.state == MemberState.REMOVED:
        return Landing(refusal="member_removed")
    return _judged(uow, member, Link.SCIM)


def _compared(rules: Rules, asserted: AssertedIdentity) -> str | None:
    """Return what provisioned users are compared with; None where the claim has not one value."""
    if rules.subject_claim is None:
        return asserted.subject
    said = asserted.attributes.get(rules.subject_claim, ())
    return said[0] if len(said) == 1 else None


def _is_mere_claim(rules: Rules, asserted: AssertedIdentity) -> bool:
    """Whether the claim that names somebody is an address that anybody may have typed in.

    OpenID providers let people change theirs, and say in `email_verified` whether it is so.
    """
    by_address = rules.protocol == "oidc" and rules.subject_claim == EMAIL
    return by_address and not asserted.email_verified


def _directory_users(
    uow: UnitOfWork, rules: Rules, value: str
) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Return the live users whom a value names, and deleted ones."""
    u, c = t.directory_users.c, t.connections.c
    by_name = rules.subject_match == "user_name"
    query = (
        select(u.id, u.active, u.member_id, u.deleted_at, u.user_name)
        .join_from(
            t.directory_users,
            t.connections,
            and_(c.organisation_id == u.organisation_id, c.id == u.connection_id),
        )
        .where(
            u.organisation_id == uow.organisation_id,
            c.state != "deleted",
            u.user_name_key == fold(value) if by_name else u.external_id == value,
        )
    )
    if rules.directory_id is not None:
        query = query.where(u.connection_id == rules.directory_id)
    rows = [
        row
        for row in uow.all(query.order_by(u.id).limit(50))
        if not by_name or differ_by_case_alone(row.user_name, value)
    ]
    return [x for x in rows if x.deleted_at is None], [x for x in rows if x.deleted_at is not None]


def _newcomer(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity) -> Landing:
    """Return whether somebody unknown may become a member, or what they may prove instead."""
    member = _of_address(uow, asserted)
    if member is not None:
        judged = _judged(uow, member, Link.PROOF)
        if judged.refusal is not None:
            return Landing(refusal=judged.refusal)
        return Landing(refusal="unknown_person", proposed=True)
    try:
        _require_newcomer(uow, rules, asserted)
    except SignInFailed as refusal:
        return Landing(refusal=refusal.reason, proposed=refusal.reason != "member_removed")
    known = people.find(uow, asserted.email or "")
    return Landing(link=Link.JIT, confined=known is not None)


def _of_address(uow: UnitOfWork, asserted: AssertedIdentity) -> Any:
    """Return the present member with the asserted address: to be asked, never to be believed."""
    if not asserted.email:
        return None
    return _present(uow, t.members.c.email_key == fold(asserted.email))


def _require_newcomer(uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity) -> None:
    m = t.members.c
    email = asserted.email
    if email:
        removed = uow.own(t.members, m.id).where(m.email_key == fold(email)).limit(1)
        if uow.one(removed) is not None:
            raise SignInFailed("member_removed")
    if not rules.jit:
        raise SignInFailed("unknown_person")
    if not is_address(email):
        raise SignInFailed("email_missing")
    if rules.protocol == "oidc" and not asserted.email_verified:
        raise SignInFailed("email_unverified")
    if not domains.is_proved(uow, email):
        raise SignInFailed("email_domain_unproved")
