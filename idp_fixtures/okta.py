"""A simulated Okta: its request order, its bodies, its two kinds of SCIM application.

**Invariant:** Okta never deletes a user; whoever leaves is switched off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import ClassVar

from idp_fixtures.agent import ENTERPRISE, GROUP, USER, ProvisioningAgent, equals
from idp_fixtures.directory import Group, Person
from idp_fixtures.lanes import Job
from idp_fixtures.scim_client import Body, Report, Wire

PAGE = 100
PLACEHOLDER_PASSWORD = "1mz050nq"  # noqa: S105 - Okta sends such a value to fill the field.


class OktaApp(StrEnum):
    """The kinds of SCIM application in Okta."""

    CATALOGUE = "catalogue"
    """From the integration network: PUT for the profile, PATCH without a path for `active`."""
    WIZARD = "wizard"
    """Made by the wizard: GET, then PUT of the whole body with what changed, `active` too."""


@dataclass
class OktaClient(ProvisioningAgent):
    """Okta, provisioning one application."""

    app: OktaApp = OktaApp.CATALOGUE

    wire: ClassVar[Wire] = Wire(
        headers={"User-Agent": "Okta SCIM Client 1.0.0", "Accept-Charset": "utf-8"}
    )

    def test_connection(self) -> None:
        """Read two users, which the credential test asks for."""
        self._scim.request("GET", "/Users?startIndex=1&count=2")

    def bring_person(self, person: Person) -> None:
        """Filter by user name; POST who is absent, PUT over who is there."""
        lookup = _page("Users", equals("userName", person.user_name))
        found = self.find(lookup)
        if found is None:
            body = {**profile(person), "groups": [], "password": PLACEHOLDER_PASSWORD}
            self.user_ids[person.key] = self.create("/Users", body, lookup)
            return
        self.user_ids[person.key] = str(found["id"])
        self._put(person)

    def bring_group(self, group: Group) -> None:
        """Filter by name; POST with an empty member list if absent."""
        lookup = _page("Groups", equals("displayName", group.display_name))
        found = self.find(lookup)
        if found is None:
            body = {
                "schemas": [GROUP],
                "displayName": group.display_name,
                "externalId": group.key,
                "members": [],
            }
            self.group_ids[group.key] = self.create("/Groups", body, lookup)
        else:
            self.group_ids[group.key] = str(found["id"])

    def membership_jobs(self, group: Group) -> list[Job]:
        """Return one PATCH for each hundred members."""
        everyone = [self.directory.people[key] for key in group.members]
        active = [person for person in everyone if person.active]
        return [
            partial(self._change_members, group, (), active[first : first + PAGE])
            for first in range(0, len(active), PAGE)
        ]

    def update_person(self, before: Person, after: Person) -> None:
        """PUT the whole profile, whichever attribute changed."""
        del before
        self._put(after)

    def switch_person(self, person: Person) -> None:
        """Send `active` alone, or within the whole body for a wizard-made application."""
        if self.app is OktaApp.WIZARD:
            self._put(person)
        else:
            self.patch(
                f"/Users/{self.user_ids[person.key]}",
                [{"op": "replace", "value": {"active": person.active}}],
            )

    def forget_person(self, person: Person) -> None:
        """Switch off who still was on; nothing more is ever sent."""
        if person.active:
            self.patch(
                f"/Users/{self.user_ids[person.key]}",
                [{"op": "replace", "value": {"active": False}}],
            )

    def change_members(
        self, group: Group, *, gone: tuple[Person, ...], come: tuple[Person, ...]
    ) -> None:
        """Send removals and additions in one PATCH."""
        self._change_members(group, gone, come)

    def rename_group(self, group: Group) -> None:
        """Send id and name without a path."""
        self.patch(f"/Groups/{self.group_ids[group.key]}", [self._name(group)])

    def push_now(self, group: Group) -> Report:
        """Replace the whole member list, as the "push now" button does."""
        members = [self._member(self.directory.people[key]) for key in group.members]
        replacement = {"op": "replace", "path": "members", "value": members}
        with self.reporting() as report:
            self.patch(f"/Groups/{self.group_ids[group.key]}", [replacement])
        return report

    def import_users(self) -> list[Body]:
        """Return every user of the service, read in pages of a hundred."""
        users: list[Body] = []
        with self.reporting():
            while True:
                path = f"/Users?startIndex={len(users) + 1}&count={PAGE}"
                page = self._scim.request("GET", path).body
                users += page.get("Resources") or []
                if not page.get("Resources") or len(users) >= int(page["totalResults"]):
                    return users

    def _put(self, person: Person) -> None:
        path = f"/Users/{self.user_ids[person.key]}"
        body = profile(person)
        if self.app is OktaApp.WIZARD:
            body = {**self._scim.request("GET", path).body, **body}
        self._scim.request("PUT", path, body)

    def _change_members(self, group: Group, gone: Iterable[Person], come: Iterable[Person]) -> None:
        removals = [
            {"op": "remove", "path": f'members[value eq "{self.user_ids[person.key]}"]'}
            for person in gone
        ]
        members = [self._member(person) for person in come]
        additions = [{"op": "add", "path": "members", "value": members}] if members else []
        self.patch(
            f"/Groups/{self.group_ids[group.key]}", [self._name(group), *removals, *additions]
        )

    def _name(self, group: Group) -> Body:
        value = {"id": self.group_ids[group.key], "displayName": group.display_name}
        return {"op": "replace", "value": value}

    def _member(self, person: Person) -> Body:
        return {"value": self.user_ids[person.key], "display": person.user_name}


def profile(person: Person) -> Body:
    """Return the user as Okta's profile mapping sends it."""
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": person.key,
        "userName": person.user_name,
        "name": {"givenName": person.given_name, "familyName": person.family_name},
        "displayName": person.display_name,
        "emails": [{"primary": True, "value": person.email, "type": "work"}],
        "title": person.title,
        "locale": "en-US",
        "active": person.active,
        ENTERPRISE: {"department": person.department, "employeeNumber": person.employee_number},
    }


def _page(resources: str, condition: str) -> str:
    return f"/{resources}?filter={condition}&startIndex=1&count={PAGE}"
