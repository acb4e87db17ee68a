"""Logout tokens that end nobody's session (OpenID Connect Back-Channel Logout 1.0 §2.6)."""

import json
from collections.abc import Mapping

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.hostile.scenes import (
    DAY,
    EVIL,
    Change,
    Scene,
    changed,
    enter,
    headed,
    payload_of,
    rewritten,
    saying,
)
from idp_fixtures.openid_provider.keys import compact
from idp_fixtures.openid_provider.provider import LOGOUT_EVENT

TYPE = "logout+jwt"


def _unsigned(scene: Scene, token: str) -> str:
    header = json.dumps({"alg": "none", "typ": TYPE, "kid": scene.key.kid}).encode()
    return compact(header, payload_of(token), lambda _: b"")


LOGOUTS: Mapping[str, tuple[str, Change]] = {
    "nonce": ("With a nonce.", saying(lambda _: {"nonce": "n"}, typ=TYPE)),
    "without-events": ("No events.", saying(lambda _: {"events": None}, typ=TYPE)),
    "events-empty": ("No event among the events.", saying(lambda _: {"events": {}}, typ=TYPE)),
    "events-other": (
        "Another event.",
        saying(lambda _: {"events": {"http://schemas.openid.net/event/other": {}}}, typ=TYPE),
    ),
    "events-list": ("Events as a list.", saying(lambda _: {"events": [LOGOUT_EVENT]}, typ=TYPE)),
    "events-text": ("The event as text.", saying(lambda _: {"events": LOGOUT_EVENT}, typ=TYPE)),
    "event-text": (
        "An event that is no object.",
        saying(lambda _: {"events": {LOGOUT_EVENT: "yes"}}, typ=TYPE),
    ),
    "expired": (
        "Expired an hour ago.",
        saying(lambda s: {"exp": s.now - 3600, "iat": s.now - 3700}, typ=TYPE),
    ),
    "long-ago": (
        "Issued yesterday, good until tomorrow.",
        saying(lambda s: {"iat": s.now - DAY, "exp": s.now + DAY}, typ=TYPE),
    ),
    "ahead": (
        "Issued in an hour.",
        saying(lambda s: {"iat": s.now + 3600, "exp": s.now + 7200}, typ=TYPE),
    ),
    "without-iat": ("Issued at no time.", saying(lambda _: {"iat": None}, typ=TYPE)),
    "iat-text": ("Issued at a text.", saying(lambda s: {"iat": str(s.now)}, typ=TYPE)),
    "exp-huge": ("An end that no calendar holds.", saying(lambda _: {"exp": 10**30}, typ=TYPE)),
    "for-another": ("For another client.", saying(lambda _: {"aud": "another-client"}, typ=TYPE)),
    "for-nobody": ("For nobody.", saying(lambda _: {"aud": []}, typ=TYPE)),
    "without-aud": ("No audience.", saying(lambda _: {"aud": None}, typ=TYPE)),
    "by-another-issuer": ("Another issuer.", saying(lambda _: {"iss": EVIL}, typ=TYPE)),
    "without-issuer": ("No issuer.", saying(lambda _: {"iss": None}, typ=TYPE)),
    "without-jti": ("No name of its own.", saying(lambda _: {"jti": None}, typ=TYPE)),
    "jti-empty": ("An empty name of its own.", saying(lambda _: {"jti": ""}, typ=TYPE)),
    "jti-list": ("A list for a name.", saying(lambda _: {"jti": ["a"]}, typ=TYPE)),
    "jti-long": ("A name of 10 000 characters.", saying(lambda _: {"jti": "j" * 10_000}, typ=TYPE)),
    "about-nobody": (
        "Neither subject nor session.",
        saying(lambda _: {"sub": None, "sid": None}, typ=TYPE),
    ),
    "sub-empty": ("An empty subject.", saying(lambda _: {"sub": "", "sid": None}, typ=TYPE)),
    "sub-list": (
        "A list of subjects.",
        saying(lambda _: {"sub": ["mia", "ann"], "sid": None}, typ=TYPE),
    ),
    "sid-list": ("A list of sessions.", saying(lambda _: {"sub": None, "sid": ["a"]}, typ=TYPE)),
    "sid-empty": ("An empty session.", saying(lambda _: {"sub": None, "sid": ""}, typ=TYPE)),
    "an-id-token": (
        "An ID token: it has a nonce and no events.",
        saying(lambda _: {"events": None, "nonce": "n"}),
    ),
    "typ-access-token": ("An access token's type.", headed(typ="at+jwt")),
    "crit": ("Something critical that nobody knows.", headed(typ=TYPE, crit=["x"], x=1)),
    "alg-none": ("No signature.", _unsigned),
    "by-another": (
        "Signed by the attacker as ours.",
        lambda s, t: keys.token(payload_of(t), s.attacker, kid=s.key.kid, typ=TYPE),
    ),
    "by-secret": (
        "Signed by the client's secret.",
        lambda s, t: keys.token_by_secret(
            payload_of(t), (s.client.secret or "").encode(), typ=TYPE
        ),
    ),
    "by-public-key": (
        "Signed by the public key as if it were a secret.",
        lambda s, t: keys.token_by_secret(payload_of(t), s.key.pem.encode(), typ=TYPE),
    ),
    "kid-unknown": ("A key that nobody published.", headed(typ=TYPE, kid="nobody")),
    "signature-cut-off": ("Two parts.", lambda _, token: token.rpartition(".")[0]),
    "changed-after-signing": (
        "A signature of something else.",
        lambda s, t: ".".join(
            [*keys.token(changed(t, {"sub": "evil"}), s.key).split(".")[:2], t.split(".")[2]]
        ),
    ),
    "sub-twice": ("Two subjects.", rewritten(lambda body: body[:-1] + b',"sub":"evil"}')),
    "events-twice": ("Events twice.", rewritten(lambda body: b'{"events":{},' + body[1:])),
    "not-a-token": ("Text.", lambda *_: "hello"),
    "empty": ("Nothing.", lambda *_: ""),
    "large": ("Two million characters.", saying(lambda _: {"x": "A" * 1_500_000}, typ=TYPE)),
    "deep": ("Lists in lists.", rewritten(lambda _: b'{"a":' + b"[" * 100_000)),
}

for _name, (_sentence, _change) in LOGOUTS.items():
    enter(
        f"logout-{_name}", f"A logout token: {_sentence[0].lower()}{_sentence[1:]}", logout=_change
    )
