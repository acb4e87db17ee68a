"""An organisation of a preset behind the whole application, its owner, people with mailboxes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from gateway.app import Gateway
from gateway.domain.permissions import ACTIONS
from gateway.services import chatbots, keys, mailed_links, organisations, policies, roster
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.clock import Clock
from tests.factories import OPERATOR, PASSWORD, PASSWORD_HASH
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.console.browser import Browser

ORDINARY = {
    "pleep": "member",
    "whatsapp": "agent",
    "five_role": "viewer",
    "pingback": "agent",
    "members_invitations": "member",
}
"""Preset -> a role with little to it."""


@dataclass
class Stage:
    """One organisation, seen over HTTP."""

    gateway: Gateway
    clock: Clock
    preset: str
    organisation_id: UUID
    owner_id: UUID

    @property
    def work(self) -> Work:
        return self.gateway.work

    @property
    def owner(self) -> Caller:
        """The owner, by API key."""
        return callers.owned_by(self.gateway, self.organisation_id, self.owner_id)

    @property
    def role(self) -> str:
        """An ordinary role."""
        return ORDINARY[self.preset]

    def chatbot(self, name: str) -> UUID:
        """A chatbot of the organisation."""
        made: UUID = self.run(lambda uow: chatbots.create(uow, name))
        return made

    def run(self, verb: Any) -> Any:
        """Do something by the operator's word."""
        return self.work.run(self.organisation_id, OPERATOR, verb)

    def policy(self, name: str, value: object) -> None:
        self.run(lambda uow: policies.change(uow, {name: value}))

    def invite(self, email: str, **more: Any) -> TestResponse:
        """Ask as the owner for an invitation; an ordinary one that opens no chatbot by itself."""
        wish: dict[str, Any] = {"email": email, "role": self.role, **more}
        if self.preset == "pleep" and "chatbots" not in wish:
            wish["chatbots"] = []
        return self.owner.post("invitations", wish)

    def invited(self, email: str, **more: Any) -> dict[str, Any]:
        """Invite, and return what is answered."""
        made = self.invite(email, **more)
        assert made.status_code == 201, made.get_data(as_text=True)
        answered: dict[str, Any] = made.get_json()
        return answered

    def mails(self, email: str) -> list[Any]:
        """What lies in the outbox for an address, the oldest first."""
        o = t.outbox.c
        with self.work.read(self.organisation_id) as uow:
            rows = uow.all(uow.own(t.outbox).where(o.channel == "mail").order_by(o.id))
        return [row for row in rows if row.payload["to"] == email]

    def mailed(self, email: str) -> str:
        """The link of the newest mail to an address."""
        text = self.mails(email)[-1].payload["text"]
        return token(next(word for word in text.split() if "/invitations/" in word))

    def sign_up(self, email: str, name: str = "Nina New") -> UUID:
        """Somebody with an account of their own, whose mailbox is proved."""

        def create(here: Any) -> UUID:
            return mailed_links.create_account(here, email, name, PASSWORD_HASH)

        return person_work.run(self.work, create)

    def browser(self, email: str | None = None) -> Browser:
        """A browser, signed in where an address is named."""
        browser = Browser(self.gateway)
        if email is not None:
            landed = browser.post("/login/password", email=email, password=PASSWORD)
            assert landed.status_code == 303, landed.get_data(as_text=True)
        return browser

    def accept(self, link: str, email: str) -> TestResponse:
        """Accept over the API, signed in with this address."""
        return self.browser(email).api("POST", f"/invitations/{link}:accept")

    def joined(self, email: str, **more: Any) -> UUID:
        """Invite somebody who accepts; return the member's id."""
        self.invited(email, **more)
        self.sign_up(email)
        answer = self.accept(self.mailed(email), email)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return UUID(answer.get_json()["member_id"])

    def key_of(self, member_id: UUID) -> Caller:
        """A member, by API key."""
        issued = self.run(
            lambda uow: keys.create(uow, "Own", tuple(sorted(ACTIONS)), member_id=member_id)
        )
        return Caller(self.gateway, issued.secret, self.organisation_id)

    def with_role(self, key: str) -> Caller:
        """Another member with a role, by API key."""
        email = f"{key}@{self.organisation_id.hex}.test"
        member_id = self.run(
            lambda uow: organisations.add_member(
                uow, email=email, display_name=key.title(), role=key
            )
        )
        return self.key_of(member_id)

    def members(self) -> list[str]:
        """Addresses of the members, by name."""
        with self.work.read(self.organisation_id) as uow:
            rows = roster.listing(uow, roster.Wanted(), None, 100)
        return sorted(step.row.email for step in rows)

    def facts(self, prefix: str) -> list[str]:
        """What was recorded, in its order."""
        e = t.audit_events.c
        with self.work.read(self.organisation_id) as uow:
            rows = uow.all(uow.own(t.audit_events).order_by(e.occurred_at, e.position))
        return [row.action for row in rows if row.action.startswith(prefix)]


def token(link: str) -> str:
    """The secret part of a link."""
    return link.rpartition("/")[2]


def code(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, (answer.get_json() or {}).get("code", "")


def stage(
    gateway: Gateway, clock: Clock, preset: str, plan: str | None = None, slug: str = "acme"
) -> Stage:
    """Found an organisation."""
    organisation_id, owner_id = factories.found_organisation(gateway.work, slug, preset, plan=plan)
    return Stage(gateway, clock, preset, organisation_id, owner_id)
