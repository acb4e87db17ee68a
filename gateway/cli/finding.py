"""Finding what an operator names: organisations by slug, people by address, chatbots by name."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from gateway.domain.connections import Connection
from gateway.domain.errors import InvalidRequest, NotFound
from gateway.domain.text import fold
from gateway.services import chatbots, connections, members, organisations
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work


def organisation(work: Work, name: str) -> UUID:
    """Return the organisation that a slug or an id names.

    :raises NotFound: there is none.
    """
    with work.platform() as database:
        found = organisations.find_by_slug(database, name)
    if found is not None:
        return found
    given = as_id(name)
    if given is not None:
        with work.read(given) as uow:
            if uow.all(uow.own(t.policies, t.policies.c.name).limit(1)):
                return given
    raise NotFound(f"There is no organisation {name!r}.")


def connection(uow: UnitOfWork, name: str | None) -> Connection:
    """Return the SCIM connection with this id or name; without one, the only one there is.

    :raises NotFound: there is none. :raises InvalidRequest: several fit.
    """
    everyone = connections.listing(uow)
    fits = [x for x in everyone if name is None or name in (str(x.id), x.name)]
    if not fits:
        raise NotFound("There is no such SCIM connection.")
    if len(fits) > 1:
        known = ", ".join(f"{x.name} ({x.id})" for x in fits)
        raise InvalidRequest(f"Several SCIM connections fit; name one by its id: {known}.")
    return fits[0]


def member(uow: UnitOfWork, name: str) -> Row[Any]:
    """Return the member with this id or address.

    :raises NotFound: there is none. :raises InvalidRequest: several have the address.
    """
    given = as_id(name)
    if given is not None:
        row: Row[Any] = members.get(uow, given)
        return row
    m = t.members.c
    fits = uow.all(uow.own(t.members).where(m.email_key == fold(name), m.state != "removed"))
    if not fits:
        raise NotFound(f"There is no member {name!r}.")
    if len(fits) > 1:
        known = ", ".join(str(x.id) for x in fits)
        raise InvalidRequest(f"Several members have this address; name one by its id: {known}.")
    return fits[0]


def chatbot(uow: UnitOfWork, name: str) -> UUID:
    """Return the chatbot with this id or name; an id is taken as it is, as a deleted one may be.

    :raises NotFound: there is none of this name.
    """
    given = as_id(name)
    if given is not None:
        return given
    for row in chatbots.listing(uow):
        if fold(row.name) == fold(name):
            found: UUID = row.id
            return found
    raise NotFound(f"There is no chatbot {name!r}.")


def as_id(text: str) -> UUID | None:
    """Return the UUID that a text spells, if it does."""
    try:
        return UUID(text)
    except ValueError:
        return None
