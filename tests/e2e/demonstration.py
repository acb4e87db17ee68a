"""A running demo for tests to talk to, and what people do at it."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyotp
import requests

from gateway.demo.visitor import Form, Visitor
from tests.e2e.programs import GATEWAY, ROOT, ask, environment

PATIENCE = 30


@dataclass
class Demo:
    """A running demo and what it said."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    @property
    def base_url(self) -> str:
        return str(self.said["base_url"])

    def organisation(self, slug: str) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = (each for each in self.said["organisations"] if each["slug"] == slug)
        return found

    def ask(
        self,
        slug: str,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        status: int = 200,
    ) -> Any:
        """Send a request of the organisation's own key, which must be answered with a status."""
        organisation = self.organisation(slug)
        url = f"{self.base_url}/api/v1/organisations/{organisation['id']}{path}"
        answered, said = ask(url, organisation["api_key"], method, body)
        assert answered == status, said
        return said

    def get(self, slug: str, path: str) -> Any:
        """Read a path of the management API with the organisation's own key."""
        return self.ask(slug, "GET", path)

    def provision(self, slug: str, user_name: str, **more: Any) -> str:
        """Create a user over SCIM; return its SCIM id."""
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user_name,
            "externalId": f"external {user_name}",
            "displayName": user_name.partition("@")[0].title(),
            "emails": [{"value": user_name, "primary": True, "type": "work"}],
            "active": True,
            **more,
        }
        return str(self.scim(slug, "POST", "/Users", body)["id"])

    def deprovision(self, slug: str, user: str) -> None:
        """Switch a user off over SCIM."""
        off = {"op": "replace", "value": {"active": False}}
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        self.scim(slug, "PATCH", f"/Users/{user}", {"schemas": schemas, "Operations": [off]})

    def scim(self, slug: str, method: str, path: str, body: dict[str, Any]) -> Any:
        """Send a SCIM request, which must succeed."""
        scim = self.organisation(slug)["scim"]
        status, said = ask(f"{scim['base_url']}{path}", scim["token"], method, body)
        assert status in (200, 201), said
        return said

    def employ(self, slug: str, user_name: str, claims: Mapping[str, Any] | None = None) -> None:
        """Let somebody sign in at the company's providers."""
        place = f"{self.said['idp']['url']}/{slug}"
        saml = {"name_id": user_name, "attributes": {"email": [user_name]}}
        openid = {"sub": user_name, "claims": {"email": user_name, **(claims or {})}}
        for address, account in ((place, saml), (f"{place}/openid", openid)):
            taken = requests.post(f"{address}/accounts", json=account, timeout=PATIENCE)
            assert taken.status_code == 200, taken.text

    def visitor(self) -> Visitor:
        """A browser without cookies."""
        return Visitor(self.base_url)


def session_of(visitor: Visitor) -> str | None:
    """The session that a browser has, if any."""
    return visitor.client.cookies.get("gateway-session")


def failure_of(response: requests.Response) -> str | None:
    """The code of a sign-in that failed."""
    return response.headers.get("X-Sign-In-Failure")


def me(visitor: Visitor) -> requests.Response:
    """Ask whose session it is."""
    return visitor.get(f"{visitor.gateway}/api/v1/me")


def sign_in_by_password(visitor: Visitor, owner: Mapping[str, str], code: str) -> None:
    """Go through the pages as a person does."""
    asked = visitor.get(f"{visitor.gateway}/login")
    for answer in (
        {"email": owner["email"]},
        {"password": owner["password"]},
        {"code": code},
    ):
        form = Form.of(asked)
        assert form is not None, asked.text
        asked = visitor.send(form.action, form.fields | answer)
        while asked.is_redirect:
            asked = visitor.get(visitor.gateway + asked.headers["Location"])


def code_of(owner: Mapping[str, str]) -> str:
    """What the owner's authenticator shows."""
    return pyotp.TOTP(owner["totp_secret"]).now()


def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a demo; return it with the line that it says once ready."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*GATEWAY, "demo", "--json", *arguments],
        cwd=ROOT,
        env=environment(base_url="http://ignored.test", smtp_host="ignored.test"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return process, json.loads(line)


@contextlib.contextmanager
def demo(*arguments: str) -> Iterator[Demo]:
    """Run a demo meanwhile; it must end when it is told to, and quietly."""
    process, said = start(*arguments)
    try:
        yield Demo(process, said)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, ""), err
        assert "Traceback" not in err
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
