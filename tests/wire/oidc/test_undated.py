"""Providers that do not say when somebody signed in, as Google: good for coming in, not for more.

OpenID Connect Core §3.1.2.1: whoever is asked for `max_age` has to answer with `auth_time`.
"""

import pytest
from werkzeug.test import TestResponse

from gateway.domain.signin import Link
from gateway.services import credentials, identities
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork
from idp_fixtures.openid_provider.accounts import google
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.isolation.neighbours import Visitor
from tests.wire.oidc.conftest import Stage, asked
from tests.wire.saml.conftest import ORIGIN, Browser, refusal

ANN = google("ann@acme.test", "ann@acme.test", "Ann Acme", domain="acme.test")
OLGA = google("olga-at-google", "owner@acme.test", "Olga Acme", domain="acme.test")


def test_the_proof_opens_the_organisation_and_is_not_fresh(stage: Stage) -> None:
    browser = stage.sign_in(ANN)
    entered = stage.entrance(browser)
    assert (entered.member_name, entered.proved_at) == ("Ann", None)
    assert not entered.is_fresh(stage.clock())


def test_who_is_asked_to_prove_it_again_is_refused_and_stays_signed_in(stage: Stage) -> None:
    browser = stage.sign_in(ANN)
    before = browser.session
    place = stage.begin(browser, again="1")
    assert {"prompt": "login", "max_age": "0"}.items() <= asked(place).items()
    assert refusal(stage.come_back(browser, place, ANN)) == "authentication_undated"
    assert browser.session == before
    assert not stage.entrance(browser).is_fresh(stage.clock())
    last = stage.traces()[0]["checks"][-1]
    assert (last["name"], last["passed"]) == ("authentication", False)
    assert "auth_time" in last["detail"]


def test_where_the_connection_asks_for_it_nobody_comes_in_without(stage: Stage) -> None:
    stage.lodge.configure(max_age=300)
    assert stage.refusal(ANN) == "authentication_undated"
    stage.sign_in()


@pytest.mark.parametrize("first", ["provider", "own factors"])
def test_own_factors_in_the_same_browser_prove_it_whatever_is_enforced(
    stage: Stage, first: str
) -> None:
    """Google's admins are not locked out of what is sensitive: this is the documented way."""
    codes = stage.lodge.do(lambda uow: furnished(uow, stage))
    browser = stage.browser()
    visitor = Visitor(browser)
    if first == "own factors":
        by_own_factors(browser, codes[0])
        assert visitor.opens() == []
    assert stage.come_back(browser, stage.begin(browser), OLGA).status_code == 303
    if first == "provider":
        assert appoint(stage, visitor).get_json()["code"] == "step_up_required"
        by_own_factors(browser, codes[0])
    assert stage.entrance(browser).method == "sso"
    assert appoint(stage, visitor).status_code == 201


def furnished(uow: UnitOfWork, stage: Stage) -> list[str]:
    """Olga has factors of her own, an account at Google, and an organisation that enforces it."""
    member = uow.load(t.members, stage.lodge.house.owner_id)
    said = stage.lodge.says(OLGA.sub)
    identities.link(uow, said, member, Link.PROOF)
    uow.update(t.sso_connections, {"id": stage.lodge.connection_id}, enforced=True)
    here = PersonWork.beside(uow)
    here.change(t.persons, member.person_id, password_hash=PASSWORD_HASH)
    return credentials.new_recovery_codes(here, member.person_id)


def by_own_factors(browser: Browser, code: str) -> None:
    """Olga signs in by her password and a recovery code."""
    form, own = {"email": "owner@acme.test", "password": PASSWORD}, {"Origin": ORIGIN}
    asked_for = browser.post(f"{ORIGIN}/login/password", form, headers=own)
    assert asked_for.headers["Location"] == "/login/code", asked_for.text
    assert browser.post(f"{ORIGIN}/login/code", {"code": code}, headers=own).status_code == 303


def appoint(stage: Stage, visitor: Visitor) -> TestResponse:
    """Olga lets herself always come in, which is sensitive."""
    where = f"/organisations/{stage.lodge.organisation_id}/break-glass-owners"
    return visitor.call("POST", where, {"member_id": str(stage.lodge.house.owner_id)})
