"""Erasure of a person: what says who they are goes, what was done stays, the chain still verifies.

An operator erases whoever is a member nowhere any more, by address or by the id of the person:
one unit for each organisation, then the account. Every step can be repeated and changes nothing
the second time. Whom an erasure is about is written down from its beginning to its end: one that
was interrupted goes on by any of the names, though the rows that told of them are erased already.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, or_, select, update

from gateway.domain.errors import AlreadyMember, InvalidRequest
from gateway.domain.events import Fact, Target
from gateway.domain.memberships import MemberState
from gateway.domain.text import fold
from gateway.services import erased_rows, moves, terms
from gateway.services.erased_rows import PSEUDONYM
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork

P, M, INVITED, U, E = (
    table.c
    for table in (t.persons, t.members, t.invitations, t.directory_users, t.directory_emails)
)


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is to be erased: accounts, addresses, and the organisations that know of them."""

    persons: frozenset[UUID]
    addresses: frozenset[str]
    organisations: Sequence[UUID]
    begun: bool
    """Whether an erasure of theirs was begun and has not come to its end."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What one unit erased, by kind of row, and what stays without saying who it was."""

    erased: Mapping[str, int]
    remains: Mapping[str, int]

    @property
    def is_nothing(self) -> bool:
        """Whether there was nothing left to erase."""
        return not any(self.erased.values())


def find(connection: Connection, name: str) -> Sought:
    """Return whom an address or the id of a person names, with every address of theirs.

    What an interrupted erasure was about belongs to it. An address that belongs to nobody is
    sought all the same: invitations, mail and directories may have it.

    :raises InvalidRequest: neither an address nor an id.
    """
    given, persons = fold(name.strip()), set[UUID]()
    addresses = {given} if "@" in given else set[str]()
    if not addresses:
        persons.add(_id(given))
    begun = _take_up(connection, persons, addresses)
    named = select(P.id).where(P.email_key.in_(addresses))
    known = select(M.person_id).where(M.email_key.in_(addresses))
    persons |= set(connection.scalars(named.union(known)))
    for key, which in ((P.email_key, P.id), (M.email_key, M.person_id)):
        found = connection.scalars(select(key).where(which.in_(persons), key.is_not(None)))
        addresses |= set(found)
    return Sought(
        frozenset(persons),
        frozenset(addresses),
        _organisations(connection, persons, addresses),
        begun,
    )


def begin(here: PersonWork, sought: Sought) -> None:
    """Write down whom this is about, until `erase_account` has ended it."""
    _forget(here, sought)
    here.insert(
        t.erasures,
        id=here.new_id(),
        persons=sorted(map(str, sought.persons)),
        addresses=sorted(sought.addresses),
        begun_at=here.now,
    )


def require_no_member(uow: UnitOfWork, sought: Sought) -> None:
    """Refuse as long as the person is somebody here, whatever their state.

    :raises AlreadyMember: a membership that has not ended, or a user of a live directory.
    """
    present = uow.own(t.members, M.id).where(
        or_(M.person_id.in_(sought.persons), M.email_key.in_(sought.addresses)),
        M.state != MemberState.REMOVED,
    )
    theirs = uow.own(t.members, M.id).where(M.person_id.in_(sought.persons))
    provisioned = uow.own(t.directory_users, U.id).where(
        erased_rows.users_of(uow, sought.addresses, theirs), U.deleted_at.is_(None)
    )
    ids = [str(row.id) for row in (*uow.all(present), *uow.all(provisioned))]
    if ids:
        raise AlreadyMember(
            f"This person is known to organisation {uow.organisation_id} still.",
            levers=(
                "Remove the member, and take the person out of the identity provider.",
                "An owner passes the ownership on first.",
            ),
            organisation=str(uow.organisation_id),
            ids=ids,
        )


def erase(uow: UnitOfWork, sought: Sought) -> Erased:
    """Erase the person from an organisation; a second time changes and records nothing.

    :raises AlreadyMember: as `require_no_member`.
    """
    require_no_member(uow, sought)
    traces = erased_rows.trace(uow, sought.persons, sought.addresses)
    erased = erased_rows.erase(uow, traces)
    moves.promote_waiting(uow)
    found = Erased(erased, erased_rows.remaining(uow, traces))
    if not found.is_nothing:
        about = [Target("member", str(each)) for each in sorted(traces.members)]
        targets = tuple(about) or (terms.organisation(uow),)
        uow.record(Fact("person.erased", targets, after=dict(erased)))
    return found


def erase_account(here: PersonWork, sought: Sought) -> Erased:
    """Erase accounts with every proof, session and letter of theirs, and be done with it.

    :raises AlreadyMember: one of them became a member meanwhile.
    """
    persons = sought.persons
    still = select(M.id).where(M.person_id.in_(persons), M.state != MemberState.REMOVED)
    if here.all(still):
        raise AlreadyMember("This person has become a member of an organisation.")
    erased = {"sessions": here.execute(_gone(t.sessions, persons)).rowcount}
    credentials = (t.totp_secrets, t.recovery_codes, t.passkeys, t.challenges)
    erased["credentials"] = sum(here.execute(_gone(x, persons)).rowcount for x in credentials)
    links, failures = t.mailed_links.c, t.failed_proofs.c
    theirs = or_(links.person_id.in_(persons), links.email_key.in_(sought.addresses))
    erased["links"] = here.execute(delete(t.mailed_links).where(theirs)).rowcount
    erased["links"] += here.execute(
        delete(t.failed_proofs).where(failures.email_key.in_(sought.addresses))
    ).rowcount
    letters = erased_rows.mentions(t.letters.c.payload, sought.addresses)
    erased["letters"] = here.execute(delete(t.letters).where(letters)).rowcount
    named = or_(P.email.is_not(None), P.password_hash.is_not(None), P.display_name != PSEUDONYM)
    values: dict[str, Any] = {"email": None, "email_key": None, "password_hash": None}
    erased["accounts"] = here.execute(
        update(t.persons)
        .where(P.id.in_(persons), named)
        .values(**values, email_verified=False, display_name=PSEUDONYM)
    ).rowcount
    _forget(here, sought)
    return Erased(erased, {"accounts without a name": len(persons)})


def rehearse(uow: UnitOfWork, sought: Sought) -> Erased:
    """Return what `erase` would do in an organisation; nothing of it stays."""
    return uow.rehearsed(lambda unit: erase(unit, sought))


def rehearse_account(here: PersonWork, sought: Sought) -> Erased:
    """Return what `erase_account` would do; nothing of it stays."""
    with here.connection.begin_nested() as savepoint:
        found = erase_account(here, sought)
        savepoint.rollback()
    return found


def _take_up(connection: Connection, persons: set[UUID], addresses: set[str]) -> bool:
    """Add whom interrupted erasures that share somebody were about; say if there are any."""
    begun = False
    for row in connection.execute(select(t.erasures)):
        if _shares(row, persons, addresses):
            persons |= set(map(UUID, row.persons))
            addresses |= set(row.addresses)
            begun = True
    return begun


def _forget(here: PersonWork, sought: Sought) -> None:
    e = t.erasures.c
    ended = [
        row.id
        for row in here.all(select(t.erasures))
        if _shares(row, sought.persons, sought.addresses)
    ]
    here.execute(delete(t.erasures).where(e.id.in_(ended)))


def _shares(row: Any, persons: Collection[UUID], addresses: Collection[str]) -> bool:
    return not (
        set(map(UUID, row.persons)).isdisjoint(persons) and set(row.addresses).isdisjoint(addresses)
    )


def _gone(table: Any, persons: frozenset[UUID]) -> Any:
    return delete(table).where(table.c.person_id.in_(persons))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(f"{text!r} is neither an address nor an id.") from None


def _organisations(
    connection: Connection, persons: set[UUID], addresses: set[str]
) -> Sequence[UUID]:
    known = (
        select(M.organisation_id).where(or_(M.person_id.in_(persons), M.email_key.in_(addresses))),
        select(INVITED.organisation_id).where(INVITED.email_key.in_(addresses)),
        select(U.organisation_id).where(U.user_name_key.in_(addresses)),
        select(E.organisation_id).where(E.value_key.in_(addresses)),
    )
    return sorted({each for query in known for each in connection.scalars(query)})
