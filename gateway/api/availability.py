"""Whether members take conversations at the moment; everybody says it of themselves."""

from typing import Literal
from uuid import UUID

from gateway.api.endpoint import Endpoints, holds
from gateway.api.models import Answer, Body
from gateway.services import availability
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
State = Literal["live", "away", "offline"]


class Availability(Body):
    """Live takes conversations; away is gone for a while, and offline does not work now."""

    availability: State


class Shown(Answer):
    """A member's availability."""

    availability: State


@routes.endpoint(
    "PUT /organisations/{organisation}/members/{member}/availability",
    holds("availability.update_own"),
)
def change(uow: UnitOfWork, member: UUID, body: Availability) -> Shown:
    """Say whether one takes conversations; for oneself alone."""
    availability.set_own(uow, member, body.availability)
    return Shown(availability=body.availability)
