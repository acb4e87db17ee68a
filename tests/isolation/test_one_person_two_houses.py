"""Mia is in Acme, through its provider, and in Globex, by her own password (semantics §13).

Acme's provider is Globex's worst neighbour: whatever it says, its word opens Acme alone, and no
session that it made shows anything of Globex or changes what Mia proves herself by.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.api import ENDPOINTS
from gateway.api.endpoint import PERSON
from gateway.app import Gateway
from gateway.domain.errors import InvalidRequest
from gateway.services import domains, organisations
from gateway.services.domains import Sighting
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from idp_fixtures.saml_idp.provider import Account, okta, packed
from tests.clock import Clock, CountedIds
from tests.factories import PASSWORD, PASSWORD_HASH, provision
from tests.service.api.examples import Things, body_of, path_of, query_of, things
from tests.service.signin.lodge import VAULT
from tests.wire.saml.conftest import ORIGIN, Browser, Stage, application, refusal, staged

MIA = "mia@acme.test"
NOBODYS = UUID("01234567-89ab-7cde-8f01-23456789abcd")
SCOPED = [each for each in ENDPOINTS if each.scoped]
PERSONAL = [each for each in ENDPOINTS if each.allow == PERSON]
VOLATILE = {"X-Request-Id", "Date"}
CREDENTIALS = (t.totp_secrets, t.recovery_codes, t.passkeys, t.mailed_links)


@dataclass
class Neighbours:
    """Both houses, and everything that Globex has."""

    acme: Stage
    globex: Stage
    theirs: Things

    def by_provider(self, account: Account | None = None) -> "Visitor":
        """Mia as Acme's provider signs her in."""
        return Visitor(self.acme.sign_in(account or okta(MIA, MIA, "Mia", [])))

    def by_password(self) -> "Visitor":
        """Mia by her own password."""
        browser = self.acme.browser()
        form = {"email": MIA, "password": PASSWORD}
        answer = browser.post(f"{ORIGIN}/login/password", form, headers={"Origin": ORIGIN})
        assert answer.status_code == 303, answer.text
        return Visitor(browser)


@dataclass
class Visitor:
    """A browser with a session, calling the API as our pages do."""

    browser: Browser

    def call(self, method: str, path: str, json: Any = None, **rest: Any) -> TestResponse:
        headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        if method != "GET":
            headers["X-CSRF-Token"] = self.me()["form_token"]
        return self.browser.client.open(
            f"/api/v1{path}", method=method, json=json, headers=headers, base_url=ORIGIN, **rest
        )

    def me(self) -> dict[str, Any]:
        answer = self.browser.client.get("/api/v1/me", base_url=ORIGIN)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def opens(self) -> list[str]:
        """Names of the organisations that the session opens."""
        return [each["name"] for each in self.me()["organisations"]]


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def app(work: Work) -> Iterator[Gateway]:
    with application(work) as app:
        yield app


@pytest.fixture
def town(app: Gateway, work: Work, clock: Clock) -> Neighbours:
    """Mia had her account at Globex first; then Acme, whose domain she has, provisioned her."""
    acme, globex = staged(app, work, clock, "acme"), staged(app, work, clock, "globex")

    globex.lodge.do(
        lambda uow: organisations.add_member(
            uow, email=MIA, display_name="Mia", role="admin", password_hash=PASSWORD_HASH
        )
    )
    provision(work, acme.lodge.house, MIA, "m1")
    return Neighbours(acme, globex, things(work, globex.lodge.house))


def shape(answer: TestResponse, asked: UUID) -> tuple[object, ...]:
    """All of an answer but the id that was asked for."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k not in VOLATILE)
    body = re.sub(r'"dec_[^"]+"', '"<decision>"', answer.get_data(as_text=True))
    return answer.status_code, headers, body.replace(str(asked), "<id>")


def credentials_of(town: Neighbours) -> list[Any]:
    """What Mia proves herself by, as it is stored."""
    with town.acme.lodge.work.platform() as database:
        persons = database.execute(t.persons.select().where(t.persons.c.email == MIA)).all()
        return [*persons, *(database.execute(each.select()).all() for each in CREDENTIALS)]


def test_her_password_opens_both_and_the_providers_word_one(town: Neighbours) -> None:
    assert town.by_password().opens() == ["Acme", "Globex"]
    assert town.by_provider().opens() == ["Acme"]


def test_on_every_route_the_other_house_answers_like_none(town: Neighbours) -> None:
    """S0-01: read, list or change, a session of Acme's provider learns nothing of Globex."""
    mia = town.by_provider()
    told = {}
    for endpoint in SCOPED:
        known = {**town.theirs, "organisation": NOBODYS}
        asked = (body_of(endpoint, town.theirs),)
        query = query_of(endpoint, town.theirs)
        foreign = mia.call(
            endpoint.method, path_of(endpoint, town.theirs), *asked, query_string=query
        )
        absent = mia.call(endpoint.method, path_of(endpoint, known), *asked, query_string=query)
        here = shape(foreign, town.theirs["organisation"])
        if here != shape(absent, NOBODYS) or foreign.status_code != 404:
            told[endpoint.operation] = (foreign.data, absent.data)
    assert told == {}


def test_what_is_hers_alone_stays_hers(town: Neighbours) -> None:
    """Not one credential changes, and nothing tells of the account beyond Acme."""
    before = credentials_of(town)
    mia = town.by_provider()
    told = {}
    for endpoint in PERSONAL:
        if endpoint.path.startswith("/sessions"):
            continue
        ids = {**town.theirs, "passkey": NOBODYS}
        answer = mia.call(endpoint.method, path_of(endpoint, ids), body_of(endpoint, town.theirs))
        if endpoint.path == "/me/chatbots":
            # What the session opens is hers to see; the other house's chatbots are not in it.
            assert "lobex" not in answer.text
        elif answer.get_json().get("code") != "step_up_required":
            told[endpoint.operation] = answer.text
    assert told == {}
    assert credentials_of(town) == before
    me = mia.me()
    assert (me["email"], me["factors"]) == (None, [])
    assert "lobex" not in str(me)


def test_sessions_by_her_password_are_out_of_sight_and_out_of_reach(town: Neighbours) -> None:
    by_password = town.by_password()
    mia = town.by_provider()
    own = by_password.me()["id"]
    seen = mia.call("GET", "/sessions").get_json()["items"]
    assert {each["id"] for each in seen} <= {mia.me()["id"], own}
    mia.call("POST", f"/sessions/{own}:revoke")
    mia.call("POST", "/sessions:revoke-others")
    assert by_password.opens() == ["Globex"], "what Acme's word reaches is Acme"


def test_a_session_that_only_opens_the_other_house_is_not_even_there(town: Neighbours) -> None:
    work = town.acme.lodge.work
    by_password = town.by_password()
    session = UUID(by_password.me()["id"])
    gone = t.session_proofs.delete().where(
        t.session_proofs.c.session_id == session,
        t.session_proofs.c.organisation_id == town.acme.lodge.organisation_id,
    )
    work.run_platform(lambda database, _: database.execute(gone) and None)
    mia = town.by_provider()
    assert [x["id"] for x in mia.call("GET", "/sessions").get_json()["items"]] == [mia.me()["id"]]
    absent = mia.call("POST", f"/sessions/{NOBODYS}:revoke")
    hers = mia.call("POST", f"/sessions/{session}:revoke")
    assert shape(hers, session) == shape(absent, NOBODYS)
    assert by_password.opens() == ["Globex"]


def test_signing_in_again_carries_no_proof_from_one_browser_to_another(town: Neighbours) -> None:
    """A browser that Acme's provider signed in keeps Acme alone, however often it comes."""
    mia = town.by_provider()
    asked = town.acme.begin(mia.browser)
    again = town.acme.come_back(mia.browser, asked, okta(MIA, MIA, "Mia", []))
    assert again.status_code == 303
    assert mia.opens() == ["Acme"]


# -- what Acme's provider may say ----------------------------------------------------


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(okta("x1", "owner@globex.test", "Owner", []), id="an address of theirs"),
        pytest.param(okta("ann@globex.test", "ann@globex.test", "Ann", []), id="a subject"),
        pytest.param(okta("owner@globex.test", MIA, "Mia", []), id="one of each"),
    ],
)
@pytest.mark.parametrize("jit", [False, True])
def test_the_other_houses_people_are_nobody_here(
    town: Neighbours, account: Account, jit: bool
) -> None:
    town.acme.lodge.configure(jit=jit)
    before = town.acme.counted()
    browser = town.acme.browser()
    answer = town.acme.come_back(browser, town.acme.begin(browser), account)
    assert refusal(answer) in ("unknown_person", "email_domain_unproved")
    assert browser.session is None
    assert town.acme.counted() == before, "and leaves no row"


def test_the_other_houses_subject_signs_in_its_namesake_here_at_most(town: Neighbours) -> None:
    """The same subject at both providers is two people."""
    globex = town.globex.sign_in(okta("ann@globex.test", "ann@globex.test", "Ann", []))
    provision(town.acme.lodge.work, town.acme.lodge.house, "ann@globex.test", "e9")
    acme = town.acme.sign_in(okta("ann@globex.test", "ann@globex.test", "Ann", []))
    assert Visitor(acme).opens() == ["Acme"]
    assert Visitor(globex).opens() == ["Globex"]
    assert Visitor(acme).me()["person_id"] != Visitor(globex).me()["person_id"]


@pytest.mark.parametrize("issuer", ["its own", "theirs"])
def test_a_message_to_the_other_houses_connection_is_refused(town: Neighbours, issuer: str) -> None:
    """Acme's key signs what is addressed to Globex in every detail."""
    mia, globex = okta(MIA, MIA, "Mia", []), town.globex
    browser = globex.browser()
    asked = globex.begin(browser)
    recipe = town.acme.idp.recipe(globex.service, mia, asked.id)
    if issuer == "theirs":
        entity_id = globex.idp.entity_id
        recipe = replace(recipe, issuer=entity_id, assertion_issuer=entity_id)
    before = globex.counted()
    form = {
        "SAMLResponse": packed(town.acme.idp.issue(recipe)),
        "RelayState": asked.relay_state,
    }
    answer = browser.post(globex.addresses.acs_url, form)
    assert refusal(answer) in ("issuer_mismatch", "signature_invalid")
    assert globex.counted() == before
    assert browser.session is None


def test_an_answer_begun_at_one_connection_ends_at_no_other(town: Neighbours) -> None:
    acme, globex = town.acme, town.globex
    browser = acme.browser()
    asked = globex.begin(browser)
    recipe = acme.idp.recipe(acme.service, okta(MIA, MIA, "Mia", []), asked.id)
    form = {"SAMLResponse": packed(acme.idp.issue(recipe)), "RelayState": asked.relay_state}
    assert refusal(browser.post(acme.addresses.acs_url, form)) == "attempt_unknown"
    assert browser.session is None


# -- one domain, two houses ------------------------------------------------------------


def test_two_houses_that_claim_one_domain_never_see_each_other(town: Neighbours) -> None:
    """Every answer to one is what it would be without the other."""
    acme, globex = town.acme.lodge, town.globex.lodge

    def steps(uow: UnitOfWork, seen: Sighting) -> list[object]:
        domain_id = domains.claim(uow, "shared.test")
        told: list[object] = [domains.get(uow, domain_id).state]
        try:
            domains.verify(uow, domain_id, seen)
        except InvalidRequest as refused:
            told += [type(refused), str(refused)]
        return [*told, domains.get(uow, domain_id).state, len(domains.listing(uow))]

    alone = globex.do(lambda uow: steps(uow, Sighting.ABSENT))
    acme.do(lambda uow: steps(uow, Sighting.SHOWN))
    for seen in (Sighting.ABSENT, Sighting.SILENT, Sighting.SHOWN):
        assert globex.do(partial(steps, seen=seen)) == alone
    names = {row.token for lodge in (acme, globex) for row in lodge.rows(t.domains)}
    assert len(names) == len(acme.rows(t.domains)) + len(globex.rows(t.domains))
    acme.do(lambda uow: domains.release(uow, acme.rows(t.domains, name="shared.test")[0].id))
    assert globex.do(lambda uow: steps(uow, Sighting.SHOWN)) == ["claimed", "verified", 3]
