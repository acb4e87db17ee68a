"""What requests and answers are made of: strict models, bounded text, pages."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: PostgreSQL cannot keep NUL, and the others only hide something."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9_.-]+$")]
Search = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]

YEARS = range(1970, 9999)
"""Years that an instant may lie in; beyond them calendars and databases overflow."""


def utc(instant: datetime) -> datetime:
    """Return the same instant in UTC.

    :raises ValueError: without an offset, or in a year out of bounds.
    """
    if instant.tzinfo is None or instant.year not in YEARS:
        raise ValueError("an instant has an offset and lies between the years 1970 and 9998")
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(utc)]

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


class Body(BaseModel):
    """A request's body: JSON types are taken as they are, unknown members are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """A request's query string: unknown and repeated parameters are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What an endpoint answers; made from a service's view by attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class PageQuery(Query):
    """How much of a list is wanted, and where it goes on."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = Field(
        default=None, description="`next_cursor` of the page before."
    )


T = TypeVar("T")


class Page(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Where the list goes on; null on the last page.")


SHOWN_ONCE: JsonDict = {"x-shown-once": True}
"""Marks a field that is never stored: the replay of an answer carries null instead."""
