"""Who is deprovisioned is out at the next request, and comes in no more (semantics §7, §13)."""

from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.services import keys, scim_tokens
from gateway.storage import tables as t
from tests.scene import Scene
from tests.wire.saml.conftest import ANN, ORIGIN, Browser, Stage, refusal
from tests.wire.scim.conftest import PATCH


@dataclass
class Watched:
    """Ann, with everything that lets her in, and the directory that can take it away."""

    stage: Stage
    browser: Browser
    api_key: str
    scim_token: str
    user_id: str

    def by_session(self) -> TestResponse:
        return self.browser.client.get(self._members, base_url=ORIGIN)

    def by_key(self) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return self.stage.app.test_client().get(self._members, headers=headers, base_url=ORIGIN)

    def scim(self, method: str, body: Any = None) -> TestResponse:
        """One request of the directory about Ann."""
        house = self.stage.lodge.house
        return self.stage.app.test_client().open(
            f"/scim/v2/{house.connection.id}/Users/{self.user_id}",
            method=method,
            json=body,
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {self.scim_token}"},
            base_url=ORIGIN,
        )

    def say_active(self, active: bool) -> None:
        operation = {"op": "replace", "path": "active", "value": active}
        answer = self.scim("PATCH", {"schemas": [PATCH], "Operations": [operation]})
        assert answer.status_code == 200, answer.text

    def sign_in(self) -> TestResponse:
        browser = self.stage.browser()
        return self.stage.come_back(browser, self.stage.begin(browser))

    @property
    def _members(self) -> str:
        return f"/api/v1/organisations/{self.stage.lodge.organisation_id}/members"


@pytest.fixture
def ann(stage: Stage) -> Watched:
    here = Scene(stage.lodge.work, stage.lodge.house)
    user = here.rows(t.directory_users, user_name=ANN.name_id)[0]

    def issue(uow: Any) -> tuple[str, str]:
        token = scim_tokens.issue(uow, stage.lodge.house.connection.id, "Okta")
        key = keys.create(uow, "Script", ("members.read",), member_id=user.member_id)
        return token.secret, key.secret

    scim_token, api_key = here.do(issue)
    found = Watched(stage, stage.sign_in(), api_key, scim_token, str(user.id))
    assert (found.by_session().status_code, found.by_key().status_code) == (200, 200)
    return found


@pytest.mark.parametrize("how", ["active: false", "DELETE"])
def test_the_next_request_after_the_commit_is_refused(ann: Watched, how: str) -> None:
    """S4-25: session and API key, at once and for good."""
    if how == "DELETE":
        assert ann.scim("DELETE").status_code == 204
    else:
        ann.say_active(False)
    session, key = ann.by_session(), ann.by_key()
    assert (session.status_code, session.get_json()["code"]) == (401, "session_ended")
    assert (key.status_code, key.get_json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize("how", ["active: false", "DELETE"])
@pytest.mark.parametrize("jit", [False, True])
def test_signing_in_afterwards_is_refused_and_leaves_no_row(
    ann: Watched, how: str, jit: bool
) -> None:
    """Not even where the connection makes members of whoever comes."""
    ann.stage.lodge.configure(jit=jit)
    if how == "DELETE":
        ann.scim("DELETE")
    else:
        ann.say_active(False)
    before = ann.stage.counted()
    assert refusal(ann.sign_in()) in ("deprovisioned_by_idp", "member_removed")
    assert ann.stage.counted() == before


def test_what_died_stays_dead_when_the_directory_brings_her_back(ann: Watched) -> None:
    ann.say_active(False)
    ann.say_active(True)
    assert (ann.by_session().status_code, ann.by_key().status_code) == (401, 401)
    assert ann.sign_in().status_code == 303


def test_a_sign_in_under_way_is_overtaken(ann: Watched) -> None:
    """Begun before the commit, answered by the provider, and brought after it."""
    browser = ann.stage.browser()
    asked = ann.stage.begin(browser)
    ann.say_active(False)
    assert refusal(ann.stage.come_back(browser, asked)) == "deprovisioned_by_idp"
    assert browser.session is None


def test_a_change_of_access_signs_nobody_out(ann: Watched) -> None:
    """An older epoch is no end: access is derived afresh, and the session's epoch moves up."""
    here = Scene(ann.stage.lodge.work, ann.stage.lodge.house)
    member_id = here.rows(t.directory_users, user_name=ANN.name_id)[0].member_id
    group = here.group("Operators")
    here.map(group, role="admin", bot_scope="all")
    before = here.member(member_id).access_epoch
    users = [user for user in here.rows(t.directory_users) if user.member_id == member_id]
    here.move(group, add=users)  # type: ignore[arg-type]
    assert here.member(member_id).access_epoch > before
    assert ann.by_session().status_code == 200
    proofs = here.rows(t.session_proofs, member_id=member_id, revoked_at=None)
    assert {row.access_epoch for row in proofs} == {here.member(member_id).access_epoch}
