"""The simulated OpenID provider as a web site, driven by a client that others wrote."""

import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.accounts import entra, google, guid, okta
from idp_fixtures.openid_provider.keys import half_hash, spare
from idp_fixtures.openid_provider.provider import ASSERTION, LOGOUT_EVENT, WELL_KNOWN
from idp_fixtures.openid_provider.server import OpenIDServer, serving
from tests.clock import NOON
from tests.unit.idp_fixtures.openid import BACK, VERIFIER, client, go, redeem, session

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")


def read(server: OpenIDServer, token: str, *algorithms: str) -> dict[str, Any]:
    """Verify a token as a client does."""
    published = requests.get(f"{server.url}/jwks", timeout=5).json()
    found: dict[str, Any] = jwt.decode(
        token, KeySet.import_key_set(published), algorithms=list(algorithms or ["RS256"])
    ).claims
    return found


def test_a_client_of_others_signs_in(server: OpenIDServer) -> None:
    ours = session(server)
    way = go(server, ours, user="mia")
    assert way["iss"] == server.issuer
    answer = redeem(server, ours, way["code"])
    said = read(server, answer["id_token"])
    assert (said["sub"], said["aud"], said["nonce"]) == ("mia", "us", "n")
    assert said["groups"] == ["Support"]
    assert said["at_hash"] == half_hash(answer["access_token"])
    info = ours.get(f"{server.url}/userinfo").json()
    assert (info["sub"], info["email_verified"]) == ("mia", True)


def test_a_code_is_good_once_for_its_client_address_and_verifier(server: OpenIDServer) -> None:
    ours = session(server)
    for wrong in ({"code_verifier": "w" * 43}, {"redirect_uri": BACK + "x"}):
        code = go(server, ours, user="mia")["code"]
        with pytest.raises(OAuthError, match="invalid_grant"):
            redeem(server, ours, code, **wrong)
    code = go(server, ours, user="mia")["code"]
    redeem(server, ours, code)
    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, ours, code)
    server.register(client(id="them", secret="theirs"))
    theirs = {"client_id": "us", "client_secret": "theirs"}
    refused = requests.post(
        f"{server.url}/token", data={"code": code, **theirs}, auth=("us", "no"), timeout=5
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("auth", ["client_secret_basic", "client_secret_post"])
def test_a_client_proves_itself_in_the_way_that_was_registered(
    server: OpenIDServer, auth: str
) -> None:
    server.register(client(auth=auth, secret="a:b/c"))
    ours = session(server)
    redeem(server, ours, go(server, ours, user="mia")["code"])
    other = {"client_secret_basic": "client_secret_post", "client_secret_post": "none"}[auth]
    code = go(server, ours, user="mia")["code"]
    ours.token_endpoint_auth_method = other
    with pytest.raises(OAuthError, match="invalid_client"):
        redeem(server, ours, code)


def test_a_client_proves_itself_by_its_key(server: OpenIDServer) -> None:
    own, foreign = spare("RS256"), spare("RS256", kid="foreign")
    server.register(client(auth="private_key_jwt", key=own.pem, secret=None))
    for key in (own, foreign):
        ours = session(server, secret=key.private_pem)
        ours.register_client_auth_method(PrivateKeyJWT(f"{server.url}/token"))
        code = go(server, ours, user="mia")["code"]
        if key is own:
            redeem(server, ours, code)
        else:
            with pytest.raises(OAuthError, match="invalid_client"):
                redeem(server, ours, code)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 200),
        ({"aud": "https://evil.example"}, 401),
        ({"exp": 1}, 401),
        ({"sub": "them"}, 401),
        ({"iss": "them"}, 401),
        ({"jti": ""}, 401),
    ],
)
def test_an_assertion_is_the_clients_own(
    server: OpenIDServer, wrong: dict[str, Any], status: int
) -> None:
    own = spare("ES256")
    server.register(client(auth="private_key_jwt", key=own.pem, secret=None))
    code = go(server, session(server), user="mia")["code"]
    now = server.provider.now
    said = {"iss": "us", "sub": "us", "aud": server.issuer, "exp": now + 60, "jti": "j", **wrong}
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": BACK,
        "client_assertion_type": ASSERTION,
        "client_assertion": keys.token(said, own),
    }
    assert requests.post(f"{server.url}/token", data=form, timeout=5).status_code == status


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_others_read_what_is_signed_by_each_algorithm(server: OpenIDServer, algorithm: str) -> None:
    server.register(client(algorithm=algorithm, signed_userinfo=True))
    ours = session(server)
    answer = redeem(server, ours, go(server, ours, user="mia")["code"])
    assert read(server, answer["id_token"], algorithm)["sub"] == "mia"
    info = ours.get(f"{server.url}/userinfo")
    assert info.headers["Content-Type"] == "application/jwt"
    assert read(server, info.text, algorithm)["sub"] == "mia"


def test_the_sign_in_page_asks_who_it_is_and_takes_no_for_an_answer(server: OpenIDServer) -> None:
    query = {
        "response_type": "code",
        "client_id": "us",
        "redirect_uri": BACK,
        "state": "s",
        "code_challenge": "c",
        "code_challenge_method": "S256",
    }
    for choice, came in (({"user": "mia"}, "code"), ({"cancel": "1"}, "error")):
        page = requests.get(f"{server.url}/authorize?{urlencode(query)}", timeout=5).text
        found = re.search(r'name="ticket" value="([^"]+)"', page)
        assert found is not None
        assert "mia@acme.test" in page
        back = requests.post(
            f"{server.url}/choose",
            data={"ticket": found.group(1), **choice},
            timeout=5,
            allow_redirects=False,
        )
        way = parse_qs(urlsplit(back.headers["Location"]).query)
        assert came in way
        assert way["state"] == ["s"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "nobody"},
    ],
)
def test_what_is_no_request_is_refused(server: OpenIDServer, wrong: dict[str, str]) -> None:
    query = {
        "response_type": "code",
        "client_id": "us",
        "redirect_uri": BACK,
        "code_challenge": "c",
        "code_challenge_method": "S256",
        **wrong,
    }
    answer = requests.get(
        f"{server.url}/authorize?{urlencode(query)}&user=mia", timeout=5, allow_redirects=False
    )
    assert answer.status_code == 400


def test_a_browser_that_is_known_needs_no_page(server: OpenIDServer) -> None:
    browser = requests.Session()
    ours = session(server)
    for query, came in (
        ({"prompt": "none"}, "error=login_required"),
        ({"user": "mia"}, "code="),
        ({"prompt": "none"}, "code="),
    ):
        address, _ = ours.create_authorization_url(
            f"{server.url}/authorize", code_verifier=VERIFIER, **query
        )
        answer = browser.get(address, timeout=5, allow_redirects=False)
        assert came in answer.headers["Location"]
    assert list(browser.cookies.keys()) == ["openid-provider"]


def test_a_browser_signs_out_and_goes_back_where_the_client_said(server: OpenIDServer) -> None:
    server.register(client(post_logout_redirect_uris=("https://gateway.test/login",)))
    query = {"client_id": "us", "post_logout_redirect_uri": "https://gateway.test/login"}
    ended = requests.get(
        f"{server.url}/end-session?{urlencode({**query, 'state': 's'})}",
        timeout=5,
        allow_redirects=False,
    )
    assert ended.headers["Location"] == "https://gateway.test/login?state=s"
    query["post_logout_redirect_uri"] = "https://evil.example/"
    stayed = requests.get(
        f"{server.url}/end-session?{urlencode(query)}", timeout=5, allow_redirects=False
    )
    assert stayed.status_code == 200


def test_keys_roll_over_and_old_ones_are_withdrawn(server: OpenIDServer) -> None:
    ours = session(server)
    old = redeem(server, ours, go(server, ours, user="mia")["code"])["id_token"]
    requests.post(f"{server.url}/roll-over", timeout=5).raise_for_status()
    new = redeem(server, ours, go(server, ours, user="mia")["code"])["id_token"]
    assert [read(server, token)["sub"] for token in (old, new)] == ["mia", "mia"]
    server.provider.withdraw()
    read(server, new)
    with pytest.raises(JoseError, match="No key"):
        read(server, old)


def test_logout_tokens_are_posted_to_every_client(server: OpenIDServer) -> None:
    came: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{listener.server_address[1]}/"
        server.register(client(backchannel_logout_uri=place))
        answers = requests.post(f"{server.url}/leave", data={"user": "mia"}, timeout=5).json()
        listener.shutdown()
    assert answers == {"answers": [204]}
    said = read(server, parse_qs(came[0])["logout_token"][0])
    assert (said["sub"], said["events"]) == ("mia", {LOGOUT_EVENT: {}})
    assert "nonce" not in said


def test_groups_come_as_each_provider_sends_them() -> None:
    tenant = guid("acme")
    few = entra("x", "x@acme.test", "X", ["A"], tenant=tenant).claims
    assert (few["groups"], few["tid"]) == ([guid("A")], tenant)
    many = entra("x", "x@acme.test", "X", [str(x) for x in range(201)], tenant=tenant).claims
    assert "groups" not in many
    assert many["_claim_names"] == {"groups": "src1"}
    assert many["_claim_sources"]["src1"]["endpoint"].startswith("https://graph.windows.net/")
    assert "email_verified" not in few
    domain = google("x", "x@acme.test", "X", domain="acme.test").claims
    assert (domain["hd"], "groups" in domain) == ("acme.test", False)
    assert "groups" not in okta("x", "x@acme.test", "X").claims


def test_a_provider_of_many_tenants_publishes_a_gap_and_fills_it() -> None:
    tenant = guid("acme")
    with serving(path="/{tenantid}/v2.0") as server:
        server.provider.tenant = tenant
        for place, issuer in (("organizations", "{tenantid}"), (tenant, tenant)):
            found = requests.get(f"{server.url}/{place}/v2.0{WELL_KNOWN}", timeout=5).json()
            assert found["issuer"] == f"{server.url}/{issuer}/v2.0"
        assert server.provider.iss == f"{server.url}/{tenant}/v2.0"


def test_clients_accounts_and_misbehaviour_are_registered_over_http(server: OpenIDServer) -> None:
    known = {"id": "us", "redirect_uris": [BACK], "secret": "other", "algorithm": "ES256"}
    requests.post(f"{server.url}/clients", json=known, timeout=5).raise_for_status()
    account = {"sub": "bob", "claims": {"groups": ["A"]}}
    requests.post(f"{server.url}/accounts", json=account, timeout=5).raise_for_status()
    listed = requests.post(f"{server.url}/misbehave", data={"attack": "?"}, timeout=5)
    assert "alg-none" in listed.json()
    ours = session(server)
    honest = redeem(server, ours, go(server, ours, user="bob")["code"])["id_token"]
    assert read(server, honest, "ES256")["groups"] == ["A"]
    requests.post(f"{server.url}/misbehave", data={"attack": "alg-none"}, timeout=5)
    worse = redeem(server, ours, go(server, ours, user="bob")["code"])["id_token"]
    assert json.loads(keys.decoded(worse.split(".")[0]))["alg"] == "none"
    requests.post(f"{server.url}/misbehave", timeout=5).raise_for_status()
    assert server.site.attack is None


def test_it_runs_as_a_program() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "idp_fixtures.openid_provider", "--user", "ann@acme.test:Support"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        ready = json.loads(program.stdout.readline())
        document = requests.get(ready["discovery_url"], timeout=5).json()
        assert document["issuer"] == ready["issuer"]
    finally:
        program.terminate()
        program.communicate(timeout=10)


def test_a_still_clock_is_the_providers_clock() -> None:
    with serving(clock=lambda: NOON) as server:
        assert server.provider.now == int(NOON.timestamp())
