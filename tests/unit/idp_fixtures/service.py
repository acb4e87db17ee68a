"""A SCIM service small enough to read in a minute, against which the simulated clients are tested.

It knows just enough to give ids, match by one attribute, and keep members; its `script` makes it
misbehave: each entry is used up by one request.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Body = dict[str, Any]


@dataclass
class Misbehaviour:
    """One request of this method goes wrong: refused with a status, or done and not answered."""

    method: str
    status: int = 0
    retry_after: str = ""
    drop_after_effect: bool = False


@dataclass
class Service:
    base_url: str = ""
    resources: dict[str, dict[str, Body]] = field(
        default_factory=lambda: {"Users": {}, "Groups": {}}
    )
    seen: list[tuple[str, str, Body | None]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    connections: set[tuple[str, int]] = field(default_factory=set)
    script: list[Misbehaviour] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.seen]

    def writes(self) -> list[tuple[str, str, Body | None]]:
        return [entry for entry in self.seen if entry[0] != "GET"]

    def answer(self, method: str, target: str, body: Body | None) -> tuple[int, Body]:
        url = urlsplit(target)
        kind, _, resource_id = url.path.removeprefix("/scim/").partition("/")
        table = self.resources[kind]
        if method == "POST":
            return self._create(table, body or {})
        if not resource_id:
            return 200, self._list(table, parse_qs(url.query))
        if resource_id not in table:
            return 404, {"detail": "gone"}
        if method == "DELETE":
            del table[resource_id]
            return 204, {}
        if method == "PUT":
            table[resource_id] = {**(body or {}), "id": resource_id}
        if method == "PATCH":
            self._patch(table[resource_id], (body or {})["Operations"])
        return 200, table[resource_id]

    def _create(self, table: dict[str, Body], body: Body) -> tuple[int, Body]:
        key = "userName" if "userName" in body else "displayName"
        if any(other.get(key) == body[key] for other in table.values()):
            return 409, {"scimType": "uniqueness"}
        resource_id = f"id-{len(self.seen)}"
        table[resource_id] = {"members": [], **body, "id": resource_id}
        return 201, table[resource_id]

    def _list(self, table: dict[str, Body], query: dict[str, list[str]]) -> Body:
        found = list(table.values())
        for attribute, value in re.findall(r'(\w+) eq "([^"]*)"', query.get("filter", [""])[0]):
            found = [one for one in found if _holds(one, attribute, value)]
        start, count = int(query.get("startIndex", ["1"])[0]), int(query.get("count", ["100"])[0])
        page = found[max(start, 1) - 1 :][:count]
        return {"totalResults": len(found), "startIndex": start, "Resources": page}

    def _patch(self, resource: Body, operations: list[Body]) -> None:
        for operation in operations:
            verb, path, value = (
                operation["op"].lower(),
                operation.get("path"),
                operation.get("value"),
            )
            members = resource.setdefault("members", [])
            if path is None:
                resource.update(value or {})
            elif path == "members" and verb == "add":
                members += value or []
            elif path == "members" and verb == "remove":
                gone = {one["value"] for one in value or []}
                resource["members"] = [one for one in members if one["value"] not in gone]
            elif path == "members":
                resource["members"] = value
            elif path.startswith("members["):
                resource["members"] = [one for one in members if one["value"] not in path]
            else:
                resource[path] = value


def _holds(resource: Body, attribute: str, value: str) -> bool:
    if attribute == "members":
        return any(one["value"] == value for one in resource["members"])
    return bool(str(resource.get(attribute)).casefold() == value.casefold())


@contextmanager
def running() -> Iterator[Service]:
    service = Service()

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            del format, args

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with service.lock:
                service.seen.append((self.command, self.path, body))
                service.agents.add(self.headers.get("User-Agent", ""))
                service.connections.add(self.client_address)
                wrong = next((one for one in service.script if one.method == self.command), None)
                if wrong is not None:
                    service.script.remove(wrong)
                if wrong is not None and wrong.status:
                    status, answer = wrong.status, {"detail": "scripted"}
                else:
                    status, answer = service.answer(self.command, self.path, body)
            if wrong is not None and wrong.drop_after_effect:
                self.close_connection = True
                return
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if wrong is not None and wrong.retry_after:
                self.send_header("Retry-After", wrong.retry_after)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.base_url = f"http://127.0.0.1:{server.server_address[1]}/scim"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
