"""How the judging of one message ends early, and how each step leaves its tick or cross."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.domain.errors import SignInFailed
from gateway.domain.signin import Trace


class Unacceptable(Exception):
    """A message breaks a rule: a stable code of failed sign-ins, and what an admin may read."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Step:
    """One check under way; `detail` is what its tick will say."""

    detail = ""


@contextmanager
def step(trace: Trace, name: str) -> Iterator[Step]:
    """Tick the check when its block ends, or cross it and end the sign-in.

    :raises SignInFailed: the block found something unacceptable.
    """
    under_way = Step()
    try:
        yield under_way
    except Unacceptable as found:
        trace.cross(name, found.detail)
        trace.code = found.code
        raise SignInFailed(found.code) from None
    trace.tick(name, under_way.detail)
