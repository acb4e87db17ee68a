"""What is measured of the management API: lists of people, the matrix, seats."""

from collections.abc import Callable
from urllib.parse import quote

from tests.bench.operations import Operation, Session, Step, done
from tests.bench.seeding import just_before

LARGEST = 200
"""Members of a page that is only passed on the way to a deep one."""


def _page(query: str) -> Callable[[Session], Step]:
    """A page of the list of members, behind a filter or in an order."""

    def steps(session: Session) -> Step:
        world = session.world
        said = query.format(
            role=world.role_id,
            chatbot=world.chatbot_id,
            team=world.seats_team,
            since=quote(just_before(world.recently)),
            name=quote(world.persons[len(world.persons) // 2].user_name),
            connection=world.connection_id,
        )
        path = f"/api/v1/organisations/{world.organisation_id}/members?limit=50&{said}"
        return lambda: done(session.send("GET", path, None, 200))

    return steps


def _deep_page(session: Session) -> Step:
    """The page that begins in the middle."""
    world = session.world
    base = f"/api/v1/organisations/{world.organisation_id}/members?sort=name"
    cursor = ""
    for _ in range(len(world.members) // 2 // LARGEST):
        page = session.send("GET", f"{base}&limit={LARGEST}{cursor}", None, 200).json()
        cursor = f"&cursor={page['next_cursor']}"
    return lambda: done(session.send("GET", f"{base}&limit=50{cursor}", None, 200))


def _reading(place: str) -> Callable[[Session], Step]:
    def steps(session: Session) -> Step:
        path = f"/api/v1/organisations/{session.world.organisation_id}/{place}"
        return lambda: done(session.send("GET", path, None, 200))

    return steps


LISTED = {
    "first page": "",
    "by role": "role={role}",
    "by state, many": "state=active",
    "by state, few": "state=deactivated",
    "by source, none": "source=jit",
    "by connection": "connection={connection}",
    "by availability": "availability=away",
    "by chatbot": "chatbot={chatbot}",
    "by team": "team={team}",
    "by activity": "active_since={since}",
    "by inactivity": "active_before={since}",
    "by name, one": "q={name}",
    "by name, many": "q=acme.test",
    **{
        f"in the order of {order}{way}": f"sort={sign}{order}"
        for order in ("joined", "name", "email", "role", "state", "last_active")
        for sign, way in (("", ""), ("-", ", downwards"))
    },
    "by role and name, in the order of name": "role={role}&q=acme.test&sort=name",
}
"""Each filter and each order of the list of members."""

PEOPLE = (
    *(
        Operation(f"members, {name}", "read", _page(query), weight=0.2, by_key=True)
        for name, query in LISTED.items()
    ),
    Operation("members, deep page", "read", _deep_page, weight=0.2, by_key=True),
    Operation("permission matrix", "read", _reading("roles/matrix"), weight=0.2, by_key=True),
    Operation("seats and money", "read", _reading("subscription"), weight=0.2, by_key=True),
)
"""What an organisation's people are managed by; none may grow with them."""
