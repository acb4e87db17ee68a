"""What an organisation has of a person, row by row: deleted, or with a pseudonym for a name."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    Table,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    type_coerce,
    update,
)

from gateway.domain.invitations import InvitationState
from gateway.domain.text import fold
from gateway.services import invited, login_history
from gateway.storage import tables as t
from gateway.storage.facts import details_digest
from gateway.storage.unit_of_work import UnitOfWork

PSEUDONYM = "Erased person"
"""What stands where a name stood; the id beside it is that of the membership or the account."""

M, INVITED, U, E, D, A = (
    table.c
    for table in (
        t.members,
        t.invitations,
        t.directory_users,
        t.directory_emails,
        t.audit_details,
        t.audit_events,
    )
)
BATCH = 500


@dataclass(frozen=True, slots=True)
class Traces:
    """Ids, addresses and names under which an organisation knows a person."""

    persons: frozenset[UUID]
    members: frozenset[UUID]
    users: frozenset[UUID]
    invitations: frozenset[UUID]
    identities: frozenset[UUID]
    keys: frozenset[UUID]
    sessions: frozenset[UUID]
    subjects: frozenset[str]
    words: frozenset[str]
    """Addresses and user names, folded: what is looked for in texts."""
    names: frozenset[str]
    """Names, folded: mail has nothing else of those whom it tells of."""

    @property
    def actors(self) -> frozenset[str]:
        """Ids under which the person acted."""
        return frozenset(map(str, self.persons | self.members | self.keys))

    @property
    def targets(self) -> frozenset[UUID]:
        """Ids under which something was done to the person, or to what is named after them."""
        own = self.persons | self.members | self.users
        return own | self.invitations | self.identities | self.keys


def trace(uow: UnitOfWork, persons: frozenset[UUID], addresses: frozenset[str]) -> Traces:
    """Return everything under which the organisation knows these accounts and addresses."""
    theirs = or_(M.person_id.in_(persons), M.email_key.in_(addresses))
    known = uow.all(uow.own(t.members, M.id, M.display_name).where(theirs))
    members = frozenset(row.id for row in known)
    users = uow.all(
        uow.own(t.directory_users, U.id, U.user_name_key).where(users_of(uow, addresses, members))
    )
    invitations = or_(INVITED.email_key.in_(addresses), INVITED.member_id.in_(members))
    i, k, s = t.identities.c, t.api_keys.c, t.session_proofs.c
    identities = uow.all(uow.own(t.identities, i.id, i.subject).where(i.member_id.in_(members)))
    sessions = uow.own(t.session_proofs, s.session_id).where(s.member_id.in_(members))
    return Traces(
        persons=persons,
        members=members,
        users=frozenset(row.id for row in users),
        invitations=_ids(uow, t.invitations, invitations),
        identities=frozenset(row.id for row in identities),
        keys=_ids(uow, t.api_keys, k.member_id.in_(members)),
        sessions=frozenset(row.session_id for row in uow.all(sessions)),
        subjects=frozenset(row.subject for row in identities),
        words=addresses | {row.user_name_key for row in users} - {fold(PSEUDONYM)},
        names=frozenset(fold(row.display_name) for row in known if row.display_name != PSEUDONYM),
    )


def users_of(
    uow: UnitOfWork, addresses: Collection[str], members: Collection[UUID] | Select[Any]
) -> ColumnElement[bool]:
    """Whether a directory user is one of these members, or has one of these addresses."""
    mailed = uow.own(t.directory_emails, E.user_id).where(E.value_key.in_(addresses))
    return or_(U.member_id.in_(members), U.user_name_key.in_(addresses), U.id.in_(mailed))


def mentions(column: "ColumnElement[Any]", words: Collection[str]) -> ColumnElement[bool]:
    """Whether a text, or a document as text, has one of these words, whatever its case."""
    text = func.lower(type_coerce(column, String))
    return or_(false(), *(text.contains(word, autoescape=True) for word in sorted(words)))


def erase(uow: UnitOfWork, traces: Traces) -> dict[str, int]:
    """Erase or rename all rows, and say how many of each kind it were."""
    erased = {
        "events": _erase_details(uow, traces),
        "mails": _erase_mail(uow, traces),
        "log entries": sum(_delete(uow, *each) for each in _logs(traces)),
        "identities": sum(_delete(uow, *each) for each in _proofs(traces)),
        "names": sum(_rename(uow, *each) for each in _names(traces)),
    }
    _revoke_pending(uow, traces)  # by their new names, which the events of it will tell
    return erased


def remaining(uow: UnitOfWork, traces: Traces) -> dict[str, int]:
    """Count what stays: it says what was done by whom, not who that was."""
    events = t.audit_targets.c
    g, c, s = t.grants.c, t.conversations.c, t.directory_memberships.c
    answered = or_(c.assignee_id.in_(traces.members), c.previous_assignee_id.in_(traces.members))
    wanted: Mapping[str, tuple[Table, ColumnElement[bool]]] = {
        "memberships": (t.members, M.id.in_(traces.members)),
        "grants": (t.grants, g.member_id.in_(traces.members)),
        "group memberships": (t.directory_memberships, s.user_id.in_(traces.users)),
        "conversations": (t.conversations, answered),
        "events by them": (t.audit_events, A.actor_id.in_(traces.actors)),
        "events about them": (t.audit_targets, events.target_id.in_(traces.targets)),
    }
    counts = {
        name: int(uow.scalar(uow.own(table, func.count()).where(which)))
        for name, (table, which) in wanted.items()
    }
    return {**counts, "mails under way": sum(1 for _ in _mail(uow, traces))}


# -- inside ------------------------------------------------------------------------


def _ids(uow: UnitOfWork, table: Table, which: ColumnElement[bool]) -> frozenset[UUID]:
    return frozenset(row.id for row in uow.all(uow.own(table, table.c.id).where(which)))


def _revoke_pending(uow: UnitOfWork, traces: Traces) -> None:
    pending = INVITED.state == InvitationState.PENDING
    for row in uow.all(uow.own(t.invitations).where(INVITED.id.in_(traces.invitations), pending)):
        invited.end(uow, row, InvitationState.REVOKED)
    uow.flush()


def _erase_details(uow: UnitOfWork, traces: Traces) -> int:
    """Give the side rows of events pseudonyms; the digest that the chain covers stays."""
    named = t.audit_targets.c
    about = uow.own(t.audit_targets, named.event_id).where(named.target_id.in_(traces.targets))
    concerned = or_(
        A.actor_id.in_(traces.actors), A.id.in_(about), mentions(D.details, traces.words)
    )
    same = (D.organisation_id == A.organisation_id) & (D.event_id == A.id)
    wanted = (
        select(A.id, A.action, A.actor_id, A.targets, D.salt, D.digest, D.details)
        .join_from(t.audit_events, t.audit_details, same)
        .where(A.organisation_id == uow.organisation_id, concerned)
    )
    changes = [
        {
            "organisation": uow.organisation_id,
            "event": row.id,
            "text": after,
            "sum": row.digest or details_digest(row.salt, row.details),
        }
        for row in uow.all(wanted)
        if (after := _pseudonymous(row, traces)) != row.details
    ]
    if changes:
        uow.connection.execute(_PSEUDONYMISE, changes)
    return len(changes)


def _pseudonymous(row: Row[Any], traces: Traces) -> dict[str, Any]:
    details = dict(row.details)
    ids = {str(each) for each in traces.targets}
    acted = row.actor_id in traces.actors
    names = details["target_names"]
    details["target_names"] = [
        _name(name, traces, theirs=target["id"] in ids)
        for target, name in zip(row.targets, names, strict=True)
    ]
    details["actor_name"] = _name(details["actor_name"], traces, theirs=acted)
    signed_in = row.action.startswith(login_history.FAMILY) and any(
        target["id"] in ids for target in row.targets
    )
    if acted or signed_in:
        details |= {"ip": None, "user_agent": None}
    return details


def _name(name: str | None, traces: Traces, *, theirs: bool) -> str | None:
    if name is None:
        return None
    told = theirs or any(word in fold(name) for word in traces.words)
    return PSEUDONYM if told else name


def _erase_mail(uow: UnitOfWork, traces: Traces) -> int:
    """Delete mail to the person, and mail about them once it has left."""
    gone = [
        row.id
        for row in _mail(uow, traces)
        if row.delivered_at or row.given_up_at or fold(row.payload["to"]) in traces.words
    ]
    return _delete(uow, t.outbox, t.outbox.c.id.in_(gone)) if gone else 0


def _mail(uow: UnitOfWork, traces: Traces) -> Iterator[Row[Any]]:
    """Yield mail that names the person; compared here, as no database folds every letter."""
    o = t.outbox.c
    sought = traces.words | traces.names
    after: UUID | None = None
    while True:
        mail = uow.own(t.outbox).where(o.channel == "mail").order_by(o.id).limit(BATCH)
        rows = uow.all(mail if after is None else mail.where(o.id > after))
        for row in rows:
            said = fold(" ".join(str(row.payload.get(x, "")) for x in ("to", "subject", "text")))
            if any(word in said for word in sought):
                yield row
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def _logs(traces: Traces) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield what only says who came by."""
    requests, traced = t.scim_requests.c, t.signin_traces.c
    words = traces.words
    ids = {str(each) for each in traces.users}
    yield t.scim_requests, or_(mentions(requests.path, ids), mentions(requests.detail, words))
    said = words | {subject.lower() for subject in traces.subjects}
    yield t.signin_traces, mentions(traced.document, said | set(map(str, traces.members)))
    items = t.attention_items.c
    yield t.attention_items, or_(mentions(items.subject, words), mentions(items.details, words))
    kept = t.idempotency_keys.c
    own = [f"{kind}:{each}" for kind in ("member", "api_key", "person") for each in traces.actors]
    yield t.idempotency_keys, or_(kept.principal.in_(own), mentions(kept.body, words))


def _proofs(traces: Traces) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield what proved the person, or was about to."""
    tried, proposed = t.signin_attempts.c, t.link_proposals.c
    yield t.session_proofs, t.session_proofs.c.member_id.in_(traces.members)
    yield t.identities, t.identities.c.id.in_(traces.identities)
    yield t.link_proposals, proposed.subject.in_(traces.subjects)
    began = or_(tried.started_by.in_(traces.members), tried.session_id.in_(traces.sessions))
    yield t.signin_attempts, began
    yield t.directory_emails, E.user_id.in_(traces.users)


def _names(traces: Traces) -> Iterator[tuple[Table, ColumnElement[bool], dict[str, Any]]]:
    """Yield what keeps its row, without saying whose it was."""
    key = fold(PSEUDONYM)
    yield (
        t.members,
        M.id.in_(traces.members) & or_(M.display_name != PSEUDONYM, M.email.is_not(None)),
        {"display_name": PSEUDONYM, "name_key": key, "email": None, "email_key": None},
    )
    yield (
        t.directory_users,
        U.id.in_(traces.users) & (U.user_name != PSEUDONYM),
        {
            "user_name": PSEUDONYM,
            "user_name_key": key,
            "external_id": None,
            "display_name": PSEUDONYM,
            "email": None,
            "document": "{}",
            "search": {},
        },
    )
    yield (
        t.invitations,
        INVITED.id.in_(traces.invitations) & (INVITED.email != PSEUDONYM),
        {"email": PSEUDONYM, "email_key": key},
    )
    yield (
        t.invitations,
        INVITED.inviter_id.in_(traces.members) & (INVITED.inviter_name != PSEUDONYM),
        {"inviter_name": PSEUDONYM},
    )
    k = t.api_keys.c
    yield t.api_keys, k.id.in_(traces.keys) & (k.name != PSEUDONYM), {"name": PSEUDONYM}


def _delete(uow: UnitOfWork, table: Table, which: ColumnElement[bool]) -> int:
    own = table.c.organisation_id == uow.organisation_id
    return uow.execute(delete(table).where(own, which)).rowcount


def _rename(
    uow: UnitOfWork, table: Table, which: ColumnElement[bool], values: Mapping[str, Any]
) -> int:
    own = table.c.organisation_id == uow.organisation_id
    return uow.execute(update(table).where(own, which).values(values)).rowcount


_PSEUDONYMISE = (
    update(t.audit_details)
    .where(D.organisation_id == bindparam("organisation"), D.event_id == bindparam("event"))
    .values(details=bindparam("text", type_=D.details.type), digest=bindparam("sum"), salt="")
)
