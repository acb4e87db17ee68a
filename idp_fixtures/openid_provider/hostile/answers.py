"""Answers over HTTP that are too large, too slow, elsewhere, or something else altogether."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.hostile.scenes import (
    EVIL,
    Change,
    Point,
    Scene,
    changed,
    enter,
    payload_of,
    unheard,
)
from idp_fixtures.openid_provider.pages import Page

MIB = 1024 * 1024
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
SLOWLY = 0.25


@cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (64 * MIB))


def _text(change: Callable[[bytes], bytes | str]) -> Change:
    return lambda _, page: replace(page, body=change(_octets(page)))


def _octets(page: Page) -> bytes:
    return page.body if isinstance(page.body, bytes) else page.body.encode()


def _led(address: Callable[[Scene], str], status: int = 302) -> Change:
    return lambda scene, _: Page(status=status, location=address(scene))


ANYWHERE: Mapping[str, tuple[str, Change]] = {
    "html": ("a page for people", lambda *_: Page("<!doctype html><h1>Sign in</h1>")),
    "html-with-the-truth-in-it": (
        "the good answer, called a page",
        lambda _, page: replace(page, media_type="text/html"),
    ),
    "status-500": ("an error of the server", lambda *_: Page("oops", 500)),
    "status-500-with-the-truth": (
        "the good answer under status 500",
        lambda _, page: replace(page, status=500),
    ),
    "status-404": ("nothing", lambda *_: Page("", 404)),
    "nothing": ("an empty body", lambda *_: Page("", media_type="application/json")),
    "large": (
        "ten million bytes around the good answer",
        _text(lambda body: body[:-1] + b" " * (10 * MIB) + body[-1:]),
    ),
    "compressed": (
        "64 MiB in a few bytes",
        lambda *_: Page(
            _bomb(), media_type="application/json", headers=(("Content-Encoding", "gzip"),)
        ),
    ),
    "slow": (
        "one byte after the other, with a pause between them",
        lambda _, page: replace(page, pause=SLOWLY),
    ),
    "led-to-metadata": ("a redirect to a cloud's metadata", _led(lambda _: METADATA)),
    "led-elsewhere": ("a redirect to a place inside", _led(lambda scene: scene.site.elsewhere)),
    "led-with-the-form": (
        "a redirect that wants the body sent again",
        _led(lambda scene: scene.site.elsewhere, 307),
    ),
    "list": ("a list", _text(lambda body: b"[" + body + b"]")),
    "deep": ("100 000 lists in each other", _text(lambda _: b"[" * 100_000)),
    "no-utf-8": ("bytes that are no UTF-8", _text(lambda body: body[:-1] + b',"x":"\xff"}')),
    "cut-off": ("half of the good answer", _text(lambda body: body[: len(body) // 2])),
    "digits": (
        "a number of 100 000 digits beside the good answer",
        _text(lambda body: body[:-1] + b',"x":' + b"9" * 100_000 + b"}"),
    ),
}
"""What any endpoint may answer."""

PLACES: Mapping[Point, str] = {
    "discovery": "The discovery document is",
    "jwks": "The key set is",
    "token": "The token endpoint answers",
    "userinfo": "Userinfo answers",
}


def _fresh(scene: Scene, token: str) -> str:
    """The honest token under a key that has to be asked for."""
    return keys.token(payload_of(token), unheard(scene))


for _point, _opening in PLACES.items():
    for _name, (_sentence, _change) in ANYWHERE.items():
        _more: dict[str, Change] = {"id_token": _fresh} if _point == "jwks" else {}
        enter(
            f"{'exchange' if _point == 'token' else _point}-{_name}",
            f"{_opening} {_sentence}.",
            {"userinfo": True} if _point == "userinfo" else None,
            **{_point: _change, **_more},
        )


# -- the token endpoint ---------------------------------------------------------------------------


def _said(**says: Any) -> Change:
    """Say something else in an object; `None` leaves it out."""

    def change(_: Scene, page: Page) -> Page:
        said = {**page.said, **says}
        kept = {name: value for name, value in said.items() if value is not None}
        return replace(page, body=json.dumps(kept))

    return change


for _name, _sentence, _change in (
    (
        "exchange-error-beside-success",
        "An error beside the good answer.",
        _said(error="invalid_grant"),
    ),
    ("access-token-absent", "No access token.", _said(access_token=None)),
    ("access-token-number", "An access token that is a number.", _said(access_token=7)),
    (
        "access-token-of-another-type",
        "An access token of a type that nobody asked for.",
        _said(**{"token_type": "mac"}),
    ),
    (
        "exchange-token-twice",
        "Two ID tokens, of which each reader takes another.",
        _text(lambda body: b'{"id_token":"evil",' + body[1:]),
    ),
):
    enter(_name, _sentence, token=_change)

enter(
    "exchange-refused",
    "The code is refused.",
    token=lambda *_: Page('{"error":"invalid_grant"}', 400, "application/json"),
)

# -- userinfo -------------------------------------------------------------------------------------

ASKED = {"userinfo": True}
SIGNED = {"userinfo": "signed"}


def _info(change: Callable[[Scene, str], Any]) -> Change:
    """Change a signed userinfo."""
    return lambda scene, page: replace(page, body=change(scene, page.body))


def _info_saying(changes: Callable[[Scene], Mapping[str, Any]], **header: Any) -> Change:
    return _info(
        lambda scene, token: keys.token(changed(token, changes(scene)), scene.key, **header)
    )


for _name, _sentence, _change in (
    ("userinfo-of-another", "Somebody else.", _said(sub="evil")),
    ("userinfo-of-nobody", "Nobody.", _said(sub=None)),
    (
        "userinfo-sub-list",
        "The subject in a list.",
        lambda s, p: _said(sub=[s.grant.account.sub])(s, p),
    ),
    (
        "userinfo-sub-in-capitals",
        "The subject in capitals.",
        lambda s, p: _said(sub=s.grant.account.sub.upper() + " ")(s, p),
    ),
    (
        "userinfo-sub-twice",
        "Two subjects, of which each reader takes another.",
        _text(lambda body: body[:-1] + b',"sub":"evil"}'),
    ),
    ("userinfo-groups-object", "Groups as an object.", _said(groups={"Support": True})),
):
    enter(_name, f"Userinfo: {_sentence[0].lower()}{_sentence[1:]}", ASKED, userinfo=_change)


def _unsigned_info(scene: Scene, token: str) -> str:
    header = json.dumps({"alg": "none"}).encode()
    del scene
    return keys.compact(header, payload_of(token), lambda _: b"")


for _name, _sentence, _change in (
    ("userinfo-unsigned", "A token without a signature.", _info(_unsigned_info)),
    (
        "userinfo-by-another",
        "A token signed by the attacker.",
        _info(lambda s, t: keys.token(payload_of(t), s.attacker, kid=s.key.kid)),
    ),
    (
        "userinfo-by-secret",
        "A token signed by the client's secret.",
        _info(lambda s, t: keys.token_by_secret(payload_of(t), (s.client.secret or "").encode())),
    ),
    (
        "userinfo-for-another",
        "A token for another client.",
        _info_saying(lambda _: {"aud": "other"}),
    ),
    (
        "userinfo-by-another-issuer",
        "A token of another issuer.",
        _info_saying(lambda _: {"iss": EVIL}),
    ),
    (
        "userinfo-token-of-another",
        "A token about somebody else.",
        _info_saying(lambda _: {"sub": "evil"}),
    ),
    (
        "userinfo-expired",
        "A token that has expired.",
        _info_saying(lambda s: {"exp": s.now - 3600}),
    ),
    (
        "userinfo-signature-cut-off",
        "A token without its signature.",
        _info(lambda _, t: t.rpartition(".")[0]),
    ),
):
    enter(_name, f"Userinfo: {_sentence[0].lower()}{_sentence[1:]}", SIGNED, userinfo=_change)
