"""Signing in through real providers over HTTP: what it costs, and how many a second are served.

Only what the gateway has to do is measured: beginning sign-ins, and taking the answers. What the
provider does in between with the browser is waited for.
"""

import html
import http.client
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from gateway.domain.signin import OIDCAddresses, SAMLAddresses
from gateway.storage import tables as t
from idp_fixtures.directory import Person
from idp_fixtures.openid_provider import accounts as openid
from idp_fixtures.openid_provider.provider import Client
from idp_fixtures.openid_provider.server import OpenIDServer
from idp_fixtures.openid_provider.server import serving as serving_openid
from idp_fixtures.saml_idp import provider as saml
from idp_fixtures.saml_idp.server import serving as serving_saml
from idp_fixtures.saml_idp.site import Site
from tests.bench import processes
from tests.bench.client import UnexpectedAnswer
from tests.bench.measuring import Cost
from tests.bench.processes import Meter
from tests.bench.stage import KEYS, Stage
from tests.service.signin.lodge import connect

PEOPLE = 20
"""Who signs in, again and again; the first time, which links an identity, is not measured."""

TIMES = 100
"""Sign-ins of one measured run."""

RUNS = 3
LANES = 4
"""Browsers at a time, where sign-ins per second are counted."""

WORKERS = {"sqlite": (1,), "postgresql": (1, 2)}
"""Server processes whose sign-ins per second are counted; SQLite has one writer."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
CLIENT, SECRET = "gateway", "secret-of-the-bench"


@dataclass(frozen=True, slots=True)
class SignIns:
    """One protocol: CPU seconds of a sign-in, server and database, and of that verification.

    Verification is all between the message and the verb: signature, XML or token, every check.
    `rates` are sign-ins per second by number of server processes.
    """

    cpu: float
    verification: float
    rates: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered: where to, and what the browser keeps."""

    status: int
    location: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Return:
    """What the provider has the browser bring back; without a form it is an address alone."""

    path: str
    form: Mapping[str, str] | None = None


class Lane:
    """One browser's connection to the gateway."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def begin(self, login: str) -> Answer:
        """Begin a sign-in."""
        return self._asked("GET", login, None, {}, (302, 303))

    def finish(self, begun: Answer, brought: Return) -> Answer:
        """Bring the provider's answer, which must sign somebody in."""
        form = None if brought.form is None else urlencode(brought.form)
        headers = {"Cookie": begun.cookie} | ({} if form is None else FORM)
        return self._asked("GET" if form is None else "POST", brought.path, form, headers, (303,))

    def _asked(
        self,
        method: str,
        path: str,
        body: str | None,
        headers: Mapping[str, str],
        expected: Sequence[int],
    ) -> Answer:
        self._connection.request(method, path, body, dict(headers))
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status not in expected:
            code = answer.getheader("X-Sign-In-Failure")
            raise UnexpectedAnswer(
                f"{path[:60]} was answered {answer.status} {code}: {said[:300]!r}"
            )
        cookie = answer.getheader("Set-Cookie", "").partition(";")[0]
        return Answer(answer.status, answer.getheader("Location", ""), cookie)


@dataclass(frozen=True)
class BySAML:
    """A SAML provider and its connection."""

    site: Site
    slug: str

    @classmethod
    def connected(cls, stage: Stage, site: Site, people: Sequence[Person]) -> "BySAML":
        """Connect a provider where these people have accounts."""
        for each in people:
            site.add(saml.okta(each.user_name, each.email, each.display_name, ["Support"]))
        provider = site.provider
        wish = {
            "issuer": provider.entity_id,
            "sso_url": provider.sso_url,
            "certificates": [provider.key.certificate],
        }
        return cls(site, _connect(stage, "saml", wish))

    def know(self, origin: str) -> str:
        """Let the provider know the gateway at an origin; return where sign-ins begin there."""
        ours = SAMLAddresses.of(origin, self.slug)
        self.site.services.clear()
        self.site.register(requests.get(ours.metadata_url, timeout=10).content)
        return urlsplit(ours.login_url).path

    def answer(self, asked: str, user: str) -> Return:
        """Sign somebody in at the provider."""
        page = requests.get(asked, params={"user": user}, timeout=10).text
        form = {html.unescape(name): html.unescape(value) for name, value in HIDDEN.findall(page)}
        return Return(urlsplit(SAMLAddresses.of("", self.slug).acs_url).path, form)


@dataclass(frozen=True)
class ByOpenID:
    """An OpenID provider and its connection."""

    server: OpenIDServer
    slug: str

    @classmethod
    def connected(cls, stage: Stage, server: OpenIDServer, people: Sequence[Person]) -> "ByOpenID":
        """Connect a provider where these people have accounts."""
        for each in people:
            server.add(openid.okta(each.user_name, each.email, each.display_name, ["Support"]))
        published = server.provider.discovery()
        wish = {
            "issuer": server.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "subject_claim": None,
            "iss_parameter_supported": True,
            **{
                name: published[name]
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            },
        }
        return cls(server, _connect(stage, "oidc", wish))

    def know(self, origin: str) -> str:
        """Let the provider know the gateway at an origin; return where sign-ins begin there."""
        ours = OIDCAddresses.of(origin, self.slug)
        self.server.register(Client(id=CLIENT, redirect_uris=(ours.redirect_uri,), secret=SECRET))
        return urlsplit(ours.login_url).path

    def answer(self, asked: str, user: str) -> Return:
        """Sign somebody in at the provider."""
        page = requests.get(asked, params={"user": user}, timeout=10, allow_redirects=False)
        back = urlsplit(page.headers["Location"])
        return Return(f"{back.path}?{back.query}")


Way = BySAML | ByOpenID


def sign_ins(stage: Stage, folder: Path) -> dict[str, SignIns]:
    """Measure both protocols with people of the stage's directory."""
    people = stage.world.persons[:PEOPLE]
    with serving_saml() as site, serving_openid() as server:
        ways: dict[str, Way] = {
            "SAML": BySAML.connected(stage, site, people),
            "OpenID Connect": ByOpenID.connected(stage, server, people),
        }
        here = Measuring(stage, folder, server.url.removeprefix("http://"), people, ways)
        costs = here.costs()
        rates = {count: here.rates(count) for count in WORKERS[stage.kind]}
    return {
        name: SignIns(*costs[name], {count: each[name] for count, each in rates.items()})
        for name in ways
    }


@dataclass(frozen=True)
class Measuring:
    """Where sign-ins are measured: servers of their own, beside the stage's."""

    stage: Stage
    folder: Path
    provider: str
    people: Sequence[Person]
    ways: Mapping[str, Way]

    def costs(self) -> dict[str, tuple[float, float]]:
        """Return by protocol the CPU seconds of one sign-in, and of its verification."""
        told = self.folder / "verification.json"
        with self._served("-m", "tests.bench.judged", str(told)) as served:
            logins = {name: self._warmed(way, served) for name, way in self.ways.items()}
            os.kill(served.meter.roots[0], signal.SIGUSR1)
            cpu = {
                name: median(self._round(way, logins[name], served, TIMES).cpu for _ in range(RUNS))
                for name, way in self.ways.items()
            }
        judged = json.loads(told.read_text())
        return {name: (cpu[name] / TIMES, judged[name] / (RUNS * TIMES)) for name in self.ways}

    def rates(self, workers: int) -> dict[str, float]:
        """Return sign-ins per second by protocol, of a server of so many processes."""
        serve = ("-m", "gateway.cli", "serve", "--workers", str(workers), "--port")
        found = {}
        with self._served(*serve) as served:
            for name, way in self.ways.items():
                login = self._warmed(way, served)
                runs = [self._round(way, login, served, TIMES, LANES) for _ in range(RUNS)]
                found[name] = TIMES / median(run.wall for run in runs)
        return found

    def _warmed(self, way: Way, served: "Served") -> str:
        """Let everybody sign in once; return where sign-ins begin."""
        login = way.know(served.origin)
        self._round(way, login, served, PEOPLE, LANES)
        return login

    def _round(self, way: Way, login: str, served: "Served", times: int, lanes: int = 1) -> Cost:
        """Sign people in; return what all of it took of the gateway."""
        users = [self.people[number % len(self.people)].user_name for number in range(times)]
        with _lanes(served.port, lanes) as free:
            begun, first = served.used(
                lambda: _each(free, lambda lane, _: lane.begin(login), users)
            )
            brought = [
                (answer, way.answer(answer.location, user))
                for answer, user in zip(begun, users, strict=True)
            ]
            _, second = served.used(lambda: _each(free, lambda lane, x: lane.finish(*x), brought))
        return Cost(first.cpu + second.cpu, first.wall + second.wall)

    @contextmanager
    def _served(self, *serve: str) -> Iterator["Served"]:
        """Serve the stage's database by a server that may ask the provider."""
        port = processes.free_port()
        settings = {
            "GATEWAY_BASE_URL": f"http://127.0.0.1:{port}",
            "GATEWAY_DATABASE_URL": self.stage.url,
            "GATEWAY_ENCRYPTION_KEYS": KEYS,
            "GATEWAY_OUTBOUND_ALLOW": self.provider,
            "GATEWAY_NOT_PRODUCTION": "true",
        }
        log = self.folder / "sign-in.log"
        with processes.running([*serve, str(port)], port, "/readyz", settings, log) as pid:
            yield Served(port, Meter((pid,), self.stage.server.meter.database))


@dataclass(frozen=True)
class Served:
    """A server, and what it uses."""

    port: int
    meter: Meter

    @property
    def origin(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def used(self, act: Callable[[], list[Any]]) -> tuple[list[Any], Cost]:
        """Do something; return what came of it, and what it took of server and database."""
        cpu, started = self.meter.read(), time.perf_counter()
        found = act()
        wall = time.perf_counter() - started
        return found, Cost(self.meter.read() - cpu, wall)


@contextmanager
def _lanes(port: int, count: int) -> Iterator["SimpleQueue[Lane]"]:
    free: SimpleQueue[Lane] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(count):
            free.put(stack.enter_context(closing(Lane(port))))
        yield free


def _each(
    free: "SimpleQueue[Lane]", act: Callable[[Lane, Any], Answer], items: Sequence[Any]
) -> list[Any]:
    """Do something for every item, as many at a time as there are lanes."""

    def one(item: Any) -> Answer:
        lane = free.get()
        try:
            return act(lane, item)
        finally:
            free.put(lane)

    with ThreadPoolExecutor(free.qsize()) as pool:
        return list(pool.map(one, items))


def _connect(stage: Stage, protocol: str, wish: dict[str, Any]) -> str:
    """Connect a provider; return what names the connection in our addresses."""
    with stage.working() as work:
        made = connect(work, stage.world.organisation_id, protocol, wish)
        with work.read(stage.world.organisation_id) as uow:
            return str(uow.load(t.sso_connections, made).slug)
