"""Published keys under pressure: one asks at a time, nobody is asked without end."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from uuid import UUID

import pytest

from gateway.domain.judging import Unacceptable
from gateway.net.http import Reply
from gateway.oidc import keys as published
from gateway.oidc.keys import Keys, Seeker
from idp_fixtures.openid_provider.keys import spare
from tests.clock import Clock
from tests.unit.oidc.bench import JWKS, OURS, Shelf, keys_of, publishing

SIGNS_IN, LOGS_OUT = Seeker(UUID(int=7), asked=True), Seeker(UUID(int=7), asked=False)
NEIGHBOUR = Seeker(UUID(int=8), asked=True)


@dataclass(frozen=True)
class Slow(Shelf):
    """Answers when it is let."""

    reached: Event = field(default_factory=Event)
    let: Event = field(default_factory=Event)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        self.reached.set()
        assert self.let.wait(10)
        return super().get(url, headers)


def find(keys: Keys, seeker: Seeker, name: str = "ours") -> str | None:
    """Look for a key; return the code of its refusal."""
    try:
        keys.find(JWKS, name, "RS256", seeker)
    except Unacceptable as refused:
        return refused.code
    return None


def test_while_one_asks_a_sign_in_waits_and_what_nobody_asked_for_does_not() -> None:
    shelf = Slow(documents=publishing(OURS.jwk).documents)
    keys = keys_of(shelf)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(find, keys, SIGNS_IN)
        assert shelf.reached.wait(10)
        second = pool.submit(find, keys, NEIGHBOUR)
        assert find(keys, LOGS_OUT) == "provider_unreachable"
        shelf.let.set()
        assert (first.result(10), second.result(10)) == (None, None)
    assert len(shelf.asked) == 1


def test_who_has_just_failed_is_left_alone_for_a_while() -> None:
    clock, shelf = Clock(), Shelf()
    keys = keys_of(shelf, clock)
    for _ in range(5):
        assert find(keys, SIGNS_IN) == "provider_unreachable"
    assert len(shelf.asked) == 1
    shelf.documents.update(publishing(OURS.jwk).documents)
    clock.advance(published.AFTER_FAILURE)
    assert find(keys, SIGNS_IN) is None


def test_keys_that_are_known_serve_while_a_look_for_others_fails() -> None:
    shelf = publishing(OURS.jwk)
    keys = keys_of(shelf)
    assert find(keys, SIGNS_IN) is None
    shelf.documents.clear()
    assert find(keys, LOGS_OUT, "unheard") == "provider_unreachable"
    assert find(keys, SIGNS_IN) is None


@pytest.mark.parametrize("flood", [LOGS_OUT, NEIGHBOUR])
def test_a_flood_of_unknown_keys_takes_no_turn_from_anybody_else(flood: Seeker) -> None:
    """A key that is new stays found at once, whoever names unknown ones meanwhile."""
    shelf, new = publishing(OURS.jwk), spare("RS256", kid="new")
    keys = keys_of(shelf)
    for number in range(20):
        assert find(keys, flood, f"unheard-{number}") == "key_unknown"
    assert len(shelf.asked) == 2
    shelf.documents.update(publishing(OURS.jwk, new.jwk).documents)
    assert find(keys, SIGNS_IN, "new") is None


def test_keys_are_asked_for_more_briefly_than_anything_else() -> None:
    shelf = Shelf()
    assert keys_of(shelf).client.deadline == published.DEADLINE < shelf.deadline
