"""The permission that an endpoint declares is the one that opens it, and nothing else does."""

import pytest

from gateway.api import ENDPOINTS
from gateway.app import Gateway
from gateway.domain.permissions import ACTIONS, SECTION_ATOMS
from gateway.services import access, explaining
from gateway.storage.unit_of_work import Work
from tests.factories import House
from tests.service.api import callers
from tests.service.api.callers import Caller
from tests.service.api.examples import Things, body_of, path_of, query_of, things
from tests.service.api.test_forms import problem

FRESH_INSIDE = {"ownership_transfers.transfer"}
"""Endpoints that ask for a fresh proof once they know that nothing else speaks against it."""
GUARDED = [
    each
    for each in ENDPOINTS
    if each.allow.atom and not each.allow.fresh and each.operation not in FRESH_INSIDE
]
GUARDED.sort(key=lambda each: each.operation == "organisations.delete")  # the others need it alive
FRESH = [each for each in ENDPOINTS if each.allow.fresh]
ATOMS = sorted({str(each.allow.atom) for each in GUARDED})
BY_KEY = [each for each in ENDPOINTS if not each.allow.link]
ON_ONESELF = {"availability.change", "members.leave"}
FIVE_ROLES = ("owner", "admin", "developer", "billing", "viewer")


@pytest.fixture
def ours(work: Work, acme: House) -> Things:
    return things(work, acme)


def without(atom: str) -> tuple[str, ...]:
    """Every scope but one, and but the one that includes it."""
    section, _ = SECTION_ATOMS.get(atom, ("", None))
    return tuple(sorted(ACTIONS - {atom, f"{section}.write"}))


def test_a_key_opens_an_endpoint_by_its_atom_alone(
    gateway: Gateway, acme: House, ours: Things
) -> None:
    wrong = {}
    lacking = {
        atom: callers.owned_by(gateway, acme.organisation_id, acme.owner_id, without(atom))
        for atom in ATOMS
    }
    having = {
        atom: callers.owned_by(gateway, acme.organisation_id, acme.owner_id, (atom,))
        for atom in ATOMS
    }
    for endpoint in GUARDED:
        ids = {**ours, "member": acme.owner_id} if endpoint.operation in ON_ONESELF else ours
        asked = (endpoint.method, path_of(endpoint, ids), body_of(endpoint, ours))
        query = query_of(endpoint, ours)
        shut = lacking[str(endpoint.allow.atom)].call(*asked, query_string=query)
        opened = having[str(endpoint.allow.atom)].call(*asked, query_string=query)
        if shut.status_code != 403 or opened.status_code in (401, 403):
            wrong[endpoint.operation] = (shut.status, opened.status)
    assert wrong == {}


def test_what_needs_a_person_present_no_key_does(owner: Caller, ours: Things) -> None:
    assert FRESH
    for endpoint in FRESH:
        answer = owner.call(endpoint.method, path_of(endpoint, ours), body_of(endpoint, ours))
        problem(answer, 403, "step_up_required")


@pytest.mark.parametrize("role", FIVE_ROLES)
def test_a_role_opens_what_it_holds(
    gateway: Gateway, work: Work, acme: House, ours: Things, role: str
) -> None:
    caller = callers.with_role(gateway, acme, role)
    with work.read(acme.organisation_id) as uow:
        held = next(each for each in access.roles_at(uow) if each.key == role).atoms()
    wrong = {}
    for endpoint in GUARDED:
        # Reading alone: whether a verb may act on somebody is asked elsewhere.
        if endpoint.writes:
            continue
        answer = caller.get(path_of(endpoint, ours), query_string=query_of(endpoint, ours))
        allowed = endpoint.allow.atom in held
        if (answer.status_code == 200) != allowed or answer.status_code not in (200, 403):
            wrong[endpoint.operation] = answer.status
    assert wrong == {}


def test_a_denial_says_what_would_help_and_can_be_explained(gateway: Gateway, acme: House) -> None:
    caller = callers.owned_by(gateway, acme.organisation_id, acme.owner_id, ("org.read",))
    refused = problem(caller.get("members"), 403, "not_permitted")
    assert refused["levers"] == ["Use a key with the scope members.read."]
    question = explaining.opened(refused["decision_id"])
    assert (question.member_id, question.action) == (acme.owner_id, "members.read")


def test_an_operator_manages_the_installation_and_not_what_is_inside(
    operator: Caller, ours: Things
) -> None:
    wrong = {}
    for endpoint in BY_KEY:
        answer = operator.call(
            endpoint.method,
            path_of(endpoint, ours),
            body_of(endpoint, ours),
            query_string=query_of(endpoint, ours),
        )
        if (answer.status_code == 403) == endpoint.allow.operator:
            wrong[endpoint.operation] = answer.status
    assert wrong == {}


def test_an_organisation_key_does_nothing_of_the_operators(owner: Caller, ours: Things) -> None:
    for endpoint in BY_KEY:
        if endpoint.allow.atom is None and not endpoint.allow.anyone:
            answer = owner.call(endpoint.method, path_of(endpoint, ours), body_of(endpoint, ours))
            problem(answer, 403, "not_permitted")


def test_a_verb_on_somebody_above_is_refused(gateway: Gateway, acme: House) -> None:
    admin = callers.owned_by(gateway, acme.organisation_id, acme.successor_id)
    for verb in ("deactivate", "hold", "remove"):
        refused = problem(admin.post(f"members/{acme.owner_id}:{verb}"), 403, "role_above_own")
        assert refused["decision_id"].startswith("dec_")
        problem(admin.post(f"members/{acme.successor_id}:{verb}"), 403, "own_access")
