"""The declaration of an endpoint: all that routing, validation, permission and OpenAPI read.

The function's signature is part of it. `body`, `query` and the return type name the models;
`uow` is the open unit of work, `here` the one about the person whose session asks, `page` the
wished page of a list, `call` who asks and through what, `prepared` what was asked of others before
the unit opened; every other parameter is an id of the path.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import NoneType
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel

from gateway.domain.errors import GatewayError, StepUpRequired
from gateway.domain.permissions import ACTIONS, BOT_ATOMS, SECTION_ATOMS
from gateway.services.exports import Download

PREFIX = "/api/v1"
ORGANISATION = "organisation"
CHATBOT = "chatbot"
LINK_NAME = "link"
"""The part of a path that is an invitation's link, no id."""

LINK_LENGTH = 43
"""Characters of a link: 256 bits, URL-safe."""

GIVEN = frozenset({"uow", "here", "body", "query", "page", "call", "prepared"})
"""Parameters that the dispatcher gives; the others are ids of the path."""

Function = Callable[..., Any]
Declared = TypeVar("Declared", bound=Function)
Refusals = tuple[type[GatewayError], ...]


@dataclass(frozen=True, slots=True)
class Allow:
    """Who may ask: whose access holds an atom, operators, whoever signs in or has a link."""

    atom: str | None = None
    operator: bool = False
    anyone: bool = False
    person: bool = False
    fresh: bool = False
    link: bool = False
    beyond_plan: bool = False


OPERATOR = Allow(operator=True)
"""Operators alone."""

ANYONE = Allow(operator=True, anyone=True, person=True)
"""Every caller with a live key or session."""

PERSON = Allow(person=True)
"""People with a live session, about themselves."""


LINK = Allow(link=True)
"""Whoever has the invitation's link."""

LINK_AND_SESSION = Allow(link=True, person=True)
"""People with a live session who have the invitation's link."""


def holds(atom: str) -> Allow:
    """Callers whose effective access holds the atom."""
    return Allow(atom)


def holds_or_operator(atom: str) -> Allow:
    """Callers whose effective access holds the atom, and operators."""
    return Allow(atom, operator=True)


def freshly(allow: Allow) -> Allow:
    """The same callers, in a session whose person proved a moment ago who they are."""
    return replace(allow, fresh=True)


def beyond_plan(allow: Allow) -> Allow:
    """The same callers, also once the plan has lost the feature: they may still look and end."""
    return replace(allow, beyond_plan=True)


@dataclass(frozen=True)
class Endpoint:
    """One method of one path, declared once.

    `tagged` gives the answer an ETag, and makes a change honour If-Match. `prepare` is called with
    call, body and ids before the unit opens, and may ask the outside world.
    """

    method: str
    path: str
    allow: Allow
    function: Function
    status: int
    tagged: bool
    errors: Refusals
    prepare: Function | None = None

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Parameter → its type, and `return`."""
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def wants(self) -> frozenset[str]:
        """Names of the parameters that the function takes."""
        return frozenset(inspect.signature(self.function).parameters)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids in the path, in their order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the request's body."""
        return self.hints.get("body")

    @property
    def query(self) -> type[BaseModel] | None:
        """The model of the query string, without the parameters of paging."""
        return self.hints.get("query")

    @property
    def answer(self) -> type[BaseModel] | None:
        """The model of the answer; nothing where the answer is 204 or a file."""
        answer = self.hints["return"]
        return None if answer in (NoneType, Download) else answer

    @property
    def downloads(self) -> bool:
        """Whether the answer is a file, written while it is read."""
        return self.hints["return"] is Download

    @property
    def pages(self) -> bool:
        """Whether it lists page by page."""
        return "page" in self.wants

    @property
    def writes(self) -> bool:
        """Whether it may change rows."""
        return self.method != "GET"

    @property
    def scoped(self) -> bool:
        """Whether it lies inside one organisation; a change outside of all founds one."""
        return ORGANISATION in self.ids

    @property
    def personal(self) -> bool:
        """Whether it is about the person whose session asks."""
        return "here" in self.wants

    @property
    def on_chatbot(self) -> bool:
        """Whether its permission is asked about the chatbot of the path."""
        return self.allow.atom in BOT_ATOMS or self.allow.atom in SECTION_ATOMS

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def details(self) -> str:
        """What its sentence leaves out."""
        said = (inspect.getdoc(self.function) or "").partition("\n")[2]
        return said.partition(":raises")[0].strip()

    @property
    def operation(self) -> str:
        """Its name in the document: noun and verb."""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    @property
    def tag(self) -> str:
        """The noun that it belongs to."""
        return self.function.__module__.rpartition(".")[2].replace("_", " ")

    def check(self) -> None:
        """Refuse a declaration that contradicts itself; runs at import."""
        ids = self.wants - GIVEN
        wrong = [
            self.allow.atom is not None and self.allow.atom not in ACTIONS,
            not self.summary,
            "return" not in self.hints,
            not ids <= set(self.ids),
            self.on_chatbot and CHATBOT not in self.ids,
            (self.answer is None) != (self.status == 204 or self.downloads),
            self.downloads and not (self.writes and self.scoped),
            "uow" in self.wants and not (self.scoped or self.writes or self.allow.link),
            self.allow.link != (LINK_NAME in self.ids),
            self.pages and self.writes,
            self.personal and not self.allow.person,
            ("prepared" in self.wants) != (self.prepare is not None),
        ]
        if any(wrong):
            raise TypeError(f"{self.method} {self.path} contradicts itself: {wrong.index(True)}")


@dataclass
class Endpoints:
    """The endpoints of one noun."""

    declared: list[Endpoint] = field(default_factory=list)

    def __iter__(self) -> Iterator[Endpoint]:
        """Yield them in the order of their declaration."""
        return iter(self.declared)

    def endpoint(
        self,
        route: str,
        allow: Allow,
        *,
        status: int = 200,
        tagged: bool = False,
        errors: Refusals = (),
        prepare: Function | None = None,
    ) -> Callable[[Declared], Declared]:
        """Declare the function that follows as an endpoint; it stays callable as it is.

        :param route: method and path below the API's prefix, as in `GET /organisations`.
        """
        method, path = route.split(" ")

        def declare(function: Declared) -> Declared:
            refusals = (*errors, StepUpRequired) if allow.fresh else errors
            declared = Endpoint(method, path, allow, function, status, tagged, refusals, prepare)
            declared.check()
            self.declared.append(declared)
            return function

        return declare
