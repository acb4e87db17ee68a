"""Principals: whom a key's secret stands for, and what that is worth at the moment."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, bindparam, or_, select

from gateway.domain.access import OrganisationFacts, of_service_key
from gateway.domain.decisions import FORMAT, Access
from gateway.domain.errors import NotPermitted, StepUpRequired, TokenInvalid
from gateway.domain.identity import Actor, ActorType
from gateway.domain.mapping import Scope
from gateway.domain.memberships import MemberState
from gateway.domain.permissions import SECTION_ATOMS, Level
from gateway.domain.plans import SubscriptionState
from gateway.domain.roles import RoleDefinition
from gateway.domain.sessions import SEEN_EVERY, Entrance, Session
from gateway.domain.sources import OwnerBotAccess
from gateway.services import access, sessions
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.prepared import fetch, fetch_made
from gateway.storage.unit_of_work import UnitOfWork

OPERATOR_PREFIX = "gwo"
KEY_PREFIX = "gwk"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a live key or session stands for; an operator has neither organisation nor access.

    A member's stored access that this release cannot read is left out until `timely` derives it.
    A session is `session`, and `entrance` where it was asked about an organisation; its access is
    the member's own, which no scopes bound.
    """

    key_id: UUID
    name: str
    organisation_id: UUID | None = None
    member_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    access: Access | None = None
    session: Session | None = None
    entrance: Entrance | None = None
    last_active_at: datetime | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def is_operator(self) -> bool:
        """Whether the key is the installation's."""
        return self.organisation_id is None and self.session is None

    @property
    def actor(self) -> Actor:
        """Whoever it stands for, as the audit names it."""
        if self.entrance is not None:
            member_id = self.entrance.member_id
            return Actor(ActorType.MEMBER, str(member_id), self.name, member_id)
        if self.session is not None:
            return Actor(ActorType.PERSON, str(self.session.person_id), self.name)
        kind = ActorType.OPERATOR if self.is_operator else ActorType.API_KEY
        return Actor(kind, str(self.key_id), self.name, self.member_id)

    @property
    def seen_chatbots(self) -> frozenset[UUID] | None:
        """The chatbots that appear to it; None where all do."""
        if self.access is None or not self._covers("chatbot.read"):
            return frozenset()
        return None if self.access.sees_every_chatbot() else self.access.visible_chatbots()

    def require(self, atom: str, chatbot_id: UUID | None = None) -> None:
        """Refuse what the key's scopes leave out, or its owner's live access does not hold.

        :raises NotPermitted: or another refusal of a decision, with what would change it.
        """
        if self.is_operator:
            return
        if self.access is None:
            raise ValueError("access is not derived yet")
        if not self._covers(atom):
            raise NotPermitted(
                f"This key's scopes do not include {atom}.",
                levers=(f"Use a key with the scope {atom}.",),
                atom=atom,
            )
        self.access.require(atom, chatbot_id)

    def is_newly_active(self, now: datetime) -> bool:
        """Whether it is time to note that the member behind it does something."""
        if self.member_id is None:
            return False
        return self.last_active_at is None or now - self.last_active_at >= SEEN_EVERY

    def require_fresh(self, now: datetime) -> None:
        """Refuse whoever did not prove a moment ago who they are; the operator's key stands.

        :raises StepUpRequired: an older proof, or a key, which proves nobody's presence.
        """
        if self.is_operator or (self.entrance is not None and self.entrance.is_fresh(now)):
            return
        raise StepUpRequired(
            "This needs somebody who proved a moment ago who they are.",
            levers=(
                "Sign in again, and repeat the request within five minutes.",
                "Where the identity provider does not say when somebody signed in, sign in with"
                " your own password or passkey in the same browser.",
            ),
        )

    def _covers(self, atom: str) -> bool:
        return self.entrance is not None or covers(self.scopes, atom)


def covers(scopes: frozenset[str], atom: str) -> bool:
    """Whether scopes name an atom; writing a section includes reading it."""
    section, level = SECTION_ATOMS.get(atom, ("", Level.NONE))
    return atom in scopes or (level is Level.READ and f"{section}.write" in scopes)


def authenticate(database: Connection, now: datetime, bearer: str) -> Principal:
    """Return whom a secret stands for, by one statement.

    :raises TokenInvalid: unknown, revoked, expired, or its owner has no live membership: alike.
    """
    prefix, _, rest = bearer.partition("_")
    values = {"secret": digest_secret(bearer), "now": now}
    if rest and prefix == KEY_PREFIX:
        found = fetch_made(database, _BY_SECRET, values, partial(_principal, database))
        if found:
            return found[0]
    elif rest and prefix == OPERATOR_PREFIX:
        row = database.execute(_OPERATOR, {"secret": values["secret"]}).one_or_none()
        if row is not None:
            return Principal(row.id, row.name)
    raise TokenInvalid("The key is missing or does not open anything.")


def of_session(here: PersonWork, token: str, organisation_id: UUID | None) -> Principal:
    """Return whom a session's token stands for, in an organisation where one is named.

    :raises SessionEnded: the session is over, or no longer opens the organisation.
    :raises NotFound: it never opened the organisation.
    """
    if organisation_id is None:
        session = sessions.require(here, token)
        return Principal(session.id, "", session=session, token=token)
    entered = sessions.entrance(here, token, organisation_id)
    document = entered.access_document
    return Principal(
        key_id=entered.session.id,
        name=entered.member_name,
        organisation_id=organisation_id,
        member_id=entered.member_id,
        access=Access.from_document(document) if document.get("format") == FORMAT else None,
        session=entered.session,
        entrance=entered,
        last_active_at=entered.last_active_at,
        token=token,
    )


def refreshed(uow: UnitOfWork, principal: Principal) -> Principal:
    """Return the principal as the open unit sees it: what ended meanwhile is refused.

    :raises TokenInvalid: the key or its owner is no longer live.
    :raises SessionEnded: the session is no longer live.
    """
    if principal.is_operator:
        return principal
    if principal.token is not None:
        here = PersonWork.beside(uow)
        return timely(uow, of_session(here, principal.token, uow.organisation_id))
    found = of_key(uow, principal.key_id)
    if found is None:
        raise TokenInvalid("The key is missing or does not open anything.")
    return found


def of_key(uow: UnitOfWork, key_id: UUID) -> Principal | None:
    """Return whom a live key of this organisation stands for."""
    row = uow.one(_BY_ID, organisation=uow.organisation_id, key=key_id, now=uow.now)
    return None if row is None else timely(uow, _principal(uow.connection, row))


def timely(uow: UnitOfWork, principal: Principal) -> Principal:
    """Return the principal with access that time has not outdated since it was stored."""
    known, member_id = principal.access, principal.member_id
    if member_id is None:
        return principal
    if known is not None and (known.valid_until is None or known.valid_until > uow.now):
        return principal
    return replace(principal, access=access.effective(uow, member_id))


def _principal(database: Connection, row: Row[Any]) -> Principal:
    """Return whom a key's row stands for, the same as long as the row and its terms are."""
    own: Access | None = None
    if not row.member_id:
        own = _of_role(database, row)
    elif row.access_document.get("format") == FORMAT:
        own = Access.from_document(row.access_document)
    return Principal(
        key_id=row.id,
        name=row.name,
        organisation_id=row.organisation_id,
        member_id=row.member_id,
        scopes=frozenset(row.scopes),
        access=own,
        last_active_at=row.last_active_at,
    )


def _of_role(database: Connection, row: Row[Any]) -> Access:
    """Return what the key's own role gives under its organisation's terms."""
    role = RoleDefinition.of(row.role_id, row.definition)
    terms = fetch(database, _TERMS, {"organisation": row.organisation_id})[0]
    organisation = OrganisationFacts(
        live=True,
        subscription=SubscriptionState(terms.state),
        owner_bot_access=OwnerBotAccess(terms.expired["owner_bot_access"]),
        features=frozenset(terms.features),
        roles={role.id: role},
        owner_role_id=role.id,
        default_role_id=None,
        bot_scope_default=Scope.ALL,
    )
    return of_service_key(row.id, role, organisation)


def _live_keys() -> Select[Any]:
    """Return the keys that open something, with the version of the terms they stand under."""
    k, m, r, o = t.api_keys.c, t.members.c, t.roles.c, t.organisations.c
    here = k.organisation_id
    return (
        select(
            k.organisation_id,
            k.id,
            k.name,
            k.scopes,
            k.member_id,
            k.role_id,
            m.access_document,
            m.last_active_at,
            r.definition,
            o.terms_version,
        )
        .join_from(t.api_keys, t.organisations, o.id == here)
        .outerjoin(t.members, and_(m.organisation_id == here, m.id == k.member_id))
        .outerjoin(t.roles, and_(r.organisation_id == here, r.id == k.role_id))
        .where(
            o.state == "live",
            k.revoked_at.is_(None),
            or_(k.expires_at.is_(None), k.expires_at > bindparam("now", type_=k.expires_at.type)),
            or_(
                and_(m.state == MemberState.ACTIVE, ~m.admin_hold, ~m.contained),
                and_(r.id.is_not(None), ~r.deleted),
            ),
        )
    )


# The index on digests leaves out empty ones; without saying so here it would not be used.
_BY_SECRET = _live_keys().where(
    t.api_keys.c.key_hash == bindparam("secret"), t.api_keys.c.key_hash != ""
)
_BY_ID = _live_keys().where(
    t.api_keys.c.organisation_id == bindparam("organisation"), t.api_keys.c.id == bindparam("key")
)
_TERMS = (
    select(t.subscriptions.c.state, t.subscriptions.c.features, t.policies.c.value.label("expired"))
    .join_from(
        t.subscriptions,
        t.policies,
        and_(
            t.policies.c.organisation_id == t.subscriptions.c.organisation_id,
            t.policies.c.name == "subscription_expired",
            t.policies.c.valid_to.is_(None),
        ),
    )
    .where(
        t.subscriptions.c.organisation_id == bindparam("organisation"),
        t.subscriptions.c.valid_to.is_(None),
    )
)
_OPERATOR = select(t.operator_keys.c.id, t.operator_keys.c.name).where(
    t.operator_keys.c.key_hash == bindparam("secret"), t.operator_keys.c.revoked_at.is_(None)
)
