"""The command line against real databases: what operators do, and how refusals read."""

import csv
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import select, update

from gateway.cli import main
from gateway.domain.identity import SYSTEM
from gateway.domain.policies import POLICIES
from gateway.services import members, sealing, terms
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from gateway.storage.vault import new_key
from tests import factories
from tests.factories import House
from tests.name_server import NameServer


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        (line,) = self.out.splitlines()
        return json.loads(line)


Gateway = Callable[..., Said]


@pytest.fixture
def gateway(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Gateway]:
    """Runs a command in this process; puts the logging that it set up back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setenv("GATEWAY_BASE_URL", "https://gateway.test")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["gateway", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def acme(work: Work) -> House:
    return factories.house(work)


CREATE = (
    "organisation", "create", "--slug", "globex", "--name", "Globex", "--preset", "five_role",
    "--owner-email", "gustav@globex.test", "--owner-name", "Gustav", "--json",
)  # fmt: skip


def test_an_organisation_is_created_with_its_owner(gateway: Gateway, work: Work) -> None:
    made = gateway(*CREATE).json
    assert made["owner_password"]
    with work.read(UUID(made["id"])) as uow:
        assert uow.load(t.members, UUID(made["owner"])).owner_of_record


def test_an_owner_who_has_an_account_keeps_its_password(gateway: Gateway) -> None:
    gateway(*CREATE)
    again = [x.replace("globex", "initech").replace("initech.test", "globex.test") for x in CREATE]
    assert gateway(*again).json["owner_password"] is None


def test_a_refusal_is_one_line_and_status_one(gateway: Gateway) -> None:
    gateway(*CREATE)
    refused = gateway(*CREATE)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == (
        "gateway: An organisation is called 'globex' already. (already_exists)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("member", "explain", "x", "--organisation", "no", "--action", "org.read"), "no org"),
        (("scim-token", "create", "--organisation", "no"), "no organisation 'no'"),
        (("owner", "recover", "--organisation", "acme", "--to", "x@y.test"), "no member"),
        (("domain", "verify", "co.uk", "--organisation", "acme"), "nobody's alone"),
        (("keys", "reseal"), "nothing is sealed"),
        (("audit", "verify", "--organisation", "00000000-0000-0000-0000-000000000001"), "no org"),
    ],
)
def test_what_is_not_there_is_named(
    gateway: Gateway, acme: House, arguments: tuple[str, ...], reason: str
) -> None:
    assert acme
    refused = gateway(*arguments)
    assert refused.status == 1
    assert reason in refused.err


def test_a_wrong_option_is_a_usage_error(gateway: Gateway) -> None:
    assert (
        gateway("scim-token", "create", "--organisation", "x", "--expires-in", "2 weeks").status
        == 2
    )


def test_a_domain_is_proved_by_its_record(
    gateway: Gateway, acme: House, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NameServer().start()
    monkeypatch.setenv("GATEWAY_DNS_SERVERS", "127.0.0.1")
    monkeypatch.setenv("GATEWAY_DNS_PORT", str(server.port))
    command = ("domain", "verify", "shop.example", "--organisation", "acme", "--json")
    refused = gateway(*command)
    assert (refused.status, "_gateway-domain.shop.example" in refused.err) == (1, True)
    with work.read(acme.organisation_id) as uow:
        domain = uow.all(uow.own(t.domains).where(t.domains.c.name == "shop.example"))[0]
    server.records["_gateway-domain.shop.example"] = [domain.token]
    assert gateway(*command).json == {
        "id": str(domain.id),
        "name": "shop.example",
        "state": "verified",
    }
    server.stop()


def test_secrets_are_sealed_again(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ENCRYPTION_KEYS", new_key())
    assert gateway("keys", "reseal", "--json").json == {"sealed_again": 0, "lost": 0}


def test_a_domain_is_proved_by_force(gateway: Gateway, acme: House) -> None:
    proved = gateway("domain", "verify", "Acme.Example", "--organisation", "acme", "--force")
    assert proved.out == "acme.example is proved to be acme's.\n"
    assert acme


def test_a_token_is_issued_rotated_and_revoked(gateway: Gateway, acme: House, work: Work) -> None:
    at = ("--organisation", "acme", "--json")
    issued = gateway("scim-token", "create", "--expires-in", "90d", *at).json
    assert issued["base_url"] == f"https://gateway.test/scim/v2/{acme.connection.id}"
    rotated = gateway("scim-token", "rotate", issued["id"], "--overlap", "1h", *at).json
    assert rotated["token"] != issued["token"]
    revoked = gateway("scim-token", "revoke", rotated["id"], *at).json
    assert revoked == {"id": rotated["id"], "revoked": True}
    with work.read(acme.organisation_id) as uow:
        rows = uow.all(uow.own(t.scim_tokens).order_by(t.scim_tokens.c.id))
    assert [row.revoked_at is not None for row in rows] == [False, True]
    assert rows[0].expires_at is not None


def test_an_operator_key_is_issued_and_revoked(gateway: Gateway) -> None:
    issued = gateway("operator-key", "create", "--name", "Ops", "--json").json
    assert issued["key"].startswith("gwo_")
    assert gateway("operator-key", "revoke", issued["id"]).status == 0
    assert gateway("operator-key", "revoke", issued["id"]).status == 1


def test_an_explanation_for_a_person_and_for_a_script(gateway: Gateway, acme: House) -> None:
    asked = ("member", "explain", "second@acme.test", "--organisation", "acme", "--action",
             "members.invite")  # fmt: skip
    told = gateway(*asked)
    assert told.out.startswith("Sara Second may members.invite (allowed)")
    said = gateway(*asked, "--json").json
    assert (said["decision"], said["member"]) == (True, str(acme.successor_id))


def test_an_earlier_instant_needs_its_offset(gateway: Gateway, acme: House) -> None:
    asked = ("member", "explain", str(acme.owner_id), "--organisation", "acme", "--action",
             "org.read", "--at")  # fmt: skip
    assert gateway(*asked, "2026-01-05T12:00:00").status == 2
    assert "No such member" in gateway(*asked, "2020-01-05T12:00:00Z").err


def test_ownership_is_recovered(gateway: Gateway, acme: House, work: Work) -> None:
    recovered = gateway("owner", "recover", "--organisation", "acme", "--to", "second@acme.test")
    assert recovered.out == "Sara Second is an owner of record of acme.\n"
    with work.read(acme.organisation_id) as uow:
        assert uow.load(t.members, acme.successor_id).owner_of_record


def test_the_audit_verifies_until_somebody_touches_it(
    gateway: Gateway, acme: House, work: Work
) -> None:
    work.run_unlocked(acme.organisation_id, SYSTEM, sealing.seal)
    intact = gateway("audit", "verify", "--json")
    assert (intact.status, intact.json["intact"]) == (0, True)
    touched = update(t.audit_events).where(t.audit_events.c.seq == 3).values(outcome="failure")
    work.run_platform(lambda database, _: database.execute(touched))
    broken = gateway("audit", "verify")
    assert broken.status == 1
    assert "BROKEN at 3" in broken.out


def test_migrating_a_current_schema_says_so(gateway: Gateway) -> None:
    assert gateway("migrate").out == "The schema was current already.\n"


def test_a_member_is_added_by_hand_and_may_succeed_the_owner(gateway: Gateway) -> None:
    gateway(*CREATE, "--add-on", "enterprise")
    added = gateway(
        "member", "add", "--organisation", "globex", "--email", "sara@globex.test",
        "--name", "Sara", "--role", "admin", "--json",
    )  # fmt: skip
    assert added.json["role"] == "admin"
    again = gateway(
        "member", "add", "--organisation", "globex", "--email", "sara@globex.test",
        "--name", "Sara", "--role", "admin",
    )  # fmt: skip
    assert (again.status, again.out) == (1, "")
    said = gateway(
        "member", "explain", "sara@globex.test", "--organisation", "globex",
        "--action", "members.read", "--json",
    )  # fmt: skip
    assert said.json["decision"] is True


def test_the_audit_is_exported_as_a_file(gateway: Gateway, acme: House, tmp_path: Path) -> None:
    """S2-07: and whoever took it is on record."""
    file = tmp_path / "audit.csv"
    asked = ("--organisation", "acme", "--format", "csv", "--action", "member.")
    assert gateway("audit", "export", *asked, "--output", str(file)).status == 0
    rows = list(csv.DictReader(StringIO(file.read_text(), newline=""), strict=True))
    assert {row["action"] for row in rows} == {"member.created"}
    said = gateway("audit", "export", "--organisation", "acme")
    newest = json.loads(said.out.splitlines()[1])
    assert (newest["action"], newest["actor"]["type"]) == ("audit.exported", "operator")
    assert newest["targets"][0]["id"] == str(acme.organisation_id)
    wrong = gateway("audit", "export", "--organisation", "acme", "--action", "team.exploded")
    assert wrong.err == "gateway: There is no action 'team.exploded'. (invalid_request)\n"
    history = gateway("audit", "export", "--organisation", "acme", "--login-history")
    assert (history.status, history.out) == (0, "")


def people_and_events(work: Work) -> list[Any]:
    """What a person is known by, and what has happened."""
    tables = t.persons, t.members, t.directory_users, t.audit_events, t.audit_details, t.outbox
    with work.platform() as database:
        rows = [[tuple(row) for row in database.execute(select(each))] for each in tables]
    return [sorted(each, key=repr) for each in rows]


def test_a_person_who_has_left_is_erased_and_the_audit_holds(
    gateway: Gateway, work: Work, acme: House
) -> None:
    member_id = factories.provision(work, acme, "zoe@acme.test").member_id
    assert member_id is not None
    refused = gateway("person", "erase", "zoe@acme.test")
    assert refused.status == 1
    assert "is known to organisation" in refused.err
    work.run(acme.organisation_id, factories.OPERATOR, lambda uow: members.remove(uow, member_id))
    work.run_unlocked(acme.organisation_id, SYSTEM, sealing.seal)
    before = people_and_events(work)
    would = gateway("person", "erase", "zoe@acme.test", "--dry-run", "--json").json
    assert (would["dry_run"], would["addresses"]) == (True, ["zoe@acme.test"])
    told = gateway("person", "erase", "zoe@acme.test", "--dry-run").out
    assert "would be erased: 4 events, 1 identities, 2 names" in told
    assert people_and_events(work) == before
    said = gateway("person", "erase", "ZOE@acme.test", "--json").json
    (here,) = said["organisations"]
    assert said["organisations"] == would["organisations"]
    assert said["account"] == would["account"]
    assert here["erased"]["names"] == 2
    assert here["remains"]["memberships"] == 1
    assert "names erased in" in gateway("audit", "verify").out
    assert gateway("person", "erase", "zoe@acme.test").out == "Account: erased nothing.\n"
    assert gateway("person", "erase", "nobody").err == (
        "gateway: 'nobody' is neither an address nor an id. (invalid_request)\n"
    )


def policy_of(work: Work, acme: House, name: str) -> Any:
    with work.read(acme.organisation_id) as uow:
        return terms.current(uow).policies[name]


def test_policies_are_listed_with_whoever_says_how_they_stand(
    gateway: Gateway, acme: House
) -> None:
    assert acme
    at = ("--organisation", "acme")
    listed = {x["name"]: x for x in gateway("policies", "list", *at, "--json").json["policies"]}
    assert listed.keys() == POLICIES
    assert listed["seat_overage"] == {
        "name": "seat_overage",
        "value": "bill",
        "source": "organisation",
        "said": {"organisation": "bill", "preset": "block", "global": "block"},
        "overridden_by": "operator",
    }
    told = gateway("policies", "list", *at).out.splitlines()
    assert "seat_overage=bill by organisation; preset says block; global says block" in told
    assert "require_mfa=false by global" in told
    assert len(told) == len(POLICIES)


def test_policies_are_set_and_unset_and_the_audit_says_who(
    gateway: Gateway, acme: House, work: Work
) -> None:
    at = ("--organisation", str(acme.organisation_id))
    wish = ("require_mfa=true", "invite_ttl_days=14", "owners=multi")
    expired = 'subscription_expired={"owner_bot_access": "full", "others": "suspended"}'
    changed = gateway("policies", "set", *wish, expired, *at, "--json").json["policies"]
    assert {x["name"]: x["value"] for x in changed} == {
        "require_mfa": True,
        "invite_ttl_days": 14,
        "owners": "multi",
        "subscription_expired": {"owner_bot_access": "full", "others": "suspended"},
    }
    assert policy_of(work, acme, "require_mfa") is True
    back = gateway("policies", "unset", "require_mfa", "invite_ttl_days", *at)
    assert "require_mfa=false by global\n" in back.out
    assert policy_of(work, acme, "require_mfa") is False
    assert policy_of(work, acme, "owners") == "multi"
    said = gateway("audit", "export", *at, "--action", "policy.changed").out.splitlines()
    newest = json.loads(said[0])
    assert newest["actor"]["type"] == "operator"
    assert newest["after"]["require_mfa"] is False


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("set", "colour=blue"), "There is no policy 'colour'"),
        (("set", "require_mfa"), "Write require_mfa=VALUE"),
        (("set", "require_mfa=yes"), "allowed: true, false"),
        (("set", "invite_ttl_days=1e99"), "a number of days"),
        (("set", "require_mfa=true", "owners=three"), "allowed: single, multi"),
        (("set", "transfer=forbidden"), "break-glass owner"),
        (("unset", "colour"), "There is no policy 'colour'"),
    ],
)
def test_a_policy_that_cannot_be_changes_none(
    gateway: Gateway, acme: House, work: Work, arguments: tuple[str, ...], reason: str
) -> None:
    refused = gateway("policies", *arguments, "--organisation", "acme")
    assert (refused.status, refused.out) == (1, "")
    assert reason in refused.err
    assert policy_of(work, acme, "require_mfa") is False
    assert policy_of(work, acme, "transfer") == "allowed"
