"""An organisation of each product, as programs see it."""

from dataclasses import dataclass
from uuid import UUID

from gateway.app import Gateway
from gateway.domain.permissions import ORG_ATOMS
from gateway.services import funnel, grants, organisations
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, House, house
from tests.service.api import callers
from tests.service.api.callers import Caller


@dataclass(frozen=True)
class Product:
    """An organisation of a preset, seen by its owner over HTTP."""

    gateway: Gateway
    house: House
    boss: Caller
    bot: str

    def employ(self, role: str, name: str = "ann") -> str:
        """Make somebody a member with a role."""

        def verb(uow: UnitOfWork) -> UUID:
            email = f"{name}@people.test"
            return organisations.add_member(uow, email=email, display_name=name, role=role)

        return str(self.gateway.work.run(self.house.organisation_id, OPERATOR, verb))

    def caller(self, member: str) -> Caller:
        """A member by their own key."""
        return callers.owned_by(self.gateway, self.house.organisation_id, UUID(member))

    def go_live(self, member: str) -> None:
        """A member says that they take conversations."""
        place = f"members/{member}/availability"
        answer = self.caller(member).call("PUT", place, {"availability": "live"})
        assert answer.status_code == 200, answer.text

    def grant(self, member: str, sections: dict[str, str], bot: str | None = None) -> None:
        """Give sections of a chatbot."""

        def verb(uow: UnitOfWork) -> None:
            place = UUID(bot or self.bot)
            grants.give_sections(uow, UUID(member), place, sections, {"type": "operator"})
            funnel.recompute(uow, [UUID(member)])

        self.gateway.work.run(self.house.organisation_id, OPERATOR, verb)

    def may(self, member: str, action: str, bot: str | None = None) -> str:
        """Return the code of a decision."""
        query = {"action": action, "chatbot": bot or self.bot}
        if action in ORG_ATOMS:
            del query["chatbot"]
        answer = self.boss.get(f"members/{member}/explain", query_string=query)
        assert answer.status_code == 200, answer.text
        found: str = answer.get_json()["code"]
        return found

    def role(self, key: str) -> str:
        """Return the id of a role."""
        items = self.boss.get("roles").get_json()["items"]
        found: str = next(each["id"] for each in items if each["key"] == key)
        return found

    def holders(self) -> dict[str, set[str]]:
        """Return role → permissions, as the matrix says."""
        matrix = self.boss.get("roles/matrix").get_json()
        return {
            role["key"]: {x["action"] for x in matrix["permissions"] if role["key"] in x["roles"]}
            for role in matrix["roles"]
        }


def product(gateway: Gateway, work: Work, preset: str) -> Product:
    here = house(work, "here", preset)
    boss = callers.owner(gateway, here)
    made = boss.post("chatbots", {"name": "Shop"})
    return Product(gateway, here, boss, made.get_json()["id"])
