"""A simulated Microsoft Entra ID: its cycle in lanes, its legacy PATCH dialect and its newer one.

**Invariant:** Entra restores a person without sending memberships again, and deletes only who was
switched off before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from idp_fixtures import directory as people
from idp_fixtures import names
from idp_fixtures.agent import ENTERPRISE, GROUP, USER, ProvisioningAgent, equals
from idp_fixtures.directory import Group, Person
from idp_fixtures.lanes import Job, Progress
from idp_fixtures.scim_client import Body, Journal, Report, Wire

MARKER = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"

ATTRIBUTES = {
    "user_name": "userName",
    "display_name": "displayName",
    "given_name": "name.givenName",
    "family_name": "name.familyName",
    "email": 'emails[type eq "work"].value',
    "title": "title",
    "phone": 'phoneNumbers[type eq "mobile"].value',
    "department": f"{ENTERPRISE}:department",
    "employee_number": f"{ENTERPRISE}:employeeNumber",
    "key": "externalId",
}
"""The default attribute mapping: a person's attribute and the SCIM path that it is written to."""


class EntraDialect(StrEnum):
    """The two PATCH dialects of Entra ID."""

    LEGACY = "legacy"
    """`Add`, `Replace`, `Remove` with a path each, booleans as text, removal by a value list."""
    COMPLIANT = "aadOptscim062020"
    """The flag in the tenant URL: lower-case verbs, path-less values with dotted and URN keys."""


@dataclass
class EntraClient(ProvisioningAgent):
    """Entra ID, provisioning one enterprise application.

    :param members_per_patch: how many additions go into one PATCH; the service sends one at a
        time on bad days, and packs them on good ones.
    """

    dialect: EntraDialect = EntraDialect.LEGACY
    members_per_patch: int = 20

    wire: ClassVar[Wire] = Wire()

    def test_connection(self) -> None:
        """Ask for a user that cannot exist; only 200 with an empty list passes."""
        nobody = UUID(int=names.draw(self.directory.seed, "nobody", 0) % 2**128)
        self._scim.request("GET", f"/Users?filter={equals('userName', str(nobody))}")

    def bring_person(self, person: Person) -> None:
        """Filter by user name; POST who is absent, PATCH who is there."""
        lookup = f"/Users?filter={equals('userName', person.user_name)}"
        found = self.find(lookup)
        if found is None:
            self.user_ids[person.key] = self.create("/Users", profile(person), lookup)
            return
        self.user_ids[person.key] = str(found["id"])
        self._replace(person, {ATTRIBUTES[name]: value for name, value in _values(person).items()})
        self.switch_person(person)

    def bring_group(self, group: Group) -> None:
        """Filter by name with members left out; POST without members if absent."""
        condition = equals("displayName", group.display_name)
        lookup = f"/Groups?excludedAttributes=members&filter={condition}"
        found = self.find(lookup)
        if found is None:
            body = {
                "schemas": [GROUP, MARKER],
                "externalId": group.key,
                "displayName": group.display_name,
                "meta": {"resourceType": "Group"},
            }
            self.group_ids[group.key] = self.create("/Groups", body, lookup)
        else:
            self.group_ids[group.key] = str(found["id"])

    def membership_jobs(self, group: Group) -> list[Job]:
        """Return a read of the group without members, then the PATCHes that add them."""
        everyone = [self.directory.people[key] for key in group.members]
        active = [person for person in everyone if person.active]
        size = self.members_per_patch
        parts = [active[first : first + size] for first in range(0, len(active), size)]
        return [
            partial(self._read_group, group),
            *(partial(self._add_members, group, part) for part in parts),
        ]

    def update_person(self, before: Person, after: Person) -> None:
        """PATCH the attributes that changed, and the reference to the manager if it did."""
        old, new = _values(before), _values(after)
        changed = {ATTRIBUTES[name]: new[name] for name in new if new[name] != old[name]}
        if changed:
            self._replace(after, changed)
        if after.manager and after.manager != before.manager:
            self._set_manager(after, after.manager)

    def switch_person(self, person: Person) -> None:
        """Write `active`: as text in the legacy dialect."""
        if self.dialect is EntraDialect.LEGACY:
            operation: Body = {"op": "Replace", "path": "active", "value": str(person.active)}
        else:
            operation = {"op": "replace", "path": "active", "value": person.active}
        self.patch(self._user(person), [operation])

    def forget_person(self, person: Person) -> None:
        """Switch off who still was on (the soft delete), then DELETE, as thirty days later."""
        if person.active:
            self.switch_person(replace(person, active=False))
        self._scim.request("DELETE", self._user(person), expect=(204,))
        del self.user_ids[person.key]

    def change_members(
        self, group: Group, *, gone: tuple[Person, ...], come: tuple[Person, ...]
    ) -> None:
        """Check each reference, then PATCH what differs."""
        leaving = [person for person in gone if self._is_member(group, person)]
        joining = [person for person in come if not self._is_member(group, person)]
        for person in leaving:
            self._remove_member(group, person)
        if joining:
            self._add_members(group, joining)

    def rename_group(self, group: Group) -> None:
        """PATCH the name."""
        self.patch(
            self._group(group),
            [{"op": self._verb("replace"), "path": "displayName", "value": group.display_name}],
        )

    def changed_since(self, moment: str) -> list[Body]:
        """Return users modified after an instant (RFC 3339), as a pull asks for them."""
        condition = f"meta.lastModified%20gt%20%22{moment}%22"
        with self.reporting():
            path = f"/Users?filter={condition}&startIndex=0&count=100"
            answer = self._scim.request("GET", path)
        return answer.body.get("Resources") or []

    def _replace(self, person: Person, values: dict[str, Any]) -> None:
        if self.dialect is EntraDialect.LEGACY:
            operations = [
                {"op": "Replace", "path": path, "value": value} for path, value in values.items()
            ]
        else:
            # A value filter cannot be a key, so such paths stay operations of their own.
            plain = {path: value for path, value in values.items() if "[" not in path}
            filtered = {path: value for path, value in values.items() if "[" in path}
            operations = [{"op": "replace", "value": plain}] if plain else []
            operations += [
                {"op": "replace", "path": path, "value": value} for path, value in filtered.items()
            ]
        self.patch(self._user(person), operations)

    def _set_manager(self, person: Person, manager_key: str) -> None:
        manager = self.user_ids[manager_key]
        person_id = self.user_ids[person.key]
        condition = f"{equals('id', person_id)}%20and%20{equals('manager', manager)}"
        if self.find(f"/Users?filter={condition}&attributes=id") is not None:
            return
        path = f"{ENTERPRISE}:manager"
        if self.dialect is EntraDialect.LEGACY:
            operation: Body = {"op": "Add", "path": path, "value": manager}
        else:
            operation = {"op": "add", "value": {path: manager}}
        self.patch(self._user(person), [operation])

    def _is_member(self, group: Group, person: Person) -> bool:
        condition = (
            f"{equals('id', self.group_ids[group.key])}%20and%20"
            f"{equals('members', self.user_ids[person.key])}"
        )
        return self.find(f"/Groups?excludedAttributes=members&filter={condition}") is not None

    def _read_group(self, group: Group) -> None:
        self._scim.request("GET", f"{self._group(group)}?excludedAttributes=members")

    def _add_members(self, group: Group, persons: Iterable[Person]) -> None:
        values = [self._reference(person) for person in persons]
        self.patch(
            self._group(group), [{"op": self._verb("add"), "path": "members", "value": values}]
        )

    def _remove_member(self, group: Group, person: Person) -> None:
        if self.dialect is EntraDialect.LEGACY:
            operation = {"op": "Remove", "path": "members", "value": [self._reference(person)]}
        else:
            member = self.user_ids[person.key]
            operation = {"op": "remove", "path": f'members[value eq "{member}"]'}
        self.patch(self._group(group), [operation])

    def _reference(self, person: Person) -> Body:
        if self.dialect is EntraDialect.LEGACY:
            return {"$ref": None, "value": self.user_ids[person.key]}
        return {"value": self.user_ids[person.key]}

    def _verb(self, verb: str) -> str:
        return verb.capitalize() if self.dialect is EntraDialect.LEGACY else verb

    def _user(self, person: Person) -> str:
        return f"/Users/{self.user_ids[person.key]}"

    def _group(self, group: Group) -> str:
        return f"/Groups/{self.group_ids[group.key]}"


def profile(person: Person) -> Body:
    """Return the user as Entra's default mapping creates it."""
    return {
        "schemas": [USER, ENTERPRISE],
        "externalId": person.key,
        "userName": person.user_name,
        "active": person.active,
        "displayName": person.display_name,
        "emails": [{"primary": True, "type": "work", "value": person.email}],
        "meta": {"resourceType": "User"},
        "name": {
            "formatted": person.display_name,
            "familyName": person.family_name,
            "givenName": person.given_name,
        },
        "phoneNumbers": [{"type": "mobile", "value": person.phone}],
        "title": person.title,
        "roles": [],
        ENTERPRISE: {"department": person.department, "employeeNumber": person.employee_number},
    }


@dataclass(frozen=True)
class FirstSync:
    """The size of a first synchronisation; the default is 3151 requests.

    One connection test; a match and a POST for each user; a match, a POST and a read for each
    group; a PATCH for each membership.
    """

    users: int = 1000
    groups: int = 50
    group_size: int = 20
    lanes: int = 4
    domain: str = "globex.test"
    seed: str = "first-sync"

    @property
    def requests(self) -> int:
        """How many requests it takes when none has to be repeated."""
        return 1 + 2 * self.users + 3 * self.groups + self.groups * self.group_size


def first_sync(
    base_url: str,
    token: str,
    size: FirstSync | None = None,
    *,
    journal: Journal | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Provision a generated company in Entra's order, one member a PATCH, into an empty service."""
    size = size or FirstSync()
    directory = people.generate(
        size.users, size.groups, domain=size.domain, group_size=size.group_size, seed=size.seed
    )
    client = EntraClient(
        base_url,
        token,
        directory,
        journal=journal,
        on_progress=on_progress,
        lanes=size.lanes,
        members_per_patch=1,
    )
    return client.onboard()


def _values(person: Person) -> dict[str, str]:
    return {name: getattr(person, name) for name in ATTRIBUTES}
