"""Domains over HTTP: claimed by anybody, proved by a record in the DNS, lost with it."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.net import domain_proofs
from gateway.net.dns import Resolver
from gateway.services import home_realm
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from tests.clock import Clock
from tests.factories import House
from tests.name_server import NameServer
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem
from tests.service.api.test_management import made
from tests.service.signin.lodge import activated

DAY = timedelta(days=1, seconds=1)


@pytest.fixture
def neighbour(gateway: Gateway, globex: House) -> Caller:
    """Globex's owner, by API key."""
    return callers.owner(gateway, globex)


def claimed(caller: Caller, name: str = "shop.example") -> dict[str, Any]:
    found: dict[str, Any] = made(caller.post("domains", {"name": name}))
    return found


def publish(name_server: NameServer, domain: dict[str, Any], *beside: str) -> None:
    """Put the record where the API says, among others."""
    assert domain["record"]["type"] == "TXT"
    name_server.records[domain["record"]["name"]] = [*beside, domain["record"]["value"]]


def proved(caller: Caller, name_server: NameServer, name: str = "shop.example") -> dict[str, Any]:
    domain = claimed(caller, name)
    publish(name_server, domain)
    found: dict[str, Any] = made(caller.post(f"domains/{domain['id']}:verify"), 200)
    return found


def look_again(work: Work, name_server: NameServer) -> int:
    return domain_proofs.look_again(work, Resolver(["127.0.0.1"], name_server.port))


def state(caller: Caller, domain: dict[str, Any]) -> str:
    found: str = made(caller.get(f"domains/{domain['id']}"), 200)["state"]
    return found


def told(work: Work, house: House, kind: str) -> tuple[int, int]:
    """How many facts and how many mails."""
    with work.read(house.organisation_id) as uow:
        rows = uow.all(uow.own(t.outbox).where(t.outbox.c.type == kind))
    channels = [row.channel for row in rows]
    return channels.count("feed"), channels.count("mail")


def test_a_record_in_the_dns_proves_a_domain(owner: Caller, name_server: NameServer) -> None:
    domain = claimed(owner, "Shop.Example.")
    assert domain["record"]["name"] == "_gateway-domain.shop.example"
    path = f"domains/{domain['id']}:verify"
    refused = problem(owner.post(path), 422, "invalid_request")
    assert domain["record"]["value"] in refused["levers"][0]
    publish(name_server, domain, "v=spf1 -all", "x" * 600)
    verified = made(owner.post(path), 200)
    assert (verified["state"], verified["verified_by"]) == ("verified", "dns")
    assert verified["checked_at"] == verified["verified_at"]
    assert set(name_server.asked) == {"_gateway-domain.shop.example"}


@pytest.mark.parametrize(
    "texts",
    [[], ["gateway-domain_"], ["{value}x"], ["x {value}"], ["{VALUE}"]],
    ids=["none", "another", "longer", "amid a text", "another case"],
)
def test_anything_else_does_not(owner: Caller, name_server: NameServer, texts: list[str]) -> None:
    domain = claimed(owner)
    value = domain["record"]["value"]
    name_server.records[domain["record"]["name"]] = [
        text.format(value=value, VALUE=value.upper()) for text in texts
    ]
    problem(owner.post(f"domains/{domain['id']}:verify"), 422, "invalid_request")


def test_a_broken_name_server_is_no_proof(owner: Caller, name_server: NameServer) -> None:
    domain = claimed(owner)
    name_server.broken.add(domain["record"]["name"])
    problem(owner.post(f"domains/{domain['id']}:verify"), 422, "invalid_request")


def test_two_houses_that_claim_one_domain_get_the_same_answers(
    owner: Caller, neighbour: Caller, name_server: NameServer, operator: Caller
) -> None:
    """S0-01: neither learns of the other, whoever was first and whoever proves it."""

    def plain(answer: Any) -> str:
        text: str = answer.get_data(as_text=True)
        return text.replace(theirs["id"], "<id>").replace(theirs["record"]["value"], "<value>")

    alone = [claimed(neighbour, "lonely.example")]
    theirs = alone[0]
    before = plain(neighbour.post(f"domains/{theirs['id']}:verify")).replace("lonely", "shop")
    proved(owner, name_server)
    theirs = claimed(neighbour)
    name_server.asked.clear()
    unproved = neighbour.post(f"domains/{theirs['id']}:verify")
    publish(name_server, theirs)
    also_shown = neighbour.post(f"domains/{theirs['id']}:verify")
    assert plain(unproved) == plain(also_shown) == before
    assert len(name_server.asked) == 2, "the DNS is asked either way"
    read = made(neighbour.get(f"domains/{theirs['id']}"), 200)
    assert (read["state"], read["verified_at"], read["checked_at"]) == ("claimed", None, None)
    ours = made(owner.get("domains"), 200)["items"]
    assert theirs["id"] not in {each["id"] for each in ours}
    problem(
        operator.post(f"/organisations/{neighbour.organisation_id}/domains/{theirs['id']}:verify"),
        409,
        "already_exists",
    )


def test_a_domain_is_given_up_and_then_anothers(
    owner: Caller, neighbour: Caller, name_server: NameServer
) -> None:
    domain = proved(owner, name_server)
    assert owner.delete(f"domains/{domain['id']}").status_code == 204
    problem(owner.get(f"domains/{domain['id']}"), 404, "not_found")
    assert proved(neighbour, name_server)["state"] == "verified"
    again = claimed(owner)
    assert again["id"] != domain["id"]
    assert again["record"]["value"] != domain["record"]["value"]


@pytest.mark.parametrize(
    "name",
    [
        "localhost", "192.0.2.1", "1.2.3.4.5", "[::1]", "co.uk", "com.au", "github.io",
        "onmicrosoft.com", "a..b", "-a.example", "stra\u00dfe.example", "x_y.example",
        "a b.example", "xn--a.example\u200d", "ex\u2102mple." + "a" * 64,
    ],
)  # fmt: skip
def test_what_nobody_alone_can_own_is_not_claimed(owner: Caller, name: str) -> None:
    problem(owner.post("domains", {"name": name}), 422, "invalid_request")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("B\u00fccher.example", "xn--bcher-kva.example"),
        ("acme.co.uk", "acme.co.uk"),
        ("\u4f8b\u3048\u3002\u30c6\u30b9\u30c8", "xn--r8jz45g.xn--zckzah"),
    ],
)
def test_names_in_every_script_have_one_form(owner: Caller, said: str, kept: str) -> None:
    assert claimed(owner, said)["name"] == kept


# -- looked for again --------------------------------------------------------------------


def test_a_proof_is_looked_for_every_day_and_missed_for_a_week(
    owner: Caller, work: Work, acme: House, name_server: NameServer, clock: Clock
) -> None:
    """Then the domain proves nothing: no way in by it, no member by a first sign-in."""
    activated(work, acme)
    domain = proved(owner, name_server)

    def ways_in() -> int:
        with work.platform() as database:
            return len(home_realm.find(database, "ann@shop.example"))

    assert ways_in() == 1
    assert look_again(work, name_server) == 0, "it was looked for just now"
    clock.advance(DAY)
    assert look_again(work, name_server) == 1
    name_server.records.clear()
    clock.advance(DAY)
    look_again(work, name_server)
    assert told(work, acme, "domain.proof_missing") == (1, 2)
    clock.advance(6 * DAY)
    look_again(work, name_server)
    assert (state(owner, domain), ways_in()) == ("verified", 1)
    clock.advance(DAY)
    look_again(work, name_server)
    assert (state(owner, domain), ways_in()) == ("claimed", 0)
    assert told(work, acme, "domain.proof_missing") == (1, 2)
    assert told(work, acme, "domain.lapsed") == (1, 2)
    publish(name_server, domain)
    assert made(owner.post(f"domains/{domain['id']}:verify"), 200)["state"] == "verified"


def test_a_proof_that_returns_in_time_is_as_good_as_before(
    owner: Caller, work: Work, name_server: NameServer, clock: Clock
) -> None:
    domain = proved(owner, name_server)
    for _ in range(3):
        name_server.records.clear()
        clock.advance(DAY)
        look_again(work, name_server)
        clock.advance(5 * DAY)
        publish(name_server, domain)
        look_again(work, name_server)
    read = made(owner.get(f"domains/{domain['id']}"), 200)
    assert (read["state"], read["missing_since"]) == ("verified", None)


def test_silence_of_the_dns_is_borne_for_a_month(
    owner: Caller, work: Work, name_server: NameServer, clock: Clock
) -> None:
    domain = proved(owner, name_server)
    name_server.broken.add(domain["record"]["name"])
    for days, kept in ((1, "verified"), (8, "verified"), (21, "verified"), (1, "claimed")):
        clock.advance(days * DAY)
        look_again(work, name_server)
        assert state(owner, domain) == kept


def test_the_operators_word_needs_no_record(
    operator: Caller, owner: Caller, work: Work, name_server: NameServer, clock: Clock
) -> None:
    domain = claimed(owner)
    path = f"/organisations/{owner.organisation_id}/domains/{domain['id']}:verify"
    assert made(operator.post(path), 200)["verified_by"] == "operator"
    clock.advance(60 * DAY)
    assert look_again(work, name_server) == 0
    assert name_server.asked == []
