"""How much one connection may send, and that nobody else pays for it."""

import contextlib
import json
import os
import signal
from threading import Thread
from uuid import UUID

import pytest

from gateway.domain.errors import RateLimited
from gateway.scim.allowance import SHELVES, Allowances
from gateway.settings import Settings
from tests.wire.scim.conftest import BULK, IdP, refusal, user

ONE, TWO = UUID(int=1), UUID(int=2)


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The present second."""
        return self.now


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Three requests at once, and no more for as long as a test lasts."""
    return settings.model_copy(update={"scim_rate": 0.001, "scim_burst": 3})


def test_a_bucket_gives_its_burst_and_then_the_rate() -> None:
    clock = Seconds()
    allowances = Allowances(rate=25, burst=50, clock=clock)
    for _ in range(50):
        allowances.take(ONE)
    with pytest.raises(RateLimited) as refused:
        allowances.take(ONE)
    assert refused.value.details == {"retry_after": 1}
    for _ in range(100):
        clock.now += 1 / 25 + 1e-9
        allowances.take(ONE)


def test_a_request_is_not_late_for_having_waited_behind_another() -> None:
    other = Thread(target=lambda: allowances.take(ONE))

    def clock() -> float:
        if other.ident is not None:
            return 1010.0
        other.start()
        other.join(0.2)  # goes first, if it can
        return 1000.0

    allowances = Allowances(rate=1, burst=1, clock=clock)
    allowances.take(ONE)
    other.join()


def test_a_refused_request_draws_nothing() -> None:
    clock = Seconds()
    allowances = Allowances(rate=25, burst=1, clock=clock)
    allowances.take(ONE)
    for _ in range(100):
        with pytest.raises(RateLimited):
            allowances.take(ONE)
    clock.now += 0.05
    allowances.take(ONE)


def test_a_thousand_floods_leave_the_next_connection_its_own_allowance() -> None:
    allowances = Allowances(rate=25, burst=2, clock=Seconds())
    for _ in range(2):
        allowances.take(ONE)
    for _ in range(1000):
        with pytest.raises(RateLimited):
            allowances.take(ONE)
    allowances.take(TWO)


def test_processes_draw_from_one_bucket_and_a_killed_one_holds_up_nobody() -> None:
    allowances = Allowances(rate=0.001, burst=40)
    children = [_spending_child(allowances) for _ in range(2)]
    spent = [os.read(child, 100) for child in children]
    assert sum(map(len, spent)) == 40
    with pytest.raises(RateLimited):
        allowances.take(ONE)
    allowances.take(TWO)


def _spending_child(allowances: Allowances) -> int:
    """Let a process take what it gets, a byte for each, and be killed; return where to read it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(RateLimited):
            while True:
                allowances.take(ONE)
                os.write(writing, b".")
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.waitpid(pid, 0)
    return reading


def test_of_nine_on_a_shelf_the_one_nearest_to_full_is_forgotten() -> None:
    """Nobody gains more than a full bucket, and whoever floods is remembered."""
    allowances = Allowances(rate=0.001, burst=2)
    shelf = [UUID(int=number * SHELVES + 5) for number in range(1, 10)]
    for each in shelf[:8]:
        allowances.take(each)
    allowances.take(shelf[0])
    allowances.take(shelf[8])
    with pytest.raises(RateLimited):
        allowances.take(shelf[0])


def flood(idp: IdP) -> None:
    """Send until the connection's allowance is used up."""
    for _ in range(100):
        if idp.get("/Users").status_code == 429:
            return
    raise AssertionError("a flood is held back")


def test_one_connections_flood_is_refused_in_scims_form_and_hurts_nobody_else(
    okta: IdP, other: IdP
) -> None:
    flood(okta)
    answer = okta.send("POST", "/Users", user("late@acme.test"))
    assert refusal(answer) == (429, None)
    assert int(answer.headers["Retry-After"]) >= 1
    assert json.loads(answer.text)["detail"].startswith("A connection sends at most ")
    assert other.get("/Users").status_code == 200
    assert okta.client.get("/healthz").status_code == 200
    assert okta.client.get("/api/v1/me").status_code != 429


def test_a_flood_without_the_token_uses_up_no_allowance(okta: IdP) -> None:
    for _ in range(20):
        assert okta.get("/Users", Authorization="Bearer guessed").status_code == 401
    assert okta.get("/Users").status_code == 200


def test_every_operation_of_a_bulk_request_is_counted(okta: IdP) -> None:
    operation = {"method": "DELETE", "path": "/Users/nobody"}
    answer = okta.send("POST", "/Bulk", {"schemas": [BULK], "Operations": [operation] * 4})
    assert answer.status_code == 200
    assert refusal(okta.get("/Users")) == (429, None)
