"""Somebody's browser without a screen: keeps cookies, follows redirects, sends forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from gateway.demo.options import DemoFailed

STEPS = 20
PATIENCE = 30.0


@dataclass(slots=True)
class Form:
    """The first form of a page: where it goes, and what it holds before anybody fills it in."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, response: requests.Response) -> "Form | None":
        """Return it, None where there is none."""
        reader = _Reader(response.url)
        reader.feed(response.text)
        return reader.form


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.form: Form | None = None
        self._url = url
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            action = urljoin(self._url, said.get("action", ""))
            self.form = Form(action, said.get("method", "get").upper())
            self._inside = True
        elif tag == "input" and self._inside and self.form is not None and "name" in said:
            self.form.fields[said["name"]] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


@dataclass
class Visitor:
    """One browser, at home at the gateway: it stops at the first page of it that asks something."""

    gateway: str
    client: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, address: str, user: str) -> requests.Response:
        """Open a sign-in address, say at the provider who one is, and come back.

        :raises DemoFailed: it leads nowhere.
        """
        response = self.get(address)
        for _ in range(STEPS):
            if response.is_redirect:
                response = self.get(urljoin(response.url, response.headers["Location"]))
                continue
            form = Form.of(response)
            at_home = response.url.startswith(self.gateway) and "onward" not in response.text
            if at_home or form is None:
                return response
            # The provider's buttons are people; whatever else it asks is already filled in.
            filled = form.fields if "SAMLResponse" in form.fields else form.fields | {"user": user}
            response = self.send(form.action, filled)
        raise DemoFailed(f"{address} leads in circles.")

    def get(self, address: str) -> requests.Response:
        """Go to an address, without following where it sends."""
        return self.client.get(address, allow_redirects=False, timeout=PATIENCE)

    def send(self, address: str, fields: Mapping[str, str]) -> requests.Response:
        """Send a form, without following where that leads."""
        return self.client.post(address, data=fields, allow_redirects=False, timeout=PATIENCE)
