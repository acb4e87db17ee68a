"""An administrator at work: the management API over HTTP, with an organisation's key."""

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateway.demo.options import DemoFailed

JSON = dict[str, Any]


class Admin:
    """Talks to one organisation's part of the management API on one connection."""

    def __init__(self, base_url: str, organisation_id: str, key: str) -> None:
        address = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=60
        )
        self._path = f"/api/v1/organisations/{organisation_id}"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JSON:
        """Return what a path shows."""
        wanted = f"{path}?{urlencode(query)}" if query else path
        return self._ask("GET", wanted, None)

    def post(self, path: str, body: JSON | None = None) -> JSON:
        """Return what making or doing something answers."""
        return self._ask("POST", path, body)

    def patch(self, path: str, body: JSON) -> JSON:
        """Return what changing something answers."""
        return self._ask("PATCH", path, body)

    def everything(self, path: str) -> Iterator[JSON]:
        """Yield every item of a list, page by page."""
        cursor: str | None = None
        while True:
            query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = self.get(path, query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: JSON | None) -> JSON:
        content = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, self._path + path, content, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoFailed(f"{method} {path} got no answer: {error!r}") from error
        said: JSON = json.loads(text) if text else {}
        if answer.status >= 300:
            detail = said.get("detail", text[:200])
            raise DemoFailed(f"{method} {path} was answered {answer.status}: {detail}")
        return said
