"""Ways back from the provider that were not asked for, by whom, or by this browser."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from idp_fixtures.openid_provider.hostile.scenes import EVIL, Scene, enter, saying

Says = Callable[[Scene], Mapping[str, Any]]


def _code_for(scene: Scene, **asked: Any) -> str:
    """A code that is good, but for another request."""
    request = replace(scene.grant.request, **asked)
    code = f"code-{len(scene.site.codes)}-{scene.grant.sid}"
    scene.site.codes[code] = replace(scene.grant, request=request)
    return code


WAYS: Mapping[str, tuple[str, Says]] = {
    "state-absent": ("No state.", lambda _: {"state": None}),
    "state-empty": ("An empty state.", lambda _: {"state": ""}),
    "state-wrong": ("A state that nobody has begun.", lambda _: {"state": "another"}),
    "state-longer": (
        "Our state with more behind.",
        lambda s: {"state": f"{s.grant.request.state}x"},
    ),
    "state-long": ("A state of 5 000 characters.", lambda _: {"state": "s" * 5_000}),
    "state-of-an-earlier-attempt": (
        "The state of a sign-in that is finished.",
        lambda s: {"state": s.site.spent[-1]["state"]},
    ),
    "state-no-text": ("A state that is no text.", lambda _: {"state": b"\xff\x00"}),
    "code-absent": ("No code.", lambda _: {"code": None}),
    "code-empty": ("An empty code.", lambda _: {"code": ""}),
    "code-wrong": ("A code that was never issued.", lambda _: {"code": "another"}),
    "code-of-an-earlier-attempt": (
        "A code that was used.",
        lambda s: {"code": s.site.spent[-1]["code"]},
    ),
    "code-of-another-client": (
        "A code that another client was given.",
        lambda s: {"code": _code_for(s, client_id="another-client")},
    ),
    "code-of-another-browser": (
        "A code that belongs to another browser's verifier.",
        lambda s: {"code": _code_for(s, challenge="A" * 43)},
    ),
    "code-of-another-address": (
        "A code that was issued for another address.",
        lambda s: {"code": _code_for(s, redirect_uri=EVIL)},
    ),
    "code-twice": ("Two codes.", lambda s: {"code": [_code_for(s), "another"]}),
    "state-twice": ("Two states.", lambda s: {"state": [s.grant.request.state, "another"]}),
    "error": ("The provider refuses.", lambda _: {"code": None, "error": "access_denied"}),
    "error-beside-a-code": ("Refused, and yet a code.", lambda _: {"error": "access_denied"}),
    "error-with-a-script": (
        "Refused, with markup for whoever shows the reason.",
        lambda _: {
            "code": None,
            "error": "<script>",
            "error_description": "<script>alert(1)</script>",
        },
    ),
    "tokens-in-the-address": (
        "Tokens in the address, where nobody asked for them.",
        lambda s: {"code": None, "id_token": s.provider.id_token(s.grant), "access_token": "x"},
    ),
    "iss-missing-on-the-way": (
        "The way back does not name the issuer, though announced (RFC 9207).",
        lambda _: {"iss": None},
    ),
    "iss-wrong-on-the-way": (
        "The way back names another issuer: two providers were mixed up.",
        lambda _: {"iss": EVIL},
    ),
    "iss-longer-on-the-way": (
        "The way back names an issuer that begins like ours.",
        lambda s: {"iss": s.provider.iss + "/"},
    ),
    "iss-empty-on-the-way": ("The way back names no issuer.", lambda _: {"iss": ""}),
    "iss-twice-on-the-way": (
        "The way back names two issuers.",
        lambda s: {"iss": [s.provider.iss, EVIL]},
    ),
}


def _enter(name: str, sentence: str, says: Says) -> None:
    enter(name, sentence, callback=lambda scene, way: {**way, **says(scene)})


for _name, (_sentence, _says) in WAYS.items():
    _enter(_name, _sentence, _says)

enter(
    "pkce-ignored-by-the-provider",
    "A stolen code, exchanged by a provider that checks no verifier: only the nonce tells.",
    id_token=saying(lambda _: {"nonce": "the nonce of whoever the code was stolen from"}),
)
