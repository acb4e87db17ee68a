"""Single logout over HTTP: both bindings, begun by the provider and by us."""

import zlib
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from lxml import etree

from gateway.domain.errors import SessionEnded
from idp_fixtures.saml_idp.messages import SAML, SAMLP
from idp_fixtures.saml_idp.provider import okta, unpacked
from tests.factories import provision
from tests.unit.saml.bench import key
from tests.wire.saml.conftest import ORIGIN, Browser, Stage, query_of, refusal
from tests.wire.saml.posting import in_base64

BINDINGS = pytest.mark.parametrize("posted", [False, True], ids=["redirect", "post"])


def send(stage: Stage, browser: Browser, name: str, root: Any, *, posted: bool) -> Any:
    """Bring a message of the provider's."""
    if posted:
        form = stage.idp.by_post(name, root, "relay")
        return browser.post(stage.addresses.logout_url, form)
    address = stage.idp.by_redirect(stage.addresses.logout_url, name, root, "relay")
    return browser.get(address)


def is_live(stage: Stage, browser: Browser) -> bool:
    try:
        stage.entrance(browser)
    except SessionEnded:
        return False
    return True


def asked(stage: Stage, name_id: str, *indexes: str) -> Any:
    return stage.idp.logout_request(stage.service, name_id, *indexes)


@BINDINGS
def test_a_provider_ends_the_session_that_it_names(stage: Stage, posted: bool) -> None:
    mine = stage.sign_in(session_index="_one")
    other = stage.sign_in(session_index="_two")
    root = asked(stage, "ann@acme.test", "_one")
    answer = send(stage, stage.browser(), "SAMLRequest", root, posted=posted)
    assert answer.status_code == 302
    assert not is_live(stage, mine)
    assert is_live(stage, other)
    said = query_of(answer)
    assert said["RelayState"] == "relay"
    response = etree.fromstring(unpacked(said["SAMLResponse"], posted=False))
    assert response.get("InResponseTo") == root.get("ID")
    assert response.find(f".//{{{SAMLP}}}StatusCode").get("Value").endswith(":Success")


def test_without_an_index_all_sessions_of_the_name_end(stage: Stage) -> None:
    provision(stage.lodge.work, stage.lodge.house, "bob@acme.test", "e2")
    mine = [stage.sign_in(session_index="_one"), stage.sign_in(session_index="_two")]
    bobs = stage.sign_in(okta("bob@acme.test", "bob@acme.test", "Bob", []))
    send(stage, stage.browser(), "SAMLRequest", asked(stage, "ann@acme.test"), posted=False)
    assert [is_live(stage, browser) for browser in (*mine, bobs)] == [False, False, True]


def test_name_and_index_must_both_be_the_sessions(stage: Stage) -> None:
    provision(stage.lodge.work, stage.lodge.house, "bob@acme.test", "e2")
    mine = stage.sign_in(session_index="_one")
    for root in (
        asked(stage, "bob@acme.test", "_one"),
        asked(stage, "ann@acme.test", "_other"),
        asked(stage, "ANN@acme.test", "_one"),
    ):
        answer = send(stage, stage.browser(), "SAMLRequest", root, posted=False)
        response = etree.fromstring(unpacked(query_of(answer)["SAMLResponse"], posted=False))
        assert response.find(f".//{{{SAMLP}}}StatusCode").get("Value").endswith(":Requester")
        assert is_live(stage, mine)


@BINDINGS
def test_a_logout_is_used_once(stage: Stage, posted: bool) -> None:
    root = asked(stage, "ann@acme.test")
    stage.sign_in()
    same = etree.fromstring(etree.tostring(root))
    first = send(stage, stage.browser(), "SAMLRequest", same, posted=posted)
    assert first.status_code == 302
    mine = stage.sign_in()
    again = send(stage, stage.browser(), "SAMLRequest", root, posted=posted)
    assert refusal(again) == "replayed"
    assert is_live(stage, mine)


def test_an_unsigned_or_forged_logout_ends_nothing(stage: Stage) -> None:
    mine = stage.sign_in()
    root = asked(stage, "ann@acme.test")
    address = stage.idp.by_redirect(stage.addresses.logout_url, "SAMLRequest", root, "", None)
    assert refusal(stage.browser().get(address)) == "signature_missing"
    form = {"SAMLRequest": in_base64(etree.tostring(root))}
    answer = stage.browser().post(stage.addresses.logout_url, form)
    assert refusal(answer) == "signature_missing"
    stage.idp.keys = [key("attacker")]
    for posted in (False, True):
        forged = asked(stage, "ann@acme.test")
        answer = send(stage, stage.browser(), "SAMLRequest", forged, posted=posted)
        assert refusal(answer) == "signature_invalid"
    assert is_live(stage, mine)


def test_a_bomb_is_refused(stage: Stage) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b"<a>" + b" " * 150_000_000) + packer.flush()
    query = urlencode({"SAMLRequest": in_base64(bomb)})
    answer = stage.browser().get(f"{stage.addresses.logout_url}?{query}")
    assert refusal(answer) == "malformed"


# -- begun by us ------------------------------------------------------------------------------


@BINDINGS
def test_our_logout_ends_the_session_first_and_then_asks_the_provider(
    stage: Stage, posted: bool
) -> None:
    browser = stage.sign_in(session_index="_one")
    token = browser.session
    answer = browser.get(stage.addresses.logout_url)
    assert answer.headers["Location"].startswith(stage.idp.slo_url)
    assert browser.session is None
    browser.client.set_cookie("__Host-gateway-session", token or "", domain="gateway.test")
    assert not is_live(stage, browser)
    said = query_of(answer)
    root = etree.fromstring(unpacked(said["SAMLRequest"], posted=False))
    assert root.findtext(f"{{{SAML}}}NameID") == "ann@acme.test"
    assert root.findtext(f"{{{SAMLP}}}SessionIndex") == "_one"
    reply = stage.idp.logout_response(stage.service, root.get("ID"))
    relay = said["RelayState"]
    if posted:
        back = browser.post(
            stage.addresses.logout_url, stage.idp.by_post("SAMLResponse", reply, relay)
        )
    else:
        address = stage.addresses.logout_url
        back = browser.get(stage.idp.by_redirect(address, "SAMLResponse", reply, relay))
    assert (back.status_code, back.headers["Location"]) == (303, "/login")


def test_an_answer_to_another_logout_is_refused(stage: Stage) -> None:
    browser = stage.sign_in()
    said = query_of(browser.get(stage.addresses.logout_url))
    reply = stage.idp.logout_response(stage.service, "_other")
    address = stage.addresses.logout_url
    back = browser.get(stage.idp.by_redirect(address, "SAMLResponse", reply, said["RelayState"]))
    assert refusal(back) == "request_mismatch"


def test_another_site_cannot_sign_anybody_out(stage: Stage) -> None:
    browser = stage.sign_in()
    crossed = browser.get(stage.addresses.logout_url, headers={"Sec-Fetch-Site": "cross-site"})
    assert refusal(crossed) == "attempt_elsewhere"
    posted = browser.client.post(
        urlsplit(stage.addresses.logout_url).path,
        base_url=ORIGIN,
        headers={"Origin": "https://evil.example"},
    )
    assert refusal(posted) == "attempt_elsewhere"
    assert is_live(stage, browser)


def test_whoever_has_no_session_is_taken_to_the_sign_in_page(stage: Stage) -> None:
    answer = stage.browser().get(stage.addresses.logout_url)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


def test_a_provider_without_a_logout_is_not_asked(stage: Stage) -> None:
    stage.lodge.configure(slo_url=None)
    browser = stage.sign_in()
    assert browser.get(stage.addresses.logout_url).headers["Location"] == "/login"
    assert browser.session is None
