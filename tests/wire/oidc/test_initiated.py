"""Sign-ins that the provider, or anybody else, begins (OpenID Connect Core §4)."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from gateway.domain.signin import OIDCAddresses
from gateway.storage import tables as t
from idp_fixtures.openid_provider.accounts import guid
from tests.wire.oidc.conftest import Stage, asked
from tests.wire.saml.conftest import ORIGIN, Browser, refusal

METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
HOSTILE_TARGETS = (
    "https://evil.example/",
    "//evil.example/",
    f"{ORIGIN}.evil.example/",
    f"{ORIGIN}@evil.example/",
    f"{ORIGIN}//evil.example/",
    f"{ORIGIN}/\\evil.example/",
    f"{ORIGIN}:444/there",
    ORIGIN.replace("https", "http") + "/there",
    "/there",
    "javascript:alert(1)",
    f"{ORIGIN}/a\r\nSet-Cookie: x=y",
)


def initiate(stage: Stage, browser: Browser, method: str = "GET", **sent: Any) -> TestResponse:
    """Send the browser where sign-ins are begun from outside, as the provider does."""
    named = {"iss": stage.server.issuer, **sent}
    named = {name: value for name, value in named.items() if value is not None}
    path = urlsplit(stage.addresses.initiate_login_uri).path
    how: dict[str, Any] = {"query_string" if method == "GET" else "data": named}
    headers = {"Origin": stage.server.url, "Sec-Fetch-Site": "cross-site"}
    return browser.client.open(path, method=method, base_url=ORIGIN, headers=headers, **how)


def attempts(stage: Stage) -> list[Any]:
    """Sign-ins under way."""
    return [row for row in stage.lodge.rows(t.signin_attempts) if not row.test]


@METHODS
def test_where_it_is_off_nothing_is_begun(stage: Stage, method: str) -> None:
    browser = stage.browser()
    assert refusal(initiate(stage, browser, method)) == "unsolicited"
    assert attempts(stage) == []
    assert browser.session is None


@METHODS
def test_where_it_is_on_a_fresh_sign_in_is_begun_and_nobody_is_in_yet(
    stage: Stage, method: str
) -> None:
    stage.lodge.configure(idp_initiated="restart")
    browser = stage.browser()
    sent = initiate(
        stage, browser, method, target_link_uri=f"{ORIGIN}/console?x=1", login_hint="ann@acme.test"
    )
    assert sent.status_code == 303
    assert browser.session is None
    query = asked(sent.headers["Location"])
    assert sent.headers["Location"].startswith(f"{stage.server.url}/authorize?")
    assert query["login_hint"] == "ann@acme.test"
    ended = stage.come_back(browser, sent.headers["Location"])
    assert (ended.status_code, ended.headers["Location"]) == (303, "/console?x=1")
    assert browser.session


def test_each_has_secrets_of_its_own_and_ends_in_its_own_browser(stage: Stage) -> None:
    stage.lodge.configure(idp_initiated="restart")
    mine, other = stage.browser(), stage.browser()
    places = [initiate(stage, browser).headers["Location"] for browser in (mine, other)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({asked(place)[name] for place in places}) == 2
    assert refusal(stage.come_back(other, places[0])) == "attempt_elsewhere"
    assert stage.come_back(mine, places[0]).status_code == 303


@METHODS
@pytest.mark.parametrize("target", HOSTILE_TARGETS)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_way_back_is_ours_whatever_target_is_named(
    stage: Stage, method: str, target: str
) -> None:
    stage.lodge.configure(idp_initiated="restart")
    browser = stage.browser()
    sent = initiate(stage, browser, method, target_link_uri=target)
    assert "evil" not in sent.headers["Location"]
    ended = stage.come_back(browser, sent.headers["Location"])
    assert (ended.status_code, ended.headers["Location"]) == (303, "/")


@METHODS
@pytest.mark.parametrize("iss", ["another", "slash", "upper", "prefix", "none"])
def test_another_issuer_begins_nothing(stage: Stage, method: str, iss: str) -> None:
    stage.lodge.configure(idp_initiated="restart")
    own = stage.server.issuer
    said = {
        "another": "https://other.test",
        "slash": f"{own}/",
        "upper": own.upper(),
        "prefix": own[:-1],
        "none": "",
    }
    answer = initiate(stage, stage.browser(), method, iss=said[iss])
    assert refusal(answer) == "issuer_mismatch"
    assert attempts(stage) == []


def test_another_tenant_of_the_provider_begins_nothing(stage: Stage) -> None:
    """Entra's issuer is a template: this connection's tenant alone is meant."""
    stage.lodge.configure(
        idp_initiated="restart", issuer="https://login.test/{tenantid}/v2.0", tenant=guid("acme")
    )
    own = f"https://login.test/{guid('acme')}/v2.0"
    for other in (own.replace(guid("acme"), guid("x")), "https://login.test/{tenantid}/v2.0"):
        assert refusal(initiate(stage, stage.browser(), iss=other)) == "issuer_mismatch"
    assert initiate(stage, stage.browser(), iss=own).status_code == 303


@METHODS
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_hint_that_is_none_is_dropped(stage: Stage, method: str) -> None:
    stage.lodge.configure(idp_initiated="restart")
    for hint in ("", "a\r\nb", "a\u202eb", "x" * 300):
        place = initiate(stage, stage.browser(), method, login_hint=hint).headers["Location"]
        assert "login_hint" not in asked(place)
    place = initiate(stage, stage.browser(), method, login_hint="a&prompt=none").headers["Location"]
    assert asked(place)["login_hint"] == "a&prompt=none"
    assert "prompt" not in asked(place)


@METHODS
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_cannot_be_read_begins_nothing(stage: Stage, method: str) -> None:
    stage.lodge.configure(idp_initiated="restart")
    own = stage.server.issuer
    for odd in ({"iss": [own, own]}, {"target_link_uri": [f"{ORIGIN}/a"] * 2}, {"iss": "x" * 5000}):
        assert refusal(initiate(stage, stage.browser(), method, **odd)) == "malformed"
    path = urlsplit(stage.addresses.initiate_login_uri).path
    large = {"iss": own, "x": "y" * 20_000}
    for body in ({"json": {"iss": own}}, {"data": large}):
        answer = stage.browser().client.post(path, base_url=ORIGIN, **body)
        assert refusal(answer) == "malformed"
    assert attempts(stage) == []


def test_the_address_is_the_connections_own(stage: Stage) -> None:
    slug = urlsplit(stage.addresses.login_url).path.split("/")[2]
    assert OIDCAddresses.of(ORIGIN, slug) == stage.addresses
    assert stage.addresses.initiate_login_uri == f"{ORIGIN}/oidc/{slug}/initiate"
    for none in (slug[:-1], f"{slug}x", f"{slug}%00", "%00", "%ff"):
        for place in ("initiate", "login", "callback", "jwks"):
            assert stage.browser().get(f"{ORIGIN}/oidc/{none}/{place}").status_code == 404
