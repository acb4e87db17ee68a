"""Mia is in Acme, through its provider, and in Globex, by her own password (semantics §13).

Acme's provider is Globex's worst neighbour: whatever it says, its word opens Acme alone, and no
session that it made shows anything of Globex or changes what Mia proves herself by.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from gateway.api import ENDPOINTS
from gateway.api.endpoint import PERSON
from gateway.domain.errors import InvalidRequest
from gateway.services import domains
from gateway.services.domains import Sighting
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.unit_of_work import UnitOfWork, Work
from idp_fixtures.openid_provider.hostile.scenes import Attack, saying
from idp_fixtures.saml_idp.provider import packed
from tests.clock import Clock, CountedIds
from tests.factories import provision
from tests.isolation.neighbours import MIA, Neighbours, Visitor, by_openid, by_saml
from tests.service.api.examples import body_of, path_of, query_of
from tests.service.signin.lodge import VAULT
from tests.wire.oidc.conftest import CLIENT
from tests.wire.saml.conftest import refusal

NOBODYS = UUID("01234567-89ab-7cde-8f01-23456789abcd")
SCOPED = [each for each in ENDPOINTS if each.scoped]
PERSONAL = [each for each in ENDPOINTS if each.allow == PERSON]
VOLATILE = {"X-Request-Id", "Date"}
SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
CREDENTIALS = (t.totp_secrets, t.recovery_codes, t.passkeys, t.mailed_links)


@pytest.fixture
def work(engines: Engines, clock: Clock) -> Work:
    return Work(engines, clock=clock, new_id=CountedIds(), vault=VAULT)


@pytest.fixture
def saml_town(work: Work, clock: Clock) -> Iterator[Neighbours]:
    with by_saml(work, clock) as town:
        yield town


@pytest.fixture
def openid_town(work: Work, clock: Clock) -> Iterator[Neighbours]:
    with by_openid(work, clock) as town:
        yield town


@pytest.fixture(params=[by_saml, by_openid])
def town(request: pytest.FixtureRequest, work: Work, clock: Clock) -> Iterator[Neighbours]:
    with request.param(work, clock) as town:
        yield town


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
    again = town.acme.come_back(mia.browser, asked, town.account(MIA, MIA, "Mia", []))
    assert again.status_code == 303
    assert mia.opens() == ["Acme"]


# -- what Acme's provider may say ----------------------------------------------------


def test_the_other_houses_people_are_nobody_here(town: Neighbours) -> None:
    """An address of theirs, a subject, one of each; newcomers welcome or not."""
    for jit, said in itertools.product(
        (False, True),
        (
            ("x1", "owner@globex.test", "Owner"),
            ("ann@globex.test", "ann@globex.test", "Ann"),
            ("owner@globex.test", MIA, "Mia"),
        ),
    ):
        town.acme.lodge.configure(jit=jit)
        before = town.acme.counted()
        browser = town.acme.browser()
        account = town.account(*said, [])
        answer = town.acme.come_back(browser, town.acme.begin(browser), account)
        assert refusal(answer) in ("unknown_person", "email_domain_unproved"), said
        assert browser.session is None, said
        assert town.acme.counted() == before, "and leaves no row"


def test_the_other_houses_subject_signs_in_its_namesake_here_at_most(town: Neighbours) -> None:
    """The same subject at both providers is two people."""
    ann = town.account("ann@globex.test", "ann@globex.test", "Ann", [])
    globex = town.globex.sign_in(ann)
    provision(town.acme.lodge.work, town.acme.lodge.house, "ann@globex.test", "e9")
    acme = town.acme.sign_in(ann)
    assert Visitor(acme).opens() == ["Acme"]
    assert Visitor(globex).opens() == ["Globex"]
    assert Visitor(acme).me()["person_id"] != Visitor(globex).me()["person_id"]


def test_a_message_to_the_other_houses_connection_is_refused(saml_town: Neighbours) -> None:
    """Acme's key signs what is addressed to Globex in every detail."""
    acme, globex = saml_town.acme, saml_town.globex
    for issuer in (acme.idp.entity_id, globex.idp.entity_id):
        browser = globex.browser()
        asked = globex.begin(browser)
        recipe = acme.idp.recipe(globex.service, saml_town.account(MIA, MIA, "Mia", []), asked.id)
        recipe = replace(recipe, issuer=issuer, assertion_issuer=issuer)
        before = globex.counted()
        form = {
            "SAMLResponse": packed(acme.idp.issue(recipe)),
            "RelayState": asked.relay_state,
        }
        answer = browser.post(globex.addresses.acs_url, form)
        assert refusal(answer) in ("issuer_mismatch", "signature_invalid")
        assert globex.counted() == before
        assert browser.session is None


@SQLITE
def test_a_code_for_the_other_houses_connection_is_refused(openid_town: Neighbours) -> None:
    """Acme's provider issues a code for all that Globex's connection asked of its own."""
    acme, globex = openid_town.acme, openid_town.globex
    client = acme.server.provider.clients[CLIENT]
    acme.server.register(replace(client, redirect_uris=(globex.addresses.redirect_uri,)))
    own, theirs = (quote(each.server.issuer, "") for each in (acme, globex))
    for issuer, reason in ((own, "issuer_mismatch"), (theirs, "provider_refused")):
        browser = globex.browser()
        asked = globex.begin(browser).replace(globex.server.url, acme.server.url)
        before = globex.counted()
        way = acme.visit(asked, openid_town.account(MIA, MIA, "Mia", [])).replace(own, issuer)
        assert refusal(browser.get(way)) == reason
        assert globex.counted() == before
        assert browser.session is None


@SQLITE
def test_a_token_in_the_other_houses_name_is_refused(openid_town: Neighbours) -> None:
    """Acme's provider says Globex's issuer, client or key to Acme's own connection."""
    acme, globex = openid_town.acme, openid_town.globex
    before = acme.counted()
    for reason, says, header in (
        ("issuer_mismatch", {"iss": globex.server.issuer}, {}),
        ("audience_mismatch", {"aud": globex.addresses.redirect_uri}, {}),
        ("key_unknown", {}, {"kid": "globex"}),
    ):
        lie = saying(lambda _, says=says: says, **header)  # type: ignore[misc]
        acme.server.site.attack = Attack(name=reason, says="", at={"id_token": lie})
        assert acme.refusal(openid_town.account(MIA, MIA, "Mia", [])) == reason
        assert acme.counted() == before


def test_an_answer_begun_at_one_connection_ends_at_no_other(saml_town: Neighbours) -> None:
    acme, globex = saml_town.acme, saml_town.globex
    browser = acme.browser()
    asked = globex.begin(browser)
    mia = saml_town.account(MIA, MIA, "Mia", [])
    recipe = acme.idp.recipe(acme.service, mia, asked.id)
    form = {"SAMLResponse": packed(acme.idp.issue(recipe)), "RelayState": asked.relay_state}
    assert refusal(browser.post(acme.addresses.acs_url, form)) == "attempt_unknown"
    assert browser.session is None


@SQLITE
def test_a_code_for_an_attempt_at_one_connection_ends_at_no_other(openid_town: Neighbours) -> None:
    acme, globex = openid_town.acme, openid_town.globex
    browser = acme.browser()
    asked = parse_qs(urlsplit(globex.begin(browser)).query)
    way = acme.visit(acme.begin(browser), openid_town.account(MIA, MIA, "Mia", []))
    own = parse_qs(urlsplit(way).query)
    moved = way.replace(quote(own["state"][0], ""), quote(asked["state"][0], ""))
    assert refusal(browser.get(moved)) == "attempt_unknown"
    assert browser.session is None


# -- one domain, two houses ------------------------------------------------------------


def test_two_houses_that_claim_one_domain_never_see_each_other(saml_town: Neighbours) -> None:
    """Every answer to one is what it would be without the other."""
    acme, globex = saml_town.acme.lodge, saml_town.globex.lodge

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
