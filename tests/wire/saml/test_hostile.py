"""Every hostile message once more, over HTTP, in a sign-in of its own that could have succeeded."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.storage import tables as t
from idp_fixtures.saml_idp.hostile import ATTACKS, Scene
from idp_fixtures.saml_idp.security import Encryption
from tests.unit.saml.bench import key
from tests.wire.saml.conftest import ANN, Stage, refusal
from tests.wire.saml.posting import in_base64

KIND = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


@pytest.fixture
def entries() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as found:
        yield found


@KIND
@pytest.mark.parametrize("part", range(4))
def test_a_hostile_message_is_answered_like_any_other_failure(
    stage: Stage, part: int, entries: list[Any]
) -> None:
    """No session, no row, no 500, no stumbling, and nothing that tells one failure from another.

    But for the code, which tells an admin which check failed, all answers are alike.
    """
    before, pages = stage.counted(), set()
    service = stage.service
    for name in sorted(ATTACKS)[part::4]:
        browser = stage.browser()
        asked = stage.begin(browser)
        recipe = stage.idp.recipe(service, ANN, asked.id)
        scene = Scene(stage.idp, recipe, key("attacker"), Encryption(service.encryption[0]))
        form = {
            "SAMLResponse": in_base64(ATTACKS[name](scene)),
            "RelayState": asked.relay_state,
        }
        answer = browser.post(stage.addresses.acs_url, form)
        code = refusal(answer)
        assert browser.session is None
        request_id = answer.headers["X-Request-Id"]
        pages.add(answer.text.replace(code, "…").replace(request_id, "…"))
    assert len(pages) == 1
    assert stage.counted() == before
    assert [entry for entry in entries if entry["event"] == "unexpected"] == []
    stage.sign_in()


@KIND
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "application/x-www-form-urlencoded", id="nothing"),
        pytest.param(b"RelayState=x", "application/x-www-form-urlencoded", id="no-message"),
        pytest.param(b"SAMLRequest=x", "application/x-www-form-urlencoded", id="a-request"),
        pytest.param(
            b"SAMLResponse=a&SAMLResponse=b", "application/x-www-form-urlencoded", id="twice"
        ),
        pytest.param(
            b"SAMLResponse=" + b"a" * 900_000, "application/x-www-form-urlencoded", id="large"
        ),
        pytest.param(b"a&" * 100_000, "application/x-www-form-urlencoded", id="many-fields"),
        pytest.param(b"SAMLResponse=%ff", "application/x-www-form-urlencoded", id="no-text"),
        pytest.param(b'{"SAMLResponse": "x"}', "application/json", id="json"),
        pytest.param(b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", id="multipart"),
    ],
)
def test_what_is_no_form_is_answered_alike(stage: Stage, body: bytes, content_type: str) -> None:
    path = stage.addresses.acs_url.removeprefix("https://gateway.test")
    answer = stage.browser().client.post(
        path, base_url="https://gateway.test", data=body, content_type=content_type
    )
    assert refusal(answer) == "malformed"


@KIND
def test_a_failure_is_told_to_programs_as_json(stage: Stage) -> None:
    path = stage.addresses.acs_url.removeprefix("https://gateway.test")
    answer = stage.browser().client.post(
        path, base_url="https://gateway.test", headers={"Accept": "application/json"}
    )
    assert answer.status_code == 403
    assert answer.get_json()["reason"] == "malformed"


@KIND
def test_a_failure_keeps_a_trace_without_the_message(stage: Stage) -> None:
    browser = stage.browser()
    asked = stage.begin(browser)
    assert refusal(stage.come_back(browser, asked, audiences=(("urn:x",),))) == "audience_mismatch"
    trace = stage.lodge.rows(t.signin_traces)[0]
    assert (trace.outcome, trace.code) == ("refused", "audience_mismatch")
    names = [(check["name"], check["passed"]) for check in trace.document["checks"]]
    assert names[-1] == ("audience", False)
    assert all(passed for _, passed in names[:-1])
    assert "Signature" not in str(trace.document)


@KIND
def test_messages_that_nobody_asked_for_do_not_fill_the_traces(stage: Stage) -> None:
    for _ in range(40):
        refusal(stage.browser().post(stage.addresses.acs_url, {"SAMLResponse": "x"}))
    assert len(stage.lodge.rows(t.signin_traces)) == 30
