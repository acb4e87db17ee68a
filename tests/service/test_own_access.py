"""Nobody widens their own access, nor opens to others what is not open to themselves (§2)."""

from uuid import UUID

import pytest

from gateway.domain.errors import OwnAccess, RoleAboveOwn
from gateway.domain.roles import CustomRole
from gateway.services import chatbots, mapping, members, narrowing, roles
from tests.scene import Scene

LEADING = ("members.update", "members.invite")


@pytest.fixture
def bots(shared: Scene) -> tuple[UUID, UUID]:
    return shared.run(chatbots.create, "Sales"), shared.run(chatbots.create, "Care")


def custom(shared: Scene, name: str, rank: int, atoms: tuple[str, ...], **sections: str) -> UUID:
    wish = CustomRole(name=name, rank=rank, atoms=atoms, sections=sections)
    return shared.run(roles.create, wish)


def holder(shared: Scene, email: str, role_id: UUID) -> UUID:
    member_id = shared.employ(email, "member")
    shared.run(members.set_role, member_id, role_id)
    return member_id


class TestByTheirOwnGroups:
    """An admin by one group, who is in another that an owner let be owners."""

    @pytest.fixture
    def boss(self, shared: Scene) -> UUID:
        user = shared.post("boss@initech.test")
        assert user.member_id is not None
        shared.map(shared.group("Admins", user), role="admin", priority=1)
        shared.map(shared.group("Owners", user), role="owner", priority=5)
        assert shared.role_of(user.member_id) == "admin"
        return user.member_id

    def deciding(self, shared: Scene) -> UUID:
        return next(rule.id for rule in shared.see(mapping.listing) if rule.priority == 1)

    def test_nobody_ends_the_rule_that_keeps_them_from_more(
        self, shared: Scene, boss: UUID
    ) -> None:
        rule = self.deciding(shared)
        with pytest.raises(OwnAccess):
            shared.run(mapping.delete_rule, rule, by=shared.by(boss))
        assert shared.role_of(boss) == "admin"
        shared.run(mapping.delete_rule, rule, by=shared.by(shared.house.owner_id))
        assert shared.role_of(boss) == "owner"

    def test_nobody_lets_another_rule_come_first_that_gives_them_more(
        self, shared: Scene, boss: UUID
    ) -> None:
        rule = self.deciding(shared)
        with pytest.raises(OwnAccess):
            shared.do(lambda uow: mapping.update_rule(uow, rule, priority=9), shared.by(boss))
        assert shared.role_of(boss) == "admin"

    def test_what_takes_from_oneself_may_be_done(self, shared: Scene, boss: UUID) -> None:
        member = shared.role("member")
        rule = self.deciding(shared)
        shared.do(lambda uow: mapping.update_rule(uow, rule, role_id=member), shared.by(boss))
        assert shared.role_of(boss) == "member"


def test_a_narrowed_author_gives_no_role_to_somebody_who_sees_more_chatbots(
    shared: Scene, bots: tuple[UUID, UUID]
) -> None:
    lead = holder(shared, "lead@initech.test", custom(shared, "Lead", 20, LEADING, testing="write"))
    joe = holder(shared, "joe@initech.test", custom(shared, "Reader", 5, ()))
    shared.run(narrowing.narrow, lead, {bots[0]: {"testing": "write"}})
    shared.run(narrowing.open_every_chatbot, joe)
    with pytest.raises(RoleAboveOwn):
        shared.run(members.set_role, joe, shared.role("member"), by=shared.by(lead))
    assert shared.access(joe).role is not None
    assert not shared.access(joe).opens_chatbots()


def test_a_narrowed_author_gives_no_role_that_opens_more_of_what_others_granted(
    shared: Scene, bots: tuple[UUID, UUID]
) -> None:
    lead = holder(shared, "lead@initech.test", custom(shared, "Lead", 20, LEADING, testing="write"))
    reader = custom(shared, "Reader", 5, (), testing="read")
    joe, ann = (holder(shared, f"{name}@initech.test", reader) for name in ("joe", "ann"))
    shared.run(narrowing.narrow, lead, {bots[0]: {"testing": "write"}})
    shared.run(narrowing.narrow, joe, {bots[1]: {"testing": "write"}})
    shared.run(narrowing.narrow, ann, {bots[0]: {"testing": "write"}})
    by, member = shared.by(lead), shared.role("member")
    with pytest.raises(RoleAboveOwn):
        shared.run(members.set_role, joe, member, by=by)
    shared.run(members.set_role, ann, member, by=by)
    assert shared.role_of(ann) == "member"
