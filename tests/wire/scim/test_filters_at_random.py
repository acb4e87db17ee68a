"""Filters made at random find, among users made at random, whom their meaning names."""

import random
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from tests.wire.scim.conftest import ENTERPRISE, IdP, resource
from tests.wire.scim.evaluator import Compare, Entry, Filter, Joined, Not, Present, values

USERS = 40
FILTERS = 120
"""Each is judged for every user on either database: 9 600 pairs."""

WORDS = (
    "ada", "Ada", "ADA", "Straße", "STRASSE", "ß", "zoë", "zoe\u0308", "İstanbul", "ﬁnn", "Ω",
    "日本", "🙂", "50%", "a_b", "aXb", "o'hara", 'q"t', "\\x", " x ", "[a]", "a.b", "é", "E",
)  # fmt: skip
"""Letters that fold to more or other ones, composed and not, and what SQL could take for more."""

PLAIN = ("title", "nickName", "displayName", "userType", "locale", "timezone")
SINGLE = (
    "userName", "externalId", *PLAIN, "name.familyName", "name.givenName",
    f"{ENTERPRISE}:department", f"{ENTERPRISE}:employeeNumber",
)  # fmt: skip
MULTIPLE = {
    "emails": ("value", "type", "display"),
    "phoneNumbers": ("value", "type"),
    "addresses": ("locality", "country", "streetAddress"),
    "ims": ("value", "type"),
}
TYPES = ("work", "home", "Work", "other", "mobile")
TEXT = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")


def person(chance: random.Random, number: int) -> dict[str, Any]:
    """Return a user with some of the attributes."""

    def some(*names: str) -> dict[str, Any]:
        return {name: chance.choice(WORDS) for name in names if chance.random() < 0.6}

    said: dict[str, Any] = {
        "userName": f"{chance.choice(WORDS)}.{number}",
        "active": chance.random() < 0.7,
        **some(*PLAIN, "externalId"),
        "name": some("familyName", "givenName"),
        ENTERPRISE: some("department", "employeeNumber"),
    }
    if "externalId" in said:
        said["externalId"] += f".{number}"
    for name, parts in MULTIPLE.items():
        entries = [some(*parts) for _ in range(chance.randrange(4))]
        for entry in entries:
            if "type" in entry:
                entry["type"] = chance.choice(TYPES)
        if entries and name != "addresses":
            entries[chance.randrange(len(entries))]["primary"] = True
        said[name] = [entry for entry in entries if entry]
    return said


class Filters:
    """Makes filters whose values are, or are part of, what the users have."""

    def __init__(self, chance: random.Random, users: list[dict[str, Any]]) -> None:
        self._chance = chance
        self._users = users

    def any(self, depth: int = 3) -> Filter:
        if depth and self._chance.random() < 0.6:
            return self._combined(lambda: self.any(depth - 1))
        return self._chance.choice((self._single, self._single, self._multiple, self._other))()

    def _combined(self, part: Any) -> Filter:
        if self._chance.random() < 0.3:
            return Not(part())
        count = self._chance.choice((2, 2, 3))
        return Joined(self._chance.choice(("and", "or")), [part() for _ in range(count)])

    def _single(self) -> Filter:
        path = self._chance.choice(SINGLE)
        return Present(path) if self._chance.random() < 0.1 else self._compared(path, path)

    def _multiple(self) -> Filter:
        name = self._chance.choice(list(MULTIPLE))
        part = self._chance.choice(MULTIPLE[name])
        shape = self._chance.random()
        if shape < 0.1:
            return Present(self._chance.choice((name, f"{name}.{part}")))
        if shape < 0.5:
            return self._compared(f"{name}.{part}", f"{name}.{part}")
        return Entry(name, self._inside(name, 2))

    def _inside(self, name: str, depth: int) -> Filter:
        if depth and self._chance.random() < 0.5:
            return self._combined(lambda: self._inside(name, depth - 1))
        part = self._chance.choice(MULTIPLE[name])
        shape = self._chance.random()
        if shape < 0.15:
            return Present(part)
        if shape < 0.3 and name != "addresses":
            return Compare(
                "primary", self._chance.choice(("eq", "ne")), self._chance.random() < 0.8
            )
        return self._compared(part, f"{name}.{part}")

    def _other(self) -> Filter:
        shape = self._chance.random()
        if shape < 0.3:
            return Compare("active", self._chance.choice(("eq", "ne")), self._chance.random() < 0.5)
        if shape < 0.4:
            return Compare("id", self._chance.choice(TEXT), self._of("id"))
        path = self._chance.choice(("meta.created", "meta.lastModified"))
        op = self._chance.choice(("eq", "ne", "gt", "ge", "lt", "le"))
        return Compare(path, op, self._elsewhere(self._of(path)))

    def _compared(self, path: str, place: str) -> Filter:
        return Compare(path, self._chance.choice(TEXT), self._value(place))

    def _value(self, place: str) -> str:
        """Return what somebody has there, in another case, or a part of it."""
        text = self._of(place)
        if self._chance.random() < 0.5:
            text = self._chance.choice((text.upper(), text.lower(), text.swapcase()))
        if self._chance.random() < 0.4:
            start = self._chance.randrange(len(text))
            text = text[start : start + self._chance.randint(1, 4)]
        return text

    def _of(self, place: str) -> str:
        found = [each for user in self._users for each in values(user, place)]
        return str(self._chance.choice(found or WORDS))

    def _elsewhere(self, instant: str) -> str:
        """Return the instant as somebody in another zone writes it."""
        zone = timezone(timedelta(minutes=self._chance.choice((-570, 0, 120, 345))))
        return datetime.fromisoformat(instant).astimezone(zone).isoformat()


def test_random_filters_find_whom_they_mean(okta: IdP) -> None:
    """Whatever is asked for, and by either database."""
    chance = random.Random(20)  # noqa: S311 - the same filters each time
    users = [okta.create_user(**_sent(person(chance, number))) for number in range(USERS)]
    filters = Filters(chance, users)
    wrong, telling = [], 0
    for each in [filters.any() for _ in range(FILTERS)]:
        answer = okta.get(f"/Users?count={USERS}&attributes=id&filter={quote(str(each))}")
        assert answer.status_code == 200, (str(each), answer.text)
        found = {user["id"] for user in resource(answer)["Resources"]}
        meant = {user["id"] for user in users if each.holds(user)}
        telling += 0 < len(meant) < USERS
        if found != meant:
            wrong.append((str(each), sorted(found - meant), sorted(meant - found)))
    assert wrong == []
    assert telling > FILTERS / 2


def _sent(said: dict[str, Any]) -> dict[str, Any]:
    return {"user_name": said.pop("userName"), **said}
