"""Whose request is next: the order in which a server's threads serve organisations."""

import threading
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from gateway.turns import ABROAD, LARGE, QUICK, STRANGERS, Owners, Turn, Turns
from gateway.wsgi import ORGANISATION, VISITED

ACME, GLOBEX = UUID(int=1), UUID(int=2)


@dataclass
class Received:
    """What the server has read of a request."""

    headers: dict[str, str]
    body_bytes_received: int = 0
    command: str = "GET"
    path: str = "/"


@dataclass
class Channel:
    """A connection with one request."""

    lane: str
    size: int = 0
    addr: tuple[str, int] = ("192.0.2.1", 4711)
    requests: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Receive the request."""
        self.requests = [Received({"AUTHORIZATION": self.lane}, self.size)]


def queue(threads: int) -> Turns:
    def place(channel: Channel) -> str | None:
        return channel.lane if channel.lane.startswith("abroad ") else None

    return Turns(threads, threading.Lock(), lambda channel: channel.lane, place)


def come(turns: Turns, *lanes: str, size: int = 0) -> None:
    for lane in lanes:
        turns.append(Channel(lane, size))


def begin(turns: Turns) -> Turn:
    with turns.lock:
        assert len(turns) > 0
        return turns.popleft()


def work_off(turns: Turns, seconds: float) -> str:
    """Serve one request in so long; return whose it was."""
    turn = begin(turns)
    turn.done(turn, seconds)
    lane: str = turn.task.lane
    return lane


def test_a_flood_lets_others_pass() -> None:
    turns = queue(1)
    come(turns, *["flood"] * 100, "one", "one", "two")
    assert {work_off(turns, 0.01) for _ in range(3)} == {"flood", "one", "two"}


def test_who_has_used_less_time_is_served_more_often() -> None:
    turns = queue(1)
    come(turns, *["heavy"] * 50, *["light"] * 50)
    order = [work_off(turns, 0.5) for _ in range(2)]
    assert set(order) == {"heavy", "light"}
    served = []
    for _ in range(40):
        turn = begin(turns)
        turn.done(turn, 0.5 if turn.task.lane == "heavy" else 0.05)
        served.append(turn.task.lane)
    assert served.count("light") >= 9 * served.count("heavy") - 9


def test_a_lane_gains_nothing_by_its_absence() -> None:
    turns = queue(1)
    come(turns, *["busy"] * 20)
    for _ in range(10):
        work_off(turns, 1.0)
    come(turns, *["late"] * 20)
    served = [work_off(turns, 1.0) for _ in range(10)]
    assert 4 <= served.count("late") <= 6


def test_half_of_the_threads_are_kept_for_the_quick() -> None:
    turns = queue(4)
    come(turns, *["slow"] * 20)
    for _ in range(5):
        work_off(turns, 10 * QUICK)
    begin(turns)
    second = begin(turns)
    assert len(turns) == 0
    come(turns, "quick", "quick")
    assert [begin(turns).task.lane, begin(turns).task.lane] == ["quick", "quick"]
    second.done(second, 1.0)
    assert len(turns) == 0


def test_where_everything_is_slow_the_quicker_ones_are_quick() -> None:
    turns = queue(2)
    come(turns, *["hour"] * 9, *["minute"] * 9)
    for _ in range(18):
        turn = begin(turns)
        turn.done(turn, 3600.0 if turn.task.lane == "hour" else 60.0)
    come(turns, "hour", "hour")
    begin(turns)
    assert len(turns) == 0
    come(turns, "minute")
    assert begin(turns).task.lane == "minute"


def test_a_server_with_one_thread_serves_everybody() -> None:
    turns = queue(1)
    come(turns, *["slow"] * 5)
    assert [work_off(turns, 1.0) for _ in range(5)] == ["slow"] * 5
    come(turns, "slow", size=LARGE + 1)
    assert work_off(turns, 1.0) == "slow"


def test_one_large_body_is_read_at_a_time() -> None:
    turns = queue(4)
    come(turns, "one", "two", size=LARGE + 1)
    first = begin(turns)
    assert len(turns) == 0
    come(turns, "three")
    assert begin(turns).task.lane == "three"
    first.done(first, 0.01)
    assert begin(turns).task.lane == "two"


def abroad(turns: Turns, *lanes: str) -> list[Turn]:
    """Let requests come that may wait outside, and begin what may begin."""
    come(turns, *(f"abroad {lane}" for lane in lanes))
    begun = []
    while len(turns):
        begun.append(begin(turns))
    return begun


def test_who_waits_outside_takes_no_thread_of_the_others() -> None:
    turns = queue(2)
    waiting = abroad(turns, *["acme"] * 20)
    assert len(waiting) == ABROAD // 2, "one organisation leaves the other half"
    waiting += abroad(turns, *["globex"] * 20, *["initech"] * 20)
    assert len(waiting) == ABROAD
    come(turns, "slow", "quick", "late")
    assert [begin(turns).task.lane, begin(turns).task.lane] == ["slow", "quick"]
    assert len(turns) == 0, "as many as without those who wait outside"


def test_whoever_waits_outside_for_long_stays_behind_who_does_not() -> None:
    turns = queue(2)
    for turn in abroad(turns, "acme", "globex"):
        turn.done(turn, 10.0 if "acme" in turn.task.lane else 0.1)
    come(turns, *["abroad acme"] * 3, *["abroad globex"] * 3)
    assert begin(turns).task.lane == "abroad globex"


@pytest.mark.parametrize(
    ("asked", "whose"),
    [
        ("GET /oidc/slug/callback", "slug"),
        ("HEAD /oidc/slug/callback", "slug"),
        ("POST /oidc/slug/backchannel-logout", "slug"),
        ("POST /oidc/known/callback", str(ACME)),
        (f"POST /api/v1/organisations/{ACME}/oidc-connections", str(ACME)),
        (f"PATCH /api/v1/organisations/{ACME}/saml-connections/{GLOBEX}", str(ACME)),
        (f"POST /api/v1/organisations/{ACME}/oidc-connections/{GLOBEX}:refresh", str(ACME)),
        (f"POST /api/v1/organisations/{ACME}/domains/{GLOBEX}:verify", str(ACME)),
        (f"GET /api/v1/organisations/{ACME}/oidc-connections", None),
        (f"POST /api/v1/organisations/{ACME}/oidc-connections/{GLOBEX}:test", None),
        ("GET /oidc/slug/login", None),
        ("POST /saml/slug/acs", None),
        ("GET /", None),
    ],
)
def test_what_may_wait_outside_is_known_by_its_address(asked: str, whose: str | None) -> None:
    owners = Owners()
    owners.note({VISITED: ACME, "PATH_INFO": "/oidc/known/login"})
    channel = Channel("Bearer a")
    channel.requests[0].command, channel.requests[0].path = asked.split()
    assert owners.abroad(channel) == whose


def test_a_credential_has_the_lane_of_what_it_opened_and_a_guess_has_none() -> None:
    owners = Owners()
    for credential, organisation in (("Bearer a", ACME), ("Bearer b", ACME), ("Bearer c", GLOBEX)):
        owners.note({"HTTP_AUTHORIZATION": credential, ORGANISATION: organisation})
    owners.note({"HTTP_AUTHORIZATION": "Bearer refused"})
    lanes = {name: owners.lane_of(Channel(f"Bearer {name}")) for name in ("a", "b", "c", "refused")}
    assert lanes == {"a": ACME, "b": ACME, "c": GLOBEX, "refused": STRANGERS}
    assert owners.lane_of(Channel("")) == "192.0.2.1"


def test_what_a_request_takes_counts_even_if_it_fails() -> None:
    class Broken(Channel):
        def service(self) -> None:
            raise KeyError

    turns = queue(2)
    turns.append(Broken("one"))
    turn = begin(turns)
    with pytest.raises(KeyError):
        turn.service()
    assert turn.lane.working == 0
