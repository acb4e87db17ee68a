"""An organisation with a sign-on connection: its provider asserts, its people prove."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select

from gateway.domain.errors import Refused
from gateway.domain.identity import Actor, ActorType
from gateway.domain.sessions import Entrance, Factor
from gateway.domain.signin import AssertedIdentity, Attempt, Groups, SignedIn, Trace
from gateway.services import (
    access,
    attempts,
    letters,
    outbox,
    people,
    session_openings,
    sessions,
    signin,
    sso_setup,
)
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import Vault
from tests.clock import NOON
from tests.factories import OPERATOR, House, house

T = TypeVar("T")
ISSUER = "https://idp.acme.test/saml"
VAULT = Vault([b"0" * 32])


def certificate(name: str = "idp", days: int = 365) -> str:
    """A certificate of a provider, valid around the tests' present."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(NOON + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Lodge:
    """One organisation and one of its sign-on connections."""

    work: Work
    house: House
    connection_id: UUID
    issuer: str = ISSUER

    @property
    def organisation_id(self) -> UUID:
        return self.house.organisation_id

    @property
    def provider(self) -> Actor:
        """The connection as an actor."""
        return Actor(ActorType.SSO_CONNECTION, str(self.connection_id), "Okta")

    def do(self, verb: Callable[[UnitOfWork], T], actor: Actor = OPERATOR) -> T:
        """Run a verb in one unit of work."""
        return self.work.run(self.organisation_id, actor, verb)

    def see(self, look: Callable[[UnitOfWork], T]) -> T:
        """Read."""
        with self.work.read(self.organisation_id) as uow:
            return look(uow)

    def configure(self, **settings: Any) -> None:
        """Change the connection, and keep it active: a test of the new settings was good."""

        def change(uow: UnitOfWork) -> None:
            sso_setup.update(uow, self.connection_id, **settings)

        self.do(change)

    def says(
        self,
        subject: str,
        email: str | None = None,
        groups: Groups | Iterable[str] = Groups.ABSENT,
        **more: Any,
    ) -> AssertedIdentity:
        """What the provider asserts."""
        said = groups if isinstance(groups, Groups) else Groups.of(groups)
        identity = AssertedIdentity(
            connection_id=self.connection_id,
            issuer=self.issuer,
            subject=subject,
            email=email,
            display_name=(email or subject).partition("@")[0].title(),
            groups=said,
            authenticated_at=self.work.clock(),
        )
        return replace(identity, **more)

    def attempt(self, **more: Any) -> Attempt:
        """Begin a sign-in and bring it back."""
        begun = self.do(lambda uow: signin.begin(uow, self.connection_id, **more))
        return self.do(
            lambda uow: signin.consume(uow, self.connection_id, begun.handle, begun.cookie)
        )

    def end(self, asserted: AssertedIdentity, key: str | None = None, **more: Any) -> signin.Ending:
        """Sign in."""
        attempt = self.attempt(**more)
        replayed = signin.Replay(key) if key else None
        return self.do(
            lambda uow: signin.complete(uow, attempt, asserted, replayed, Trace()), self.provider
        )

    def sign_in(self, subject: str, email: str | None = None, **more: Any) -> str:
        """Sign in, which must succeed; return the session's token."""
        opened = self.end(self.says(subject, email, **more))
        assert isinstance(opened, SignedIn), opened
        return opened.token

    def sign_in_with(self, asserted: AssertedIdentity, **more: Any) -> str:
        """Sign in with all that the provider says; return the session's token."""
        opened = self.end(asserted, **more)
        assert isinstance(opened, SignedIn), opened
        return opened.token

    def sign_in_member(self) -> str:
        """A session of the member whom hands manage."""
        return self.by_password(self.person_of(f"second@{self.slug}.test")).token

    @property
    def slug(self) -> str:
        """The organisation's slug."""
        with self.work.platform() as database:
            o = t.organisations.c
            query = select(o.slug).where(o.id == self.organisation_id)
            return str(database.execute(query).scalar_one())

    def role(self, key: str) -> UUID:
        """The id of a role."""
        return next(role.id for role in self.see(access.roles_at) if role.key == key)

    def refusal(self, asserted: AssertedIdentity) -> str:
        """Sign in, which must be refused; return the code."""
        ended = self.end(asserted)
        assert isinstance(ended, Refused), ended
        reason: str = ended.error.details["reason"]  # type: ignore[assignment]
        return reason

    # -- the person's side --------------------------------------------------

    def person(self, verb: Callable[[PersonWork], T]) -> T:
        """Run a verb about a person."""
        return person_work.run(self.work, verb)

    def entrance(self, token: str, organisation_id: UUID | None = None) -> Entrance:
        """What a session is in an organisation, this one unless another is named."""
        return self.person(
            lambda here: sessions.entrance(here, token, organisation_id or self.organisation_id)
        )

    def by_password(
        self, person_id: UUID, *factors: Factor, replaces: UUID | None = None
    ) -> session_openings.Opened:
        """Open a session by own factors."""
        proved = frozenset(factors or (Factor.PASSWORD,))
        return self.person(
            lambda here: session_openings.open_by_own(here, person_id, proved, replaces=replaces)
        )

    def person_of(self, email: str) -> UUID:
        """The person with a sign-in address."""
        found = self.see(lambda uow: people.find(uow, email))
        assert found is not None
        return found

    def counted(self, *tables: Any) -> dict[str, int]:
        """How many rows there are in each table, of all organisations."""
        with self.work.platform() as database:
            return {
                table.name: database.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            }

    def mailed(self, to: str) -> str:
        """The text of the newest letter to somebody, taken as the worker takes it."""
        waiting = self.work.run_platform(lambda database, now: letters.claim(database, now, 100))
        newest = [message for message in waiting if message.payload["to"] == to][-1]
        text: str = outbox.opened(self.work.vault, newest).payload["text"]
        return text

    def letters(self, type: str) -> list[dict[str, Any]]:
        """What all letters of a type say that have not left, the oldest first."""
        c = t.letters.c
        with self.work.platform() as database:
            rows = database.execute(
                select(t.letters).where(c.type == type).order_by(c.created_at, c.id)
            ).all()
        return [
            {
                **row.payload,
                **json.loads(self.work.vault.open(row.sealed, row.id, outbox.SEALED_AS)),
            }
            for row in rows
        ]

    def rows(self, table: Any, **where: object) -> list[Any]:
        """Rows of the organisation."""
        return list(
            self.see(
                lambda uow: uow.all(
                    uow.own(table).where(*(table.c[name] == value for name, value in where.items()))
                )
            )
        )


def activated(work: Work, house: House, **settings: Any) -> Lodge:
    """Make a tested, active SAML connection."""
    wish = {
        "issuer": ISSUER,
        "sso_url": "https://idp.acme.test/sso",
        "certificates": [certificate()],
        **settings,
    }
    return connected(work, house, "saml", wish)


def connected(work: Work, house: House, protocol: str, wish: Mapping[str, Any]) -> Lodge:
    """Make a tested, active connection of a protocol."""
    connection_id = connect(work, house.organisation_id, protocol, wish)
    return Lodge(work, house, connection_id, str(wish["issuer"]))


def connect(work: Work, organisation_id: UUID, protocol: str, wish: Mapping[str, Any]) -> UUID:
    """Make a tested, active connection of a protocol; return its id."""
    return work.run(organisation_id, OPERATOR, lambda uow: set_up(uow, protocol, wish))


def set_up(uow: UnitOfWork, protocol: str, wish: Mapping[str, Any], name: str = "Okta") -> UUID:
    """Make a tested, active connection within a unit; return its id."""
    made = sso_setup.create(uow, protocol, name, "okta", **wish)
    sso_setup.begin_test(uow, made)
    uow.update(t.sso_connections, {"id": made}, tested_at=uow.now)
    sso_setup.activate(uow, made)
    return made


def lodge(work: Work, slug: str = "acme", preset: str = "five_role", **settings: Any) -> Lodge:
    """Found an organisation with a SCIM connection and an active sign-on connection."""
    return activated(work, house(work, slug, preset), **settings)


__all__ = ["Lodge", "activated", "attempts", "certificate", "connect", "connected", "lodge"]
