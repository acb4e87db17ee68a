"""The play: each company's identity provider brings its people, an administrator maps its groups.

Both sides speak HTTP: the identity providers SCIM, the administrator the management API.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.demo.admin import Admin
from gateway.demo.options import DemoFailed
from gateway.demo.sign_on import SignOn
from gateway.demo.stage import Furnished
from idp_fixtures import directory as idp_directory
from idp_fixtures.agent import ProvisioningAgent
from idp_fixtures.directory import Directory, Person
from idp_fixtures.entra import EntraClient
from idp_fixtures.okta import OktaClient
from idp_fixtures.scim_client import Report, ServiceUnreachable, UnexpectedAnswer

PEOPLE = {"acme": 36, "globex": 28}
FEWEST = 4
"""Fewer people than this make no play."""

ADMINS, BUILDERS, SUPPORT, SALES, OTHERS = (
    "Gateway Admins",
    "Engineering",
    "Support",
    "Sales",
    "Contractors",
)
SHARES: Mapping[str, tuple[float, float]] = {
    ADMINS: (0.0, 0.07),
    BUILDERS: (0.05, 0.35),
    SUPPORT: (0.35, 0.65),
    SALES: (0.6, 0.85),
    OTHERS: (0.85, 1.0),
}
"""Which part of the people is in which group; where parts overlap, people are in both."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping rule as the story tells it."""

    group: str
    gives: str


@dataclass(frozen=True, slots=True)
class Offboarding:
    """One person's last day: what they could do, and how soon it was over."""

    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    acknowledged_ms: float
    proved_ms: float
    question: str
    answer: Mapping[str, Any]


class Play:
    """One company's part."""

    def __init__(self, way: SignOn, roles: Sequence[str]) -> None:
        self.organisation = way.organisation
        self.admin = Admin(way.base_url, self.organisation.id, self.organisation.api_key)
        self._way = way
        self._roles = roles
        self._agent: ProvisioningAgent | None = None
        self._url = self.organisation.scim_url(way.base_url)

    def size(self) -> int:
        """Return how many people come: as many as there are seats, up to a good number."""
        wanted = PEOPLE[self.organisation.slug]
        limit: int | None = self.admin.get("/subscription")["seat_limit"]
        if limit is None:
            return wanted
        used = sum(1 for _ in self.admin.everything("/members"))
        return min(wanted, max(0, limit - used))

    def onboard(self, size: int, on_progress: Progress) -> Report:
        """Let the identity provider bring people and groups.

        :raises DemoFailed: the gateway answered what the identity provider cannot go on from.
        """
        company = directory(self.organisation, size)
        self._way.provider.employ_all(company)
        kind = OktaClient if self.organisation.idp == "Okta" else EntraClient
        self._agent = kind(self._url, self.organisation.token, company, on_progress=on_progress)
        try:
            return self._agent.onboard()
        except (UnexpectedAnswer, ServiceUnreachable) as error:
            raise DemoFailed(f"{self.organisation.idp}: {error}") from error

    def map_groups(self) -> list[Rule]:
        """Let the administrator say what each group gives."""
        groups = {x["display_name"]: x["id"] for x in self.admin.everything("/groups")}
        roles = {x["key"]: x for x in self.admin.everything("/roles")}
        told = []
        for number, (group, body, gives) in enumerate(self._wishes(roles), start=1):
            if body["kind"] == "role":
                body["priority"] = number
            self.admin.post(
                "/mapping-rules",
                {
                    "connection_id": self.organisation.connection,
                    "group_id": groups[group],
                    **body,
                },
            )
            told.append(Rule(group, gives))
        return told

    def offboard(self) -> Offboarding:
        """Switch somebody of Support off at the identity provider; watch the access end."""
        if self._agent is None:
            raise DemoFailed("Nobody was onboarded.")
        person = self._leaver(self._agent.directory)
        member = self._member(person)
        path = f"/members/{member}"
        before = self.admin.get(path)
        change = self._agent.directory.deactivate(person.key)
        started = time.perf_counter()
        self._agent.apply(change)
        acknowledged = time.perf_counter()
        after = self.admin.get(path)
        proved = time.perf_counter()
        chatbot = self.organisation.chatbots["Helpdesk"]
        question = {"action": "conversations.read", "chatbot": chatbot}
        answer = self.admin.get(f"{path}/explain", question)
        return Offboarding(
            name=person.display_name,
            before=before,
            after=after,
            acknowledged_ms=(acknowledged - started) * 1000,
            proved_ms=(proved - started) * 1000,
            question="conversations.read on Helpdesk",
            answer=answer,
        )

    def _wishes(self, roles: Mapping[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
        strongest, weakest = self._roles[0], self._roles[-1]
        middle = self._roles[1] if len(self._roles) > 1 else strongest
        helpdesk = self.organisation.chatbots["Helpdesk"]
        sales = self.organisation.chatbots["Sales Assistant"]
        answering = {"conversations": "write", "analytics": "read"}
        selling = {"conversations": "write", "broadcasts": "write"}
        wishes = [
            _role(ADMINS, roles[strongest], "all"),
            _role(BUILDERS, roles[middle], "all"),
            _role(SUPPORT, roles[weakest], "selected"),
            _role(SALES, roles[weakest], "selected"),
            _chatbot(SUPPORT, helpdesk, "Helpdesk", answering),
            _chatbot(SALES, sales, "Sales Assistant", selling),
        ]
        team = {"kind": "team", "team_id": self.organisation.team}
        return [*wishes, (SUPPORT, team, "a seat in team Frontline")]

    def _leaver(self, company: Directory) -> Person:
        groups = company.group(SUPPORT).members
        others = set(company.group(SALES).members) | set(company.group(BUILDERS).members)
        alone = [key for key in groups if key not in others] or list(groups)
        return company.people[alone[0]]

    def _member(self, person: Person) -> str:
        found = self.admin.get("/members", {"q": person.email})["items"]
        return str(found[0]["id"])


def directory(organisation: Furnished, size: int) -> Directory:
    """Return the company's people and groups: the same ones each time."""
    company = idp_directory.generate(size, 0, domain=organisation.domain, seed=organisation.slug)
    keys = list(company.people)
    for group, (first, last) in SHARES.items():
        part = keys[int(first * size) : max(int(last * size), int(first * size) + 1)]
        company.create_group(group, part)
    return company


def _role(group: str, role: Mapping[str, Any], scope: str) -> tuple[str, dict[str, Any], str]:
    body: dict[str, Any] = {"kind": "role", "role_id": role["id"]}
    reach = "every chatbot"
    if role["narrowable"]:
        body["bot_scope"] = scope
        reach = "every chatbot" if scope == "all" else "chatbots named by rules"
    return group, body, f"role {role['name']}, {reach}"


def _chatbot(
    group: str, chatbot: str, name: str, sections: Mapping[str, str]
) -> tuple[str, dict[str, Any], str]:
    body = {"kind": "chatbot", "chatbot_id": chatbot, "sections": dict(sections)}
    levels = ", ".join(f"{section}: {level}" for section, level in sections.items())
    return group, body, f"on {name}: {levels}"
