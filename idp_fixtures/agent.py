"""What every simulated provisioning agent shares: matching, ids, lanes, and a report of each run.

**Invariant:** an agent writes what the directory says and nothing else; how it says it is the
business of the providers' own modules.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from idp_fixtures import directory as people
from idp_fixtures.directory import Change, Directory, Group, Person
from idp_fixtures.lanes import Job, Progress, ProgressMeter, in_lanes
from idp_fixtures.scim_client import Body, Journal, Report, SCIMClient, Wire

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WRITTEN = (200, 204)


@dataclass
class ProvisioningAgent(ABC):
    """Carries a directory to one SCIM base URL.

    `user_ids` and `group_ids` map the directory's keys to the ids that the service gave.
    """

    base_url: str
    token: str
    directory: Directory
    journal: Journal | None = None
    on_progress: Progress | None = None
    lanes: int = 4
    user_ids: dict[str, str] = field(default_factory=dict)
    group_ids: dict[str, str] = field(default_factory=dict)

    wire: ClassVar[Wire]

    def __post_init__(self) -> None:
        """Open the client."""
        self._scim = SCIMClient(self.base_url, self.token, self.wire, self.journal)

    def onboard(self) -> Report:
        """Bring every active person and every group over, as after assigning the application.

        Nobody is created twice: who is found by the provider's own match is taken over.
        """
        active = [person for person in self.directory.people.values() if person.active]
        groups = list(self.directory.groups.values())
        phases: list[list[Job]] = [
            [self.test_connection],
            [partial(self.bring_person, person) for person in active],
            [partial(self.bring_group, group) for group in groups],
            [job for group in groups for job in self.membership_jobs(group)],
        ]
        meter = ProgressMeter(sum(len(phase) for phase in phases), self.on_progress)
        with self.reporting() as report:
            for phase in phases:
                in_lanes(self.lanes, [_metered(job, meter) for job in phase])
        return report

    def apply(self, change: Change) -> Report:
        """Carry one change of the directory over."""
        with self.reporting() as report:
            self._carry(change)
        return report

    @abstractmethod
    def test_connection(self) -> None:
        """Do what the provider's "test connection" button does."""

    @abstractmethod
    def bring_person(self, person: Person) -> None:
        """Find this person, create them if absent, else write them over what was found."""

    @abstractmethod
    def bring_group(self, group: Group) -> None:
        """Find this group, create it without members if absent."""

    @abstractmethod
    def membership_jobs(self, group: Group) -> list[Job]:
        """Return the requests that put the group's members in; ids are looked up when they run."""

    @abstractmethod
    def update_person(self, before: Person, after: Person) -> None:
        """Write changed attributes."""

    @abstractmethod
    def switch_person(self, person: Person) -> None:
        """Write `active` as the person has it."""

    @abstractmethod
    def forget_person(self, person: Person) -> None:
        """Do what the provider does when a person is deleted from its directory."""

    @abstractmethod
    def change_members(
        self, group: Group, *, gone: tuple[Person, ...], come: tuple[Person, ...]
    ) -> None:
        """Take people out of a group and put others in."""

    @abstractmethod
    def rename_group(self, group: Group) -> None:
        """Write the group's name."""

    def delete_group(self, group: Group) -> None:
        """Delete the group."""
        self._scim.request("DELETE", f"/Groups/{self.group_ids.pop(group.key)}", expect=(204,))

    @contextmanager
    def reporting(self) -> Iterator[Report]:
        """Collect what is sent meanwhile in a report of its own."""
        started = time.perf_counter()
        report = self._scim.report = Report()
        try:
            yield report
        finally:
            self._scim.close()
            report.seconds = time.perf_counter() - started

    def find(self, path: str) -> Body | None:
        """Return the first resource that this query finds."""
        found = self._scim.request("GET", path).body.get("Resources") or []
        return found[0] if found else None

    def create(self, path: str, body: Body, lookup: str) -> str:
        """Return the id of a new resource.

        When the answer to a first copy was lost and the second meets a 409, the resource is there:
        it is looked up, as identity providers do.
        """
        answer = self._scim.request("POST", path, body, expect=(201,))
        if answer.status == 201:
            resource_id = str(answer.body["id"])
        else:
            found = self.find(lookup)
            if found is None:
                raise LookupError(f"POST {path} was answered 409, but {lookup} finds nothing")
            resource_id = str(found["id"])
        self._scim.report.created[body["externalId"]] = resource_id
        return resource_id

    def patch(self, path: str, operations: list[Body]) -> None:
        """Send these operations as one PATCH."""
        body = {"schemas": [PATCH_OP], "Operations": operations}
        self._scim.request("PATCH", path, body, expect=WRITTEN)

    def _carry(self, change: Change) -> None:
        match change:
            case people.Hired(person) | people.Rehired(person):
                self.bring_person(person)
            case people.ProfileChanged(before, after):
                self.update_person(before, after)
            case people.Deactivated(person) | people.Reactivated(person):
                self.switch_person(person)
            case people.Deleted(person):
                self.forget_person(person)
            case people.Moved(person, left, joined):
                self._carry_move(person, left, joined)
            case people.GroupCreated() | people.GroupRenamed() | people.GroupDeleted():
                self._carry_group(change)

    def _carry_move(
        self, person: Person, left: tuple[Group, ...], joined: tuple[Group, ...]
    ) -> None:
        for group in left:
            self.change_members(group, gone=(person,), come=())
        for group in joined:
            self.change_members(group, gone=(), come=(person,))

    def _carry_group(
        self, change: people.GroupCreated | people.GroupRenamed | people.GroupDeleted
    ) -> None:
        match change:
            case people.GroupCreated(group):
                self.bring_group(group)
                in_lanes(1, self.membership_jobs(group))
            case people.GroupRenamed(_, after):
                self.rename_group(after)
            case people.GroupDeleted(group):
                self.delete_group(group)


def equals(attribute: str, value: str) -> str:
    """Return `attribute eq "value"`, ready to stand in a query."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return quote(f'{attribute} eq "{escaped}"')


def _metered(job: Job, meter: ProgressMeter) -> Job:
    def run() -> None:
        job()
        meter.step()

    return run
