"""What looks odd and is right: whoever refuses it has no attack to fear and no customers."""

import json
from dataclasses import replace
from typing import Any

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.accounts import overage
from idp_fixtures.openid_provider.hostile.claims import DOMAIN, GOOGLE, TENANT
from idp_fixtures.openid_provider.hostile.scenes import (
    enter_twin,
    headed,
    payload_of,
    saying,
    unheard,
)
from idp_fixtures.openid_provider.keys import spare
from idp_fixtures.openid_provider.pages import Page

enter_twin("honest", "Nothing is odd.")

for _name, _sentence, _says in (
    ("aud-list", "We are the only one in the list.", lambda s: {"aud": [s.client.id]}),
    (
        "aud-several-with-azp",
        "We are one of several, and it was made for us.",
        lambda s: {"aud": [s.client.id, "another-client"], "azp": s.client.id},
    ),
    ("azp-ours", "Made for us.", lambda s: {"azp": s.client.id}),
    ("auth-time-fraction", "Signed in half a second ago.", lambda s: {"auth_time": s.now - 0.5}),
    ("exp-fraction", "Half a second more.", lambda s: {"exp": s.now + 300.5}),
    ("exp-just-passed", "Expired within the skew.", lambda s: {"exp": s.now - 20}),
    ("iat-just-ahead", "Issued within the skew.", lambda s: {"iat": s.now + 20}),
    ("nbf-now", "Good from now.", lambda s: {"nbf": s.now}),
    ("at-hash-absent", "No digest of the access token.", lambda _: {"at_hash": None}),
    (
        "c-hash-right",
        "The digest of the code.",
        lambda s: {"c_hash": keys.half_hash(s.site.spent[-1]["code"])},
    ),
    ("auth-time-absent", "Nobody asked when.", lambda _: {"auth_time": None}),
    ("sid-absent", "No session's name.", lambda _: {"sid": None}),
    ("claims-unknown", "Claims that we do not know.", lambda _: {"x": {"y": [1, None]}}),
    ("email-absent", "No e-mail address.", lambda _: {"email": None}),
    ("email-unverified", "Whom we know may have any address.", lambda _: {"email_verified": False}),
    ("groups-absent", "Nothing about groups.", lambda _: {"groups": None}),
    ("groups-none", "No groups.", lambda _: {"groups": []}),
    ("groups-one-text", "One group as text.", lambda _: {"groups": "Support"}),
    (
        "groups-too-many-to-send",
        "Too many groups, and where to ask.",
        lambda _: {"groups": None, **overage("https://graph.windows.net/t/users/u/groups")},
    ),
):
    enter_twin(_name, _sentence, id_token=saying(_says))

enter_twin("typ-absent", "No type.", id_token=headed(typ=None))
enter_twin("header-more", "More in the header, nothing of it critical.", id_token=headed(x5t="x"))
enter_twin("recent", "Signed in just now.", {"max_age": 300})
enter_twin("newcomer", "Somebody new with a verified address.", {"newcomer": True})
enter_twin("tenant", "Our tenant.", {"tenant": TENANT})
enter_twin("hosted-domain", "Google's word, on an account of our domain.", GOOGLE)
enter_twin(
    "hosted-domain-in-capitals",
    "Our domain in capitals: names of the DNS have no letter case.",
    GOOGLE,
    id_token=saying(lambda _: {"hd": DOMAIN.upper()}),
)
enter_twin("userinfo", "Userinfo as an object.", {"userinfo": True})
enter_twin("userinfo-signed", "Userinfo as a token.", {"userinfo": "signed"})
enter_twin("secret-in-the-form", "The client's secret in the form.", {"auth": "client_secret_post"})
enter_twin("client-by-key", "The client proves itself by its key.", {"auth": "private_key_jwt"})
for _algorithm in ("RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"):
    enter_twin(
        f"signed-by-{_algorithm.lower()}",
        f"Signed by {_algorithm}, as agreed on.",
        {"algorithm": _algorithm},
    )
enter_twin(
    "key-new",
    "A key that was published a moment ago.",
    jwks=lambda scene, page: _with(page, unheard(scene).jwk),
    id_token=lambda scene, token: keys.token(payload_of(token), unheard(scene)),
)
enter_twin(
    "keys-odd",
    "Keys beside ours that nobody can use.",
    jwks=lambda scene, page: _with(
        page,
        {"kty": "FUTURE", "kid": "future"},
        {**spare("RS256").jwk, "kid": "enc", "use": "enc", "alg": "RSA-OAEP"},
        {"kty": "EC", "crv": "secp256k1", "kid": "coin", "x": "AA", "y": "AA"},
        unheard(scene).jwk,
    ),
    id_token=lambda scene, token: keys.token(payload_of(token), unheard(scene)),
)
enter_twin(
    "keys-plain",
    "A key without a word about use and algorithm, in a set of its own media type.",
    jwks=lambda scene, page: replace(
        _with(page, _plain(unheard(scene))), media_type="application/jwk-set+json"
    ),
    id_token=lambda scene, token: keys.token(payload_of(token), unheard(scene)),
)
enter_twin(
    "way-back-more",
    "More on the way back than we asked for.",
    callback=lambda _, way: {**way, "session_state": "x", "scope": "openid"},
)
enter_twin(
    "token-more",
    "More in the answer than we asked for, and the type in small letters.",
    token=lambda _, page: _saying(
        page, **{"token_type": "bearer", "refresh_token": "r", "x": {"y": 1}}
    ),
)
enter_twin(
    "discovery-more",
    "More in the document than we know.",
    discovery=lambda _, page: _saying(page, x=["y"], mtls_endpoint_aliases={"token_endpoint": "z"}),
)
enter_twin(
    "discovery-with-none-among-others",
    "Tokens without signatures are offered too.",
    discovery=lambda _, page: _saying(
        page, id_token_signing_alg_values_supported=["none", "RS256", "HS256"]
    ),
)
enter_twin(
    "iss-not-announced",
    "The way back does not name the issuer, and nobody said that it would.",
    {"says_iss": False},
)


def _with(page: Page, *more: Any) -> Page:
    return replace(page, body=json.dumps({"keys": [*page.said["keys"], *more]}))


def _saying(page: Page, **says: Any) -> Page:
    return replace(page, body=json.dumps({**page.said, **says}))


def _plain(key: keys.Key) -> dict[str, Any]:
    return {name: value for name, value in key.jwk.items() if name not in ("use", "alg")}
