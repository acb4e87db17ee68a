"""The HTTP side of a provisioning agent: keep-alive, retries, and a journal of what was answered.

**Invariant:** an answer that the caller did not expect is raised, never swallowed; a write enters
the journal only after its 2xx has been read in full.
"""

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

Body = dict[str, Any]

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
ANSWERS_TO_A_REPEAT = {"POST": frozenset({409}), "DELETE": frozenset({404})}
"""What a repeated write may meet when its first copy, whose answer was lost, had taken effect."""


class Journal(Protocol):
    """Takes one entry per acknowledged write; a plain list is one."""

    def append(self, entry: Body, /) -> None:
        """Keep an entry."""


class JSONLJournal:
    """A journal in a file, one JSON object a line, each line on disk before the next request."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def append(self, entry: Body, /) -> None:
        """Write an entry down."""
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read in full.

    `headers` has its names in lower case; `body` is the JSON object, empty if there was none.
    """

    status: int
    headers: Mapping[str, str]
    body: Body
    repeated: bool = False
    """Whether an earlier copy of this request went out and its answer was lost."""


class UnexpectedAnswer(Exception):
    """The service provider answered what this identity provider cannot go on from."""

    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        super().__init__(f"{method} {path} was answered {status}: {text[:500]}")
        self.method, self.path, self.status = method, path, status


class ServiceUnreachable(Exception):
    """No answer came within the patience of this identity provider."""

    def __init__(self, method: str, path: str, cause: Exception) -> None:
        super().__init__(f"{method} {path} got no answer: {cause!r}")
        self.method, self.path = method, path


@dataclass
class Report:
    """What one run did: requests sent, retries among them, statuses, ids, and how long."""

    requests: int = 0
    retries: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    created: dict[str, str] = field(default_factory=dict)
    """SCIM ids of users and groups that this run created, by the directory's key."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Wire:
    """How one kind of identity provider talks HTTP."""

    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/scim+json; charset=utf-8"
    timeout: float = 60.0
    """Seconds until an answer counts as lost."""
    patience: float = 30.0
    """Seconds for which an unreachable or unwell service is asked again."""
    scheme: str = "Bearer "
    """What stands before the token in the Authorization header."""


class SCIMClient:
    """Sends SCIM requests to one base URL; every thread has a connection of its own."""

    def __init__(
        self, base_url: str, token: str, wire: Wire | None = None, journal: Journal | None = None
    ) -> None:
        self._url = urlsplit(base_url.rstrip("/"))
        self._wire = wire or Wire()
        self._headers = {
            "Accept": "application/scim+json",
            **self._wire.headers,
            "Authorization": self._wire.scheme + token,
        }
        self._journal = journal
        self._local = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self.report = Report()

    def request(
        self, method: str, path: str, body: Body | None = None, *, expect: Collection[int] = (200,)
    ) -> Answer:
        """Return the answer to this request, asked again as long as asking again may help.

        :raises UnexpectedAnswer: another status than expected.
        :raises ServiceUnreachable: no answer within the patience of the wire.
        """
        answer = self._patiently(method, path, body)
        allowed = set(expect)
        if answer.repeated:
            allowed |= ANSWERS_TO_A_REPEAT.get(method, frozenset())
        if answer.status not in allowed:
            raise UnexpectedAnswer(method, path, answer.status, json.dumps(answer.body))
        if method != "GET" and answer.status < 300 and self._journal is not None:
            self._journal.append(
                {
                    "method": method,
                    "path": path,
                    "body": body,
                    "status": answer.status,
                    "id": answer.body.get("id"),
                }
            )
        return answer

    def close(self) -> None:
        """Close every connection; the next request opens a new one."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def _patiently(self, method: str, path: str, body: Body | None) -> Answer:
        deadline, pause, lost = time.monotonic() + self._wire.patience, 0.05, False
        while True:
            try:
                answer = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as failure:
                self._connection().close()
                if time.monotonic() + pause > deadline:
                    raise ServiceUnreachable(method, path, failure) from failure
                # Nothing was sent if nobody took the call, so the retry cannot meet itself.
                lost = lost or not isinstance(failure, ConnectionRefusedError)
                wait = pause
            else:
                wait = _retry_after(answer, pause)
                patient = time.monotonic() + wait <= deadline
                if answer.status not in RETRIED_STATUSES or not patient:
                    return Answer(answer.status, answer.headers, answer.body, lost)
                lost = lost or answer.status in (500, 502, 504)
            self._count_retry()
            time.sleep(wait)
            pause = min(pause * 2, 2.0)

    def _once(self, method: str, path: str, body: Body | None) -> Answer:
        connection = self._connection()
        headers = dict(self._headers)
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = self._wire.media_type
        connection.request(method, self._url.path + path, body=content, headers=headers)
        response = connection.getresponse()
        text = response.read()
        with self._lock:
            self.report.requests += 1
            self.report.statuses[response.status] += 1
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, received, _json_object(text))

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            host, port, timeout = self._url.hostname or "", self._url.port, self._wire.timeout
            if self._url.scheme == "https":
                context = ssl.create_default_context()
                connection = http.client.HTTPSConnection(
                    host, port, timeout=timeout, context=context
                )
            else:
                connection = http.client.HTTPConnection(host, port, timeout=timeout)
            self._local.connection = connection
        with self._lock:
            if connection not in self._connections:
                self._connections.append(connection)
        return connection

    def _count_retry(self) -> None:
        with self._lock:
            self.report.retries += 1


def _json_object(text: bytes) -> Body:
    try:
        value = json.loads(text)
    except ValueError:
        return {"detail": text[:200].decode("utf-8", "replace")} if text else {}
    return value if isinstance(value, dict) else {"value": value}


def _retry_after(answer: Answer, pause: float) -> float:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() else pause
