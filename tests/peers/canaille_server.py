"""The smallest provider that canaille makes; run by an interpreter that has it.

`python canaille_server.py settings.json`
"""

import json
import sys
from datetime import UTC, datetime

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import WSGIRequestHandler, make_server

said = json.load(open(sys.argv[1]))  # noqa: SIM115
config = {
    "SECRET_KEY": "only on loopback",
    "SESSION_COOKIE_NAME": "canaille-session",
    "SERVER_NAME": f"127.0.0.1:{said['port']}",
    "PREFERRED_URL_SCHEME": "http",
    "CANAILLE": {"DATABASE": "memory", "TIMEZONE": "UTC", "ENABLE_INTRUDER_LOCKOUT": False},
    # It draws the key and its name apart: of two active keys one would sign under the other's name.
    "CANAILLE_OIDC": {
        "ACTIVE_JWKS": said["keys"][:1],
        "INACTIVE_JWKS": said["keys"][1:],
        "REQUIRE_NONCE": True,
    },
}


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_request(self, *_: object) -> None: ...


def furnish() -> None:
    """Put people, groups and the client into memory."""
    save = Backend.instance.save
    people = {}
    for person in said["people"]:
        given, _, family = person["name"].partition(" ")
        people[person["id"]] = models.User(
            user_name=person["id"],
            formatted_name=person["name"],
            given_name=given,
            family_name=family,
            emails=[person["email"]],
            password=person["password"],
        )
        save(people[person["id"]])
    for name, members in said["groups"].items():
        save(models.Group(display_name=name, members=[people[member] for member in members]))
    client = models.Client(
        client_id=said["client"]["id"],
        client_secret=said["client"]["secret"],
        client_name="Gateway",
        client_uri="http://127.0.0.1/",
        redirect_uris=said["client"]["redirect_uris"],
        post_logout_redirect_uris=said["client"]["post_logout_redirect_uris"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
        client_id_issued_at=datetime.fromtimestamp(0, UTC),
    )
    save(client)
    if said["client"]["audience"]:
        client.audience = [client]
        save(client)


app = create_app(config=config)
with app.app_context():
    furnish()
make_server("127.0.0.1", said["port"], app, threaded=True, request_handler=Quiet).serve_forever()
