"""At the same moment, over HTTP: a seat is given once, and an invitation is accepted once."""

from typing import Any

from gateway.domain.errors import GatewayError
from gateway.domain.permissions import ACTIONS
from gateway.domain.sessions import Factor
from gateway.services import (
    answering,
    invitations,
    keys,
    mailed_links,
    organisations,
    policies,
    session_openings,
    sessions,
)
from gateway.services.invitations import Issued, Wish
from gateway.storage import person_work
from gateway.storage import tables as t
from tests.e2e.programs import ask
from tests.factories import PASSWORD_HASH
from tests.races.conftest import Arena, together
from tests.scene import Scene


def key_of(here: Scene) -> str:
    return here.do(
        lambda uow: keys.create(uow, "K", sorted(ACTIONS), member_id=here.house.owner_id).secret
    )


def test_of_twenty_invitations_to_one_free_seat_one_is_sent(arena: Arena) -> None:
    """S3-28: pending ones count, whichever process sends them."""
    here, house = arena.scene, arena.scene.house
    key = key_of(here)

    def narrow(uow: Any) -> None:
        policies.change(uow, {"invites_when_scim": "on"})
        policies.change(uow, {"seat_overage": "block"})
        organisations.change_subscription(uow, seat_limit=uow.count("active_members") + 1)

    here.do(narrow)
    url = f"{arena.server.base_url}/api/v1/organisations/{house.organisation_id}/invitations"
    bodies = [{"email": f"p{number}@crowd.test", "role": "member"} for number in range(20)]
    answers = together(lambda body: ask(url, key, "POST", body)[0], bodies)
    assert sorted(answers) == [201, *[402] * 19]
    assert len(here.rows(t.invitations)) == 1


def test_of_twenty_acceptances_and_resends_one_makes_a_member(arena: Arena) -> None:
    """S0-18: a link that was copied stays good while mails are sent again."""
    here, email = arena.scene, f"nina@{arena.scene.house.organisation_id.hex}.test"

    def sign_up(inside: Any) -> Any:
        return mailed_links.create_account(inside, email, "Nina", PASSWORD_HASH)

    person_id = person_work.run(here.work, sign_up)

    def invite(uow: Any) -> Issued:
        policies.change(uow, {"invites_when_scim": "on"})
        made = invitations.create(uow, Wish(email=email), "http://localhost")
        assert isinstance(made, Issued)
        return made

    made = here.do(invite)

    def enter(inside: Any) -> Any:
        return session_openings.open_by_own(inside, person_id, frozenset({Factor.PASSWORD}))

    session = person_work.run(here.work, enter)
    link = made.link.rpartition("/")[2]

    def press(number: int) -> str:
        def accept(uow: Any) -> Any:
            own = sessions.require(person_work.PersonWork.beside(uow), session.token)
            return answering.accept(uow, link, own)

        try:
            if number % 5 == 4:
                here.do(lambda uow: invitations.resend(uow, made.id, "http://localhost"))
                return "resent"
            here.do(accept)
        except GatewayError as refused:
            return refused.code
        return "joined"

    answers = together(press, list(range(20)))
    assert answers.count("joined") == 1
    assert set(answers) <= {"joined", "invitation_used", "resent", "invalid_transition"}
    m = t.members.c
    with here.work.read(here.house.organisation_id) as uow:
        assert len(uow.all(uow.own(t.members).where(m.email_key == email))) == 1
    arena.require_agreement()
