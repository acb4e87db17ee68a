"""A directory as an identity provider keeps it: people, groups, who is in which.

Each verb changes the directory and returns the change, which a simulated identity provider then
carries to its SCIM endpoint. One directory can feed several providers.

**Invariant:** no SCIM here, and no ids of the service provider. `key` is the directory's own id of
a person or group and what the provider sends as `externalId`; it never changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict, Unpack

from idp_fixtures import names


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here, or did."""

    key: str
    user_name: str
    given_name: str
    family_name: str
    email: str
    title: str = ""
    department: str = ""
    employee_number: str = ""
    phone: str = ""
    manager: str | None = None
    """Key of the person that this one reports to."""
    active: bool = True

    @property
    def display_name(self) -> str:
        """Given and family name with a space between."""
        return f"{self.given_name} {self.family_name}"


class Attributes(TypedDict, total=False):
    """What can be set on a person, all of it optional."""

    user_name: str
    given_name: str
    family_name: str
    email: str
    title: str
    department: str
    employee_number: str
    phone: str
    manager: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of people; `members` holds their keys in the order of joining."""

    key: str
    display_name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hired:
    """Somebody new came."""

    person: Person


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """Attributes of a person changed, the user name possibly among them."""

    before: Person
    after: Person


@dataclass(frozen=True, slots=True)
class Moved:
    """A person left some groups and joined others, as one act."""

    person: Person
    left: tuple[Group, ...]
    joined: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Deactivated:
    """A person may no longer work; the record and its memberships stay."""

    person: Person


@dataclass(frozen=True, slots=True)
class Reactivated:
    """A deactivated person may work again."""

    person: Person


@dataclass(frozen=True, slots=True)
class Deleted:
    """A person's record is gone from the directory and from every group."""

    person: Person


@dataclass(frozen=True, slots=True)
class Rehired:
    """Somebody who had left came back, under the old key or a new one."""

    person: Person


@dataclass(frozen=True, slots=True)
class GroupCreated:
    """A group came into being, with its first members."""

    group: Group


@dataclass(frozen=True, slots=True)
class GroupRenamed:
    """A group carries another name; its members are the same."""

    before: Group
    after: Group


@dataclass(frozen=True, slots=True)
class GroupDeleted:
    """A group is gone; the people who were in it are not."""

    group: Group


Change = (
    Hired
    | ProfileChanged
    | Moved
    | Deactivated
    | Reactivated
    | Deleted
    | Rehired
    | GroupCreated
    | GroupRenamed
    | GroupDeleted
)


@dataclass
class Directory:
    """People and groups of one company.

    :param domain: the mail domain of generated user names and addresses.
    :param seed: decides keys and drawn attributes; equal seeds make equal directories.
    """

    domain: str
    seed: str = "directory"
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    leavers: dict[str, Person] = field(default_factory=dict)
    """Deleted people by key, so that they can be rehired."""
    _counters: dict[str, int] = field(default_factory=dict)

    def hire(self, given_name: str, family_name: str, /, **attributes: Unpack[Attributes]) -> Hired:
        """Add a person with a user name of their own; attributes override what would be drawn."""
        key = self._next_key("00u")
        number = self._counters["00u"]
        department = names.DEPARTMENTS[
            names.draw(self.seed, "department", number) % len(names.DEPARTMENTS)
        ]
        title = names.TITLES[names.draw(self.seed, "title", number) % len(names.TITLES)]
        user_name = self._free_user_name(names.mailbox(given_name, family_name))
        person = Person(
            key=key,
            user_name=user_name,
            given_name=given_name,
            family_name=family_name,
            email=user_name,
            title=f"{department} {title}",
            department=department,
            employee_number=f"E{number:05d}",
            phone=f"+1 555 {number:07d}",
        )
        person = replace(person, **attributes)
        self.people[key] = person
        return Hired(person)

    def change_profile(self, key: str, **attributes: Unpack[Attributes]) -> ProfileChanged:
        """Give a person other attributes."""
        before = self.people[key]
        after = replace(before, **attributes)
        self.people[key] = after
        return ProfileChanged(before, after)

    def rename_user(self, key: str, user_name: str) -> ProfileChanged:
        """Give a person another user name and the same address, as after a marriage."""
        return self.change_profile(key, user_name=user_name, email=user_name)

    def move(self, key: str, *, leave: Iterable[str] = (), join: Iterable[str] = ()) -> Moved:
        """Take a person out of some groups and put them into others, by group key."""
        left = tuple(self._without(group, key) for group in leave if self._is_in(group, key))
        joined = tuple(self._with(group, key) for group in join if not self._is_in(group, key))
        return Moved(self.people[key], left, joined)

    def deactivate(self, key: str) -> Deactivated:
        """Switch a person off; memberships stay."""
        return Deactivated(self._switch(key, active=False))

    def reactivate(self, key: str) -> Reactivated:
        """Switch a person on again."""
        return Reactivated(self._switch(key, active=True))

    def delete(self, key: str) -> Deleted:
        """Take a person out of the directory; the change holds the record as it last was."""
        person = self.people.pop(key)
        self.leavers[key] = replace(person, active=False)
        for group in [group.key for group in self.groups.values() if key in group.members]:
            self._without(group, key)
        return Deleted(person)

    def rehire(self, key: str) -> Rehired:
        """Bring somebody back under the old key, whether deleted or only deactivated."""
        old = self.leavers.pop(key) if key in self.leavers else self.people[key]
        self.people[key] = replace(old, active=True)
        return Rehired(self.people[key])

    def rehire_as_new(self, key: str) -> Rehired:
        """Bring somebody back with the old user name but a new record, hence a new key."""
        old = self.leavers.pop(key) if key in self.leavers else self.people.pop(key)
        person = replace(old, key=self._next_key("00u"), active=True)
        self.people[person.key] = person
        return Rehired(person)

    def create_group(self, display_name: str, members: Iterable[str] = ()) -> GroupCreated:
        """Add a group with these people in it."""
        group = Group(self._next_key("00g"), display_name, tuple(members))
        self.groups[group.key] = group
        return GroupCreated(group)

    def rename_group(self, key: str, display_name: str) -> GroupRenamed:
        """Give a group another name."""
        before = self.groups[key]
        self.groups[key] = replace(before, display_name=display_name)
        return GroupRenamed(before, self.groups[key])

    def delete_group(self, key: str) -> GroupDeleted:
        """Take a group away."""
        return GroupDeleted(self.groups.pop(key))

    def person(self, user_name: str) -> Person:
        """Return the person of this user name, whatever its letter case."""
        wanted = user_name.casefold()
        return next(one for one in self.people.values() if one.user_name.casefold() == wanted)

    def group(self, display_name: str) -> Group:
        """Return the group of this name."""
        return next(one for one in self.groups.values() if one.display_name == display_name)

    def groups_of(self, key: str) -> list[Group]:
        """Return the groups that hold this person."""
        return [group for group in self.groups.values() if key in group.members]

    def _switch(self, key: str, *, active: bool) -> Person:
        self.people[key] = replace(self.people[key], active=active)
        return self.people[key]

    def _is_in(self, group_key: str, key: str) -> bool:
        return key in self.groups[group_key].members

    def _with(self, group_key: str, key: str) -> Group:
        group = self.groups[group_key]
        self.groups[group_key] = replace(group, members=(*group.members, key))
        return self.groups[group_key]

    def _without(self, group_key: str, key: str) -> Group:
        group = self.groups[group_key]
        rest = tuple(member for member in group.members if member != key)
        self.groups[group_key] = replace(group, members=rest)
        return self.groups[group_key]

    def _next_key(self, kind: str) -> str:
        self._counters[kind] = self._counters.get(kind, 0) + 1
        return names.okta_id(self.seed, kind, self._counters[kind])

    def _free_user_name(self, local: str) -> str:
        taken = self._counters.get(local, 0)
        self._counters[local] = taken + 1
        return f"{local}{taken + 1 if taken else ''}@{self.domain}"


def generate(
    people: int, groups: int, *, domain: str, group_size: int = 20, seed: str = "directory"
) -> Directory:
    """Return a directory of n people and m groups, the same for equal arguments.

    Groups take their members in turn, so that people are spread evenly; a group is never larger
    than the company.
    """
    directory = Directory(domain, seed)
    for number in range(people):
        given = names.GIVEN[names.draw(seed, "given", number) % len(names.GIVEN)]
        family = names.FAMILY[names.draw(seed, "family", number) % len(names.FAMILY)]
        directory.hire(given, family)
    keys = list(directory.people)
    for number in range(groups):
        first, size = number * group_size, min(group_size, people)
        members = [keys[(first + place) % people] for place in range(size)]
        directory.create_group(names.group_name(number), members)
    return directory


def scripted(directory: Directory, script: Mapping[str, tuple[str, ...]]) -> list[GroupCreated]:
    """Create groups by name with members given as user names, and return the changes."""
    return [
        directory.create_group(name, [directory.person(member).key for member in members])
        for name, members in script.items()
    ]
