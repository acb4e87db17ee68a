"""Life cycles are tables; this is how a move is looked up in one."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TypeVar

from gateway.domain.errors import InvalidTransition

State = TypeVar("State", bound=StrEnum)


def require(
    table: Mapping[State, AbstractSet[State]],
    what: str,
    present: State,
    wanted: State,
    levers: Sequence[str] = (),
) -> None:
    """Refuse a move that the table does not list.

    :param what: whose life it is, as a sentence begins: `A connection`.
    :raises InvalidTransition: names both states.
    """
    if wanted not in table[present]:
        raise InvalidTransition(
            f"{what} that is {present} cannot become {wanted}.",
            levers=tuple(levers),
            present=present.value,
            wanted=wanted.value,
        )
