"""What identity providers do differently, as data: named deviations and who may commit them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from scim2_models import (
    InvalidFilterException,
    InvalidPathException,
    InvalidSyntaxException,
    InvalidValueException,
    MutabilityException,
    SCIMException,
)

MICROSOFT = "http://schemas.microsoft.com/"


@dataclass(frozen=True, slots=True)
class Deviation:
    """A departure from the RFCs that we understand: its name, sense, and refusal when strict."""

    name: str
    meaning: str
    refusal: type[SCIMException]


OPERATOR_CASE = Deviation(
    "operator_case", "PATCH operators spelled Add, Replace, Remove", InvalidSyntaxException
)
TEXT_BOOLEAN = Deviation(
    "text_boolean", 'a boolean sent as text: "True", "false"', InvalidValueException
)
TEXT_FOR_COMPLEX = Deviation(
    "text_for_complex", "a bare value where an object is due, as in manager", InvalidValueException
)
LIST_FOR_SINGLE = Deviation(
    "list_for_single", "a list of one where a single value is due", InvalidValueException
)
SINGLE_FOR_LIST = Deviation(
    "single_for_list", "a single value where a list is due", InvalidValueException
)
UNKNOWN_ATTRIBUTE = Deviation(
    "unknown_attribute", "an attribute that no schema of ours declares", InvalidValueException
)
UNKNOWN_SCHEMA = Deviation(
    "unknown_schema", "a schema URN that we do not serve", InvalidSyntaxException
)
SCHEMAS_MISSING = Deviation(
    "schemas_missing", "a body without the schema URN that it follows", InvalidSyntaxException
)
READ_ONLY_IN_PATCH = Deviation(
    "read_only_in_patch", "id, meta or groups in the value of a PATCH", MutabilityException
)
REMOVE_BY_VALUE = Deviation(
    "remove_by_value", "what to remove is listed in the value of a remove", InvalidValueException
)
PATH_IN_KEY = Deviation(
    "path_in_key", "paths as keys of a PATCH value: name.givenName, URNs", InvalidPathException
)
UNQUALIFIED_EXTENSION = Deviation(
    "unqualified_extension", "an extension's attribute without its URN", InvalidPathException
)
SUB_ATTRIBUTE_AFTER_FILTER = Deviation(
    "sub_attribute_after_filter",
    'a comparison after a value path: emails[type eq "work"].value eq "x"',
    InvalidFilterException,
)

DEVIATIONS: tuple[Deviation, ...] = (
    OPERATOR_CASE,
    TEXT_BOOLEAN,
    TEXT_FOR_COMPLEX,
    LIST_FOR_SINGLE,
    SINGLE_FOR_LIST,
    UNKNOWN_ATTRIBUTE,
    UNKNOWN_SCHEMA,
    SCHEMAS_MISSING,
    READ_ONLY_IN_PATCH,
    REMOVE_BY_VALUE,
    PATH_IN_KEY,
    UNQUALIFIED_EXTENSION,
    SUB_ATTRIBUTE_AFTER_FILTER,
)
EVERYTHING = frozenset(DEVIATIONS)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one identity provider speaks, and how it wants to be answered.

    `agents` are parts of its User-Agent, in lower case; `transcript` begins the names of the
    request sequences that show its habits.
    """

    name: str
    agents: tuple[str, ...] = ()
    tolerates: frozenset[Deviation] = EVERYTHING
    group_patch_answers: bool = True
    media_type: str = "application/scim+json"
    transcript: str = ""


STRICT = Dialect("strict", tolerates=frozenset())
UNKNOWN = Dialect("unknown")
OKTA = Dialect("okta", agents=("okta",), transcript="okta")
ENTRA = Dialect(
    "entra",
    agents=("azure", "microsoft", "entra"),
    group_patch_answers=False,
    transcript="entra",
)
ONELOGIN = Dialect(
    "onelogin", agents=("onelogin",), media_type="application/json", transcript="onelogin"
)
GOOGLE = Dialect("google", agents=("google",), transcript="google")
JUMPCLOUD = Dialect("jumpcloud", agents=("jumpcloud",), transcript="jumpcloud")
DIALECTS: Mapping[str, Dialect] = {
    each.name: each for each in (STRICT, OKTA, ENTRA, ONELOGIN, GOOGLE, JUMPCLOUD)
}


@dataclass
class Reading:
    """One request as it is understood: in which dialect, with which deviations so far."""

    dialect: Dialect = UNKNOWN
    deviations: Counter[str] = field(default_factory=Counter)

    def tolerate(self, deviation: Deviation, detail: str) -> None:
        """Count a deviation that the dialect may commit; refuse any other."""
        if deviation not in self.dialect.tolerates:
            raise deviation.refusal(detail=detail)
        self.deviations[deviation.name] += 1


def _operations(body: Any) -> list[Any]:
    found = body.get("Operations") if isinstance(body, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _capital_operators(body: Any) -> bool:
    return any(each.get("op") in ("Add", "Replace", "Remove") for each in _operations(body))


def _microsoft_schema(body: Any) -> bool:
    named = body.get("schemas") if isinstance(body, dict) else None
    return isinstance(named, list) and any(str(urn).startswith(MICROSOFT) for urn in named)


def _renames_by_id(body: Any) -> bool:
    values = (each.get("value") for each in _operations(body) if "path" not in each)
    return any(isinstance(v, dict) and {"id", "displayName"} <= v.keys() for v in values)


CLUES: tuple[tuple[Dialect, Callable[[Any], bool]], ...] = (
    (ENTRA, _capital_operators),
    (ENTRA, _microsoft_schema),
    (OKTA, _renames_by_id),
)
"""Body shapes that only one provider sends."""


def detect(user_agent: str | None, body: Any = None) -> Dialect | None:
    """Return whose request this looks like, or None: the sender's name first, then the body."""
    named = _named(user_agent or "")
    return named or next((dialect for dialect, clue in CLUES if clue(body)), None)


@lru_cache(maxsize=256)
def _named(user_agent: str) -> Dialect | None:
    sender = user_agent.lower()
    for dialect in DIALECTS.values():
        if any(part in sender for part in dialect.agents):
            return dialect
    return None


def chosen(setting: str, detected: Dialect | None, remembered: str | None) -> Dialect:
    """Return the dialect of a request: as the admin set it, as it shows, as it showed before."""
    if setting in DIALECTS:
        return DIALECTS[setting]
    return detected or DIALECTS.get(remembered or "") or UNKNOWN
