"""oidc-provider, the certified npm package: sign-in, groups, wrong key, rollover, both logouts.

It can encrypt tokens; the gateway takes none that are, and publishes no key to do it with.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idp_fixtures.openid_provider.keys import Key, spare
from tests.databases import Databases
from tests.peers import larder
from tests.peers.openid_stage import CLIENT, SECRET, OpenIDStage, openid_staged
from tests.peers.stage import running

NODE = shutil.which("node") or "node"
PROGRAM = Path(__file__).with_name("oidc_provider_server.mjs")
OWN = spare("RS256", kid="own")
PEOPLE = {
    "jim": {
        "email": "jim@acme.test",
        "email_verified": True,
        "name": "Jim Acme",
        "groups": ["Support", "Eng"],
    },
    "ann@acme.test": {"email": "ann@acme.test", "email_verified": True, "name": "Ann Acme"},
}
JIM = {"login": "jim", "password": "any"}
ANN = {"login": "ann@acme.test", "password": "any"}
YES = {"logout": "yes"}


@pytest.fixture
def stage(databases: Databases, tmp_path: Path) -> Iterator[OpenIDStage]:
    with databases.migrated("sqlite", tmp_path) as database, openid_staged(database) as stage:
        yield stage


@contextmanager
def peer(
    stage: OpenIDStage,
    folder: Path,
    *keys: Key,
    client: Mapping[str, Any] | None = None,
    by_userinfo: bool = False,
) -> Iterator[None]:
    """Run oidc-provider."""
    ours = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [stage.ours.redirect_uri],
        "post_logout_redirect_uris": [f"{stage.origin}/login"],
        "backchannel_logout_uri": stage.ours.backchannel_logout_url,
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        **(client or {}),
    }
    config = {
        "modules": str(larder.SHELVES["oidc-provider"].folder / "package.json"),
        "issuer": stage.issuer,
        "port": stage.port,
        "keys": [key.private_jwk for key in keys or (OWN,)],
        "people": PEOPLE,
        "clients": [ours],
        "claims_by_userinfo": by_userinfo,
    }
    place = folder / "config.json"
    place.write_text(json.dumps(config))
    with running([NODE, str(PROGRAM), str(place)], stage.port, folder, {}):
        yield


def test_people_sign_in_with_their_groups(stage: OpenIDStage, tmp_path: Path) -> None:
    """PKCE is required there, and the way back names the issuer (RFC 9207)."""
    with peer(stage, tmp_path):
        stage.discover()
        entered = stage.entrance(stage.sign_in(**JIM))
        assert entered.member_name == "Jim Acme"
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


@pytest.mark.parametrize("signed", [False, True], ids=["object", "token"])
def test_claims_may_come_by_userinfo(stage: OpenIDStage, tmp_path: Path, signed: bool) -> None:
    client = {"userinfo_signed_response_alg": "RS256"} if signed else {}
    with peer(stage, tmp_path, client=client, by_userinfo=True):
        stage.discover(use_userinfo=True)
        entered = stage.entrance(stage.sign_in(**JIM))
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
def test_tokens_are_signed_as_agreed(stage: OpenIDStage, tmp_path: Path, algorithm: str) -> None:
    client = {"id_token_signed_response_alg": algorithm}
    with peer(stage, tmp_path, OWN, spare(algorithm), client=client):
        stage.discover(algorithms=[algorithm])
        stage.sign_in(**JIM)
        stage.lodge.configure(algorithms=["RS256"])
        assert stage.refusal(**JIM) == "algorithm_refused"


def test_the_client_may_prove_itself_by_its_key(stage: OpenIDStage, tmp_path: Path) -> None:
    client = {"token_endpoint_auth_method": "private_key_jwt", "jwks": stage.our_key_set}
    with peer(stage, tmp_path, client=client):
        stage.discover(client_auth="private_key_jwt")
        stage.sign_in(**JIM)


def test_the_secret_may_go_in_the_form_and_a_wrong_one_opens_nothing(
    stage: OpenIDStage, tmp_path: Path
) -> None:
    with peer(stage, tmp_path, client={"token_endpoint_auth_method": "client_secret_post"}):
        stage.discover(client_auth="client_secret_post")
        stage.sign_in(**JIM)
        stage.lodge.configure(client_secret="another")
        assert stage.refusal(**JIM) == "provider_refused"


def test_keys_that_are_not_the_providers_are_not_believed(
    stage: OpenIDStage, tmp_path: Path
) -> None:
    foreign = spare("RS256", kid="foreign")
    with peer(stage, tmp_path):
        stage.discover()
        stage.lodge.configure(jwks_uri=f"{stage.stranger.url}/jwks")
        stage.stranger.provider.keys = [foreign]
        assert stage.refusal(**JIM) == "key_unknown"
        stage.discover()
        stage.sign_in(**JIM)


def test_another_key_under_the_name_of_ours_is_not_believed(
    stage: OpenIDStage, tmp_path: Path
) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        stage.lodge.configure(jwks_uri=f"{stage.stranger.url}/jwks")
        stage.stranger.provider.keys = [replace(spare("RS256", kid="foreign"), kid=OWN.kid)]
        assert stage.refusal(**JIM) == "signature_invalid"


def test_keys_roll_over(stage: OpenIDStage, tmp_path: Path) -> None:
    new = spare("RS256", kid="new")
    for keys in ((OWN,), (new, OWN), (new,)):
        with peer(stage, tmp_path, *keys):
            stage.discover()
            stage.sign_in(**JIM)


def test_our_logout_ends_both_sessions(stage: OpenIDStage, tmp_path: Path) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        browser = stage.sign_in(**JIM)
        token = browser.session
        ended = browser.open(stage.logout_url, **YES)
        assert ended.failure is None, stage.traces()
        assert ended.response.url.partition("?")[0] == f"{stage.origin}/login"
        assert not stage.is_live(token)
        asked = browser.client.get(stage.login_url, timeout=20)
        assert 'name="password"' in asked.text


@pytest.mark.parametrize("session", [False, True], ids=["of-somebody", "of-one-session"])
def test_a_logout_at_the_provider_ends_our_session(
    stage: OpenIDStage, tmp_path: Path, session: bool
) -> None:
    """It comes by the back channel: the browser never sees it."""
    with peer(stage, tmp_path, client={"backchannel_logout_session_required": session}):
        stage.discover()
        mine, other = stage.sign_in(**JIM), stage.sign_in(**ANN)
        mine.open(f"{stage.issuer}/session/end", **YES)
        assert eventually(lambda: not stage.is_live(mine.session))
        assert stage.is_live(other.session)
        stage.sign_in(**JIM)


def test_a_person_that_scim_deactivated_is_refused(stage: OpenIDStage, tmp_path: Path) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        token = stage.sign_in(**ANN).session
        stage.deactivate("ann@acme.test")
        assert not stage.is_live(token)
        assert stage.refusal(**ANN) == "deprovisioned_by_idp"


def test_who_declines_there_is_nobody_here(stage: OpenIDStage, tmp_path: Path) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        browser = stage.browser()
        asked = browser.client.get(stage.login_url, timeout=20)
        declined = browser.open(f"{asked.url}/abort")
        assert declined.failure == "provider_refused"
        assert browser.session is None


def eventually(holds: Callable[[], bool], patience: float = 10.0) -> bool:
    """Whether something comes true in time."""
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
