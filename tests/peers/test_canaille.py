"""canaille: sign-in, groups, `aud: []`, wrong key, rollover, logout as far as it can.

It has no back channel: a logout there ends our session only where it began here. It encrypts no
token, and the gateway would take none.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from idp_fixtures.openid_provider.keys import Key, spare
from tests.databases import Databases
from tests.peers import larder
from tests.peers.openid_stage import CLIENT, SECRET, OpenIDStage, openid_staged
from tests.peers.stage import running

PROGRAM = Path(__file__).with_name("canaille_server.py")
OWN = spare("RS256", kid="own")
PASSWORD = "correct horse battery staple"
ANN = {"login": "ann@acme.test", "password": PASSWORD, "answer": "accept"}
JIM = {**ANN, "login": "jim"}
YES = {"answer": "logout"}


@pytest.fixture
def stage(databases: Databases, tmp_path: Path) -> Iterator[OpenIDStage]:
    with databases.migrated("sqlite", tmp_path) as database, openid_staged(database) as stage:
        yield stage


@contextmanager
def peer(stage: OpenIDStage, folder: Path, *keys: Key, audience: bool = True) -> Iterator[None]:
    """Run canaille; without an audience its client's tokens are for nobody."""
    ann = {"id": "ann@acme.test", "email": "ann@acme.test", "name": "Ann Acme"}
    jim = {"id": "jim", "email": "jim@acme.test", "name": "Jim Acme"}
    config = {
        "port": stage.port,
        "keys": [key.private_jwk for key in keys or (OWN,)],
        "people": [{**person, "password": PASSWORD} for person in (ann, jim)],
        "groups": {"Support": [ann["id"], jim["id"]], "Eng": [jim["id"]]},
        "client": {
            "id": CLIENT,
            "secret": SECRET,
            "redirect_uris": [stage.ours.redirect_uri],
            "post_logout_redirect_uris": [f"{stage.origin}/login"],
            "audience": audience,
        },
    }
    place = folder / "config.json"
    place.write_text(json.dumps(config))
    python = larder.SHELVES["canaille"].folder / "bin/python"
    with running([str(python), str(PROGRAM), str(place)], stage.port, folder, {}):
        yield


def test_people_sign_in_with_their_groups(stage: OpenIDStage, tmp_path: Path) -> None:
    """It writes `auth_time` as a fraction."""
    with peer(stage, tmp_path):
        stage.discover()
        stage.link("jim")
        entered = stage.entrance(stage.sign_in(**JIM))
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


def test_tokens_for_nobody_are_refused(stage: OpenIDStage, tmp_path: Path) -> None:
    """A client that was registered without an audience gets `aud: []`."""
    with peer(stage, tmp_path, audience=False):
        stage.discover()
        assert stage.refusal(**ANN) == "audience_mismatch"
    with peer(stage, tmp_path):
        stage.sign_in(**ANN)


def test_who_is_new_needs_a_verified_address(stage: OpenIDStage, tmp_path: Path) -> None:
    """It says nothing of `email_verified`."""
    with peer(stage, tmp_path):
        stage.discover()
        assert stage.refusal(**JIM) == "email_unverified"


def test_claims_may_come_by_userinfo(stage: OpenIDStage, tmp_path: Path) -> None:
    with peer(stage, tmp_path):
        stage.discover(use_userinfo=True)
        stage.link("jim")
        entered = stage.entrance(stage.sign_in(**JIM))
        assert stage.groups(entered.member_id) == {"Support", "Eng"}


def test_another_key_under_the_name_of_ours_is_not_believed(
    stage: OpenIDStage, tmp_path: Path
) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        stage.lodge.configure(jwks_uri=f"{stage.stranger.url}/jwks")
        stage.stranger.provider.keys = [replace(spare("RS256", kid="foreign"), kid=OWN.kid)]
        assert stage.refusal(**ANN) == "signature_invalid"
        stage.discover()
        stage.sign_in(**ANN)


def test_keys_roll_over(stage: OpenIDStage, tmp_path: Path) -> None:
    new = spare("RS256", kid="new")
    for keys in ((OWN,), (new, OWN), (new,)):
        with peer(stage, tmp_path, *keys):
            stage.discover()
            stage.sign_in(**ANN)


def test_our_logout_ends_both_sessions(stage: OpenIDStage, tmp_path: Path) -> None:
    """There is no back channel there, so this is the only way round."""
    with peer(stage, tmp_path):
        stage.discover()
        browser = stage.sign_in(**ANN)
        token = browser.session
        ended = browser.open(stage.logout_url, **YES)
        assert ended.failure is None, stage.traces()
        assert not stage.is_live(token)
        asked = browser.client.get(stage.login_url, timeout=20)
        assert 'name="login"' in asked.text


def test_a_person_that_scim_deactivated_is_refused(stage: OpenIDStage, tmp_path: Path) -> None:
    with peer(stage, tmp_path):
        stage.discover()
        token = stage.sign_in(**ANN).session
        stage.deactivate("ann@acme.test")
        assert not stage.is_live(token)
        assert stage.refusal(**ANN) == "deprovisioned_by_idp"
