"""Every hostile description of a provider, taken by an admin, then used by somebody."""

from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from idp_fixtures.openid_provider.hostile import ATTACKS, TWINS, Attack
from idp_fixtures.openid_provider.hostile.documents import ASKED_BY_US
from tests.service.api import callers
from tests.wire.oidc.conftest import Stage
from tests.wire.oidc.inside import inside

KIND = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
PARTS = 3
HOSTILE = [x for x in ATTACKS.values() if "discovery" in x.at and x.name != "discovery-slow"]
ODD = [twin for twin in TWINS.values() if "discovery" in twin.at]
LATER = tuple(f"{name.partition('_')[0]}-at-" for name in ASKED_BY_US)
"""What may be written down, and is refused when somebody would have to go there."""


def take(stage: Stage, **wish: Any) -> TestResponse:
    """An admin lets the connection be what its issuer describes."""
    where = f"/organisations/{stage.lodge.organisation_id}/oidc-connections"
    body = {"issuer": stage.server.issuer, **wish}
    admin = callers.with_role(stage.app, stage.lodge.house, "owner")
    return admin.patch(f"{where}/{stage.lodge.connection_id}", body)


@KIND
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hostile_description_leads_nowhere(stage: Stage, part: int, entries: list[Any]) -> None:
    """Refused where it is taken; an address inside is never gone to, nor is anybody signed in."""
    honest = settings_of(stage)
    before = stage.counted()
    with inside() as place:
        stage.server.site.elsewhere = place.url
        for attack in HOSTILE[part::PARTS]:
            stage.server.site.attack = attack
            taken = take(stage, use_userinfo=bool(attack.given.get("userinfo")))
            stage.server.site.attack = None
            if taken.status_code == 200:
                assert attack.name.startswith(LATER), attack.name
                assert signs_nobody_in(stage), attack.name
            else:
                assert taken.status_code == 422, (attack.name, taken.text)
            assert stage.counted() == before, attack.name
            stage.lodge.configure(**honest)
        assert place.visitors == []
    assert [entry for entry in entries if entry["event"] == "unexpected"] == []
    assert not [path for path in stage.server.site.visited if path.startswith("/evil")]
    stage.sign_in()


def settings_of(stage: Stage) -> dict[str, Any]:
    """What the connection knows of its honest provider."""
    published = stage.server.provider.discovery()
    names = (*ASKED_BY_US, "authorization_endpoint", "end_session_endpoint")
    return {"algorithms": ["RS256"], **{name: published[name] for name in names}}


def signs_nobody_in(stage: Stage) -> bool:
    """Whether a sign-in is refused like any other failure."""
    browser, answer = stage.attempt()
    unreachable = answer.headers.get("X-Sign-In-Failure") == "provider_unreachable"
    return answer.status_code == 403 and unreachable and browser.session is None


@KIND
def test_a_description_that_drips_is_left(stage: Stage) -> None:
    stage.server.site.attack = ATTACKS["discovery-slow"]
    assert take(stage).status_code == 422


@pytest.mark.parametrize("twin", ODD, ids=lambda twin: twin.name)
def test_an_odd_description_is_taken(stage: Stage, twin: Attack) -> None:
    stage.server.site.attack = twin
    assert take(stage).status_code == 200
    stage.sign_in()


def test_what_the_issuer_describes_signs_people_in_and_out(stage: Stage) -> None:
    assert take(stage).status_code == 200
    browser = stage.sign_in()
    left = browser.get(stage.addresses.login_url.removesuffix("login") + "logout")
    assert not stage.server.site.attack
    place = left.headers["Location"]
    assert place.startswith(f"{stage.server.url}/end-session?")
    back = requests.get(place, timeout=10, allow_redirects=False)
    assert back.headers["Location"] == "https://gateway.test/login"
    assert browser.session is None
