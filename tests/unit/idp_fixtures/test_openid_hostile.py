"""What the simulated OpenID provider may do wrong: a catalogue, of which each entry can be made."""

import re
from typing import Any

from idp_fixtures.openid_provider.hostile import ATTACKS, TWINS, Scene
from idp_fixtures.openid_provider.pages import Page, as_json
from idp_fixtures.openid_provider.provider import Client
from idp_fixtures.openid_provider.server import OpenIDServer
from tests.unit.idp_fixtures.openid import MIA, client, go, redeem, session


def test_each_deviation_can_be_made_and_differs_from_the_truth(server: OpenIDServer) -> None:
    """What changes nothing is no attack."""
    ours = session(server)
    for _ in range(2):
        redeem(server, ours, go(server, ours, user="mia")["code"])
    for attack in (*ATTACKS.values(), *TWINS.values()):
        assert re.fullmatch(r"[a-z0-9-]+", attack.name)
        assert attack.says.endswith(".")
        agreed = {"algorithm": attack.given.get("algorithm", "RS256")}
        known = server.register(
            client(signed_userinfo=attack.given.get("userinfo") == "signed", **agreed)
        )
        server.provider.tenant = attack.given.get("tenant")
        server.provider.issuer = server.url + ("/{tenantid}" if server.provider.tenant else "")
        domain = attack.given.get("domain")
        honest = truth(server, known, **({"hd": domain} if domain else {}))
        for point, change in attack.at.items():
            said = change(Scene(server.site, server.site.grants[-1]), honest[point])
            assert said != honest[point], attack.name


def truth(server: OpenIDServer, known: Client, **of: Any) -> dict[str, Any]:
    """What an honest provider says at each point."""
    provider, grant = server.provider, server.site.grants[-1]
    info = provider.userinfo(known, MIA)
    signed = isinstance(info, str)
    return {
        "discovery": as_json(provider.discovery()),
        "jwks": as_json(provider.jwks()),
        "token": as_json({"access_token": "x", "id_token": "y", "token_type": "Bearer"}),
        "userinfo": Page(str(info), media_type="application/jwt") if signed else as_json(info),
        "callback": {"code": "c", "state": "s", "iss": server.issuer},
        "id_token": provider.id_token(grant, "x", nonce="now", tid=provider.tenant, x=1, **of),
        "logout": provider.logout_token(known, sub="mia", sid="s", x=1),
    }


def test_the_catalogue_is_large_and_everybody_has_a_twin() -> None:
    assert len(ATTACKS) >= 200
    assert len(TWINS) >= 40
