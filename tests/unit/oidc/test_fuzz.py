"""Mutated tokens, key sets and descriptions: nothing crashes, nothing is taken that was not said.

500 cases of each here, 10 000 by `make fuzz` (FUZZ_CASES).
"""

import json
import os
from random import Random
from typing import Any

from gateway.domain.errors import InvalidRequest
from gateway.oidc import discovery
from idp_fixtures.openid_provider.keys import decoded, encoded, token
from tests.unit.oidc.bench import ISSUER, JWKS, OURS, Shelf, claims, keys_of, signed, verdict

CASES = int(os.environ.get("FUZZ_CASES", "500"))
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e300, 7, "", "x", "evil", "\u0000", "\ud800", "x" * 70_000, [], ["us"],
    [None], {}, {"a": {"b": []}}, "https://evil.example", "none", "HS256",
)  # fmt: skip
SPOILT = "ABCxyz019-_=+/. \n"

DESCRIPTION: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "userinfo_endpoint": f"{ISSUER}/me",
    "end_session_endpoint": f"{ISSUER}/out",
    "id_token_signing_alg_values_supported": ["RS256"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "authorization_response_iss_parameter_supported": True,
}


def strewn(text: str, dice: Random) -> str:
    """Return a text with one place spoilt: changed, left out, doubled or cut off."""
    place = dice.randrange(len(text))
    way = dice.randrange(4)
    if way == 0:
        return text[:place] + dice.choice(SPOILT) + text[place + 1 :]
    if way == 1:
        return text[:place] + text[place + 1 :]
    if way == 2:
        return text[:place] + text[place:][:20] + text[place:]
    return text[:place]


def altered(said: dict[str, Any], dice: Random) -> dict[str, Any]:
    """Return an object with one member changed, renamed, or left out."""
    found = dict(said)
    name = dice.choice(sorted(found))
    value = found.pop(name)
    way = dice.randrange(3)
    if way == 0:
        found[name] = dice.choice(ODD)
    elif way == 1:
        found[dice.choice((name.upper(), f"{name} ", "x"))] = value
    return found


def mutated(dice: Random) -> str:
    """Return a good token with a part of it spoilt; its signature is the good one's."""
    head, body, mark = signed().split(".")
    way = dice.randrange(4)
    if way == 0:
        return strewn(f"{head}.{body}.{mark}", dice)
    if way == 1:
        return f"{head}.{body}.{strewn(mark, dice)}"
    if way == 2:
        said = altered(json.loads(decoded(body)), dice)
        return f"{head}.{encoded(json.dumps(said).encode())}.{mark}"
    said = altered(json.loads(decoded(head)), dice)
    return f"{encoded(json.dumps(said).encode())}.{body}.{mark}"


def test_a_mutated_token_crashes_nothing_and_is_never_another() -> None:
    """What no signature covers may differ where it means nothing: the last bits of base64."""
    keys = keys_of()
    honest = claims()
    reached = 0
    for seed in range(CASES):
        found = verdict(mutated(Random(seed)), keys)  # noqa: S311 - repeatable, no secret
        assert found.token is None or found.token.claims == honest, seed
        reached += found.code in (None, "signature_invalid")
    assert reached >= 0.3 * CASES, "enough of them are judged by their signature"


def test_a_hostile_issuers_own_claims_crash_nothing() -> None:
    """The provider itself signs what is wrong: it reaches every check behind the signature."""
    keys = keys_of()
    for seed in range(CASES):
        dice = Random(seed)  # noqa: S311 - repeatable, no secret
        says = altered(claims(auth_time=1, azp="us", at_hash="x"), dice)
        found = verdict(token(says, OURS), keys)
        if found.token is not None:
            taken = found.token.claims
            assert (taken["iss"], taken["sub"], taken["nonce"]) == (ISSUER, "mia", "now"), seed


def test_a_mutated_key_set_is_read_or_refused() -> None:
    text = signed()
    for seed in range(CASES):
        dice = Random(seed)  # noqa: S311 - repeatable, no secret
        if dice.randrange(2):
            document = strewn(json.dumps({"keys": [OURS.jwk]}), dice)
        else:
            document = json.dumps({"keys": [altered(OURS.jwk, dice)]})
        found = verdict(text, keys_of(Shelf(documents={JWKS: document.encode()})))
        assert found.token is None or found.token.claims == claims(), seed


def test_a_mutated_description_is_read_or_refused() -> None:
    address = ISSUER + discovery.PATH
    for seed in range(CASES):
        dice = Random(seed)  # noqa: S311 - repeatable, no secret
        if dice.randrange(2):
            document = strewn(json.dumps(DESCRIPTION), dice)
        else:
            document = json.dumps(altered(DESCRIPTION, dice))
        try:
            found = discovery.discovered(Shelf(documents={address: document.encode()}), ISSUER)
        except InvalidRequest:
            continue
        for name in discovery.NEEDED:
            assert found[name].startswith(("http://", "https://")), seed
        assert found["algorithms"] == ["RS256"], seed
