"""A person's browser: keeps cookies, follows forms, and says where it comes from."""

import re
from html import unescape
from typing import Any

from werkzeug.test import TestResponse

from gateway.app import Gateway

ORIGIN = "http://localhost"


class Browser:
    """Visits pages of the application in process."""

    def __init__(self, gateway: Gateway) -> None:
        self.client = gateway.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers={"Sec-Fetch-Site": "same-origin"})

    def post(self, path: str, origin: str | None = ORIGIN, **fields: str) -> TestResponse:
        headers = {"Origin": origin} if origin else {}
        return self.client.post(path, data=fields, headers=headers)

    def submit(self, page: TestResponse, **fields: str) -> TestResponse:
        """Send the first form of a page, with its hidden fields."""
        text = page.get_data(as_text=True)
        action = re.search(r'<form[^>]*action="([^"]+)"', text)
        assert action, text
        hidden = re.findall(r'type="hidden" name="([^"]+)"[^>]*value="([^"]*)"', text)
        values = {name: unescape(value) for name, value in hidden} | fields
        return self.post(unescape(action[1]), **values)

    def api(self, method: str, path: str, json: Any = None) -> TestResponse:
        """Call the API as our pages' scripts do, with the form token of this session."""
        headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        if method != "GET":
            me = self.client.get("/api/v1/me").get_json()
            headers["X-CSRF-Token"] = me.get("form_token") or ""
        return self.client.open(f"/api/v1{path}", method=method, json=json, headers=headers)

    def send(self, path: str, json: Any) -> TestResponse:
        """Post JSON to a page, as its script does."""
        return self.client.post(path, json=json, headers={"Origin": ORIGIN})

    @property
    def session(self) -> str | None:
        """The session's token, if the browser has one."""
        cookie = self.client.get_cookie("gateway-session")
        return cookie.value if cookie else None


def says(answer: TestResponse) -> str:
    """The text of a page."""
    return answer.get_data(as_text=True)
