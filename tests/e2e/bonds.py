"""A connection of a served organisation, asked as its identity provider asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.app import TimeOrderedIds, utc_now
from gateway.services import scim_tokens
from gateway.storage.engine import open_engines
from gateway.storage.unit_of_work import Work
from tests import factories
from tests.e2e.programs import Server, ask
from tests.factories import House

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
WORKERS = {"sqlite": 1, "postgresql": 2}


@dataclass(frozen=True)
class Bond:
    """One connection and its token at a server."""

    server: Server
    house: House
    token: str

    @property
    def path(self) -> str:
        """Where the connection's SCIM service is."""
        return f"/scim/v2/{self.house.connection.id}"

    def ask(self, method: str, place: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of one request."""
        return ask(f"{self.server.base_url}{self.path}{place}", self.token, method, body)

    def make_user(self, name: str) -> str:
        """Create a user; return the id."""
        status, body = self.ask("POST", "/Users", user(name))
        assert status == 201, body
        return str(body["id"])


def user(name: str) -> dict[str, Any]:
    """A user as a provider sends it."""
    return {"schemas": [USER], "userName": name, "active": True}


def bulk_of_users(prefix: str, count: int) -> dict[str, Any]:
    """A Bulk request that creates so many users."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": user(f"{prefix}{n:05d}")}
        for n in range(count)
    ]
    return {"schemas": [BULK], "Operations": operations}


def bond(work: Work, server: Server, slug: str) -> Bond:
    """Make an organisation with a connection and a token."""
    house = factories.house(work, slug)
    issued = work.run(
        house.organisation_id,
        factories.OPERATOR,
        lambda uow: scim_tokens.issue(uow, house.connection.id, "test"),
    )
    return Bond(server, house, issued.secret)


@contextmanager
def opened(database: str) -> Iterator[Work]:
    """Units of work under the clock that the served processes have."""
    engines = open_engines(database)
    try:
        yield Work(engines, clock=utc_now, new_id=TimeOrderedIds(utc_now))
    finally:
        engines.dispose()


def megabytes(server: Server) -> float:
    """Return what the server's largest process has ever held in memory (VmHWM)."""
    return max(_status(pid, "VmHWM") for pid in server.program.children())


def forget_peak(server: Server) -> None:
    """Let the measure of memory begin anew."""
    for pid in server.program.children():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) * 1024 / 1e6
