"""Tokens whose signature is missing, another's, weak, or means something else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.hostile.scenes import (
    EVIL,
    Change,
    Scene,
    changed,
    enter,
    headed,
    payload_of,
    saying,
    unheard,
)
from idp_fixtures.openid_provider.keys import Key, compact, encoded


def _forged(scene: Scene, token: str, **header: Any) -> str:
    """The attacker's wish under the attacker's signature."""
    return keys.token(changed(token, {"sub": "evil"}), scene.attacker, **header)


def _unsigned(algorithm: str, *, kept: bool = False) -> Change:
    def change(scene: Scene, token: str) -> str:
        header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": scene.key.kid})
        return compact(
            header.encode(), payload_of(token), scene.key.sign if kept else lambda _: b""
        )

    return change


def _by(secret: Callable[[Scene], bytes], algorithm: str = "HS256") -> Change:
    return lambda scene, token: keys.token_by_secret(
        payload_of(token), secret(scene), algorithm, kid=scene.key.kid
    )


def _parts(change: Callable[[list[str]], str]) -> Change:
    return lambda _, token: change(token.split("."))


def _raw(header: Callable[[Scene], bytes]) -> Change:
    return lambda scene, token: compact(header(scene), payload_of(token), scene.key.sign)


FORGED: Mapping[str, tuple[str, Change]] = {
    "alg-none": ("No signature.", _unsigned("none")),
    "alg-none-in-odd-case": ("No signature, written nOnE.", _unsigned("nOnE")),
    "alg-none-with-a-signature": ("A good signature under alg none.", _unsigned("none", kept=True)),
    "alg-empty": ("An empty algorithm.", _unsigned("")),
    "hs256-by-public-key": (
        "Signed by the public key as if it were a secret.",
        _by(lambda scene: scene.key.pem.encode()),
    ),
    "hs256-by-key-set": (
        "Signed by the key as the set publishes it.",
        _by(lambda scene: json.dumps(scene.key.jwk).encode()),
    ),
    "hs256-by-client-secret": (
        "Signed by the client's secret, which is not what was agreed on.",
        _by(lambda scene: (scene.client.secret or "").encode()),
    ),
    "hs512-by-client-secret": (
        "Signed by the client's secret and a longer digest.",
        _by(lambda scene: (scene.client.secret or "").encode(), "HS512"),
    ),
    "hs256-by-nothing": ("Signed by an empty secret.", _by(lambda _: b"")),
    "signed-by-another": ("The attacker's key under its own name.", _forged),
    "signed-by-another-as-ours": (
        "The attacker's key under our key's name.",
        lambda scene, token: _forged(scene, token, kid=scene.key.kid),
    ),
    "signed-by-another-without-a-name": (
        "The attacker's key, unnamed.",
        lambda scene, token: _forged(scene, token, kid=None),
    ),
    "kid-unknown": ("Our signature under a name that nobody published.", headed(kid="nobody")),
    "kid-number": ("A name that is a number.", headed(kid=7)),
    "kid-path": ("A name that is a path.", headed(kid="../../../../dev/null")),
    "kid-long": ("A name of 100 000 characters.", headed(kid="k" * 100_000)),
    "jwk-embedded": (
        "The attacker's key lies in the header.",
        lambda scene, token: _forged(scene, token, jwk=scene.attacker.jwk),
    ),
    "jwk-embedded-as-ours": (
        "The attacker's key lies in the header, under our key's name.",
        lambda scene, token: _forged(scene, token, jwk=scene.attacker.jwk, kid=scene.key.kid),
    ),
    "jku": (
        "The header says where the attacker's keys are.",
        lambda scene, token: _forged(scene, token, jku=f"{scene.provider.base_url}/evil/jwks"),
    ),
    "x5u": (
        "The header says where the attacker's certificate is.",
        lambda scene, token: _forged(scene, token, x5u=f"{scene.provider.base_url}/evil/jwks"),
    ),
    "x5c": (
        "The attacker's certificate lies in the header.",
        lambda scene, token: _forged(scene, token, x5c=["MIIB"]),
    ),
    "crit-unknown": ("Something critical that nobody knows.", headed(crit=["x"], x=1)),
    "crit-empty": ("An empty list of what is critical.", headed(crit=[])),
    "crit-payload": ("A payload that is not encoded.", headed(crit=["b64"], b64=False)),
    "payload-not-encoded": ("A payload said not to be encoded.", headed(b64=False)),
    "header-twice": (
        "Two algorithms in the header.",
        _raw(lambda s: b'{"alg":"none","alg":"RS256","kid":"%s"}' % s.key.kid.encode()),
    ),
    "header-list": ("A header that is a list.", _raw(lambda _: b"[]")),
    "header-text": ("A header that is no JSON.", _raw(lambda _: b"RS256")),
    "header-deep": ("A header of lists in lists.", _raw(lambda _: b'{"alg":' + b"[" * 50_000)),
    "alg-absent": ("No algorithm.", headed(alg=None)),
    "alg-number": ("An algorithm that is a number.", headed(alg=256)),
    "alg-list": ("A list of algorithms.", headed(alg=["RS256"])),
    "alg-of-another-length": (
        "RS512, where RS256 was agreed on.",
        lambda scene, token: compact(
            json.dumps({"alg": "RS512", "kid": scene.key.kid}).encode(),
            payload_of(token),
            lambda text: scene.key.sign(text, "RS512"),
        ),
    ),
    "alg-of-another-padding": (
        "PS256, where RS256 was agreed on.",
        lambda scene, token: compact(
            json.dumps({"alg": "PS256", "kid": scene.key.kid}).encode(),
            payload_of(token),
            lambda text: scene.key.sign(text, "PS256"),
        ),
    ),
    "alg-and-signature-differ": (
        "Signed by SHA-512 and said to be by SHA-256.",
        lambda scene, token: compact(
            json.dumps({"alg": "RS256", "kid": scene.key.kid}).encode(),
            payload_of(token),
            lambda text: scene.key.sign(text, "RS512"),
        ),
    ),
    "alg-by-sha-1": (
        "Signed by SHA-1.",
        lambda scene, token: compact(
            json.dumps({"alg": "RS1", "kid": scene.key.kid}).encode(),
            payload_of(token),
            lambda text: scene.key.sign(text, "RS1"),
        ),
    ),
    "signature-empty": ("An empty signature.", _parts(lambda p: f"{p[0]}.{p[1]}.")),
    "signature-cut-off": ("Two parts.", _parts(lambda p: f"{p[0]}.{p[1]}")),
    "signature-short": ("Half of the signature.", _parts(lambda p: ".".join(p)[:-170])),
    "signature-of-zeros": (
        "A signature of zeros.",
        _parts(lambda p: f"{p[0]}.{p[1]}.{encoded(bytes(256))}"),
    ),
    "signature-of-something-else": (
        "Our signature of another token.",
        lambda scene, token: ".".join(
            [
                *keys.token(changed(token, {"sub": "evil"}), scene.key).split(".")[:2],
                token.split(".")[2],
            ]
        ),
    ),
    "four-parts": ("Four parts.", _parts(lambda p: ".".join([*p, "AA"]))),
    "encrypted": ("Five parts, as if encrypted.", _parts(lambda p: ".".join([*p, "AA", "AA"]))),
    "padded": ("Parts with padding behind them.", _parts(lambda p: f"{p[0]}==.{p[1]}==.{p[2]}==")),
    "with-blanks": ("Blanks between the parts.", _parts(lambda p: " . ".join(p))),
    "with-line-breaks": (
        "Line breaks within a part.",
        _parts(lambda p: ".".join(p)[:20] + "\n" + ".".join(p)[20:]),
    ),
    "as-object": (
        "The token in JSON's serialisation.",
        _parts(lambda p: json.dumps({"protected": p[0], "payload": p[1], "signature": p[2]})),
    ),
    "not-a-token": ("Text.", lambda *_: "hello"),
    "empty-token": ("An empty ID token.", lambda *_: ""),
    "no-token": ("No ID token at all.", lambda *_: None),
    "token-number": ("An ID token that is a number.", lambda *_: 7),
    "token-list": ("The ID token in a list.", lambda _, token: [token]),
    "token-no-ascii": ("A token with letters that no token has.", lambda _, token: token + "é"),
    "token-large": (
        "Two million characters, properly signed.",
        saying(lambda _: {"photo": "A" * 1_500_000}),
    ),
}

for _name, (_sentence, _change) in FORGED.items():
    enter(_name, _sentence, id_token=_change)


# -- what a published key must not be ------------------------------------------------------------


def _keyed(
    name: str, sentence: str, algorithm: str = "RS256", bits: int = 2048, **published: Any
) -> None:
    """Publish a new key, changed, beside the good ones, and sign with it."""
    enter(
        name,
        sentence,
        jwks=lambda scene, page: _with(page, {**unheard(scene, algorithm, bits).jwk, **published}),
        id_token=lambda scene, token: keys.token(
            payload_of(token), unheard(scene, algorithm, bits)
        ),
    )


def _with(page: Any, *more: Mapping[str, Any]) -> Any:
    listed = {"keys": [*page.said["keys"], *more]}
    return replace(page, body=json.dumps(listed))


def _by_unheard(scene: Scene, token: str) -> str:
    return keys.token(payload_of(token), unheard(scene))


_keyed("key-weak", "A key of 1024 bits.", bits=1024)
_keyed("key-of-another-kind", "A curve, where RSA was agreed on.", "ES256")
_keyed("key-for-encryption", "A key that is for encryption.", use="enc")
_keyed("key-that-only-signs", "A key that nobody may verify by.", key_ops=["sign"])
_keyed("key-by-another-algorithm", "A key for RS512.", alg="RS512")
_keyed("key-without-a-modulus", "A key without its number.", n="")
_keyed("key-of-exponent-one", "A key by which every text is its own signature.", e="AQ")
_keyed("key-not-a-number", "A key whose number is text.", n="!!!")
enter(
    "key-private",
    "The private key is published, and whoever reads it signs.",
    jwks=lambda scene, page: _with(page, unheard(scene).private_jwk),
    id_token=_by_unheard,
)
enter(
    "key-shared",
    "A secret is published, and whoever reads it signs.",
    jwks=lambda scene, page: _with(
        page, {"kty": "oct", "kid": unheard(scene).kid, "k": encoded(b"s" * 32)}
    ),
    id_token=lambda scene, token: keys.token_by_secret(
        payload_of(token), b"s" * 32, kid=unheard(scene).kid
    ),
)
enter(
    "key-name-twice",
    "Two keys under one name.",
    jwks=lambda scene, page: _with(
        page, unheard(scene).jwk, {**scene.attacker.jwk, "kid": unheard(scene).kid}
    ),
    id_token=_by_unheard,
)

# -- curves ----------------------------------------------------------------------------------------

CURVE = {"algorithm": "ES256"}
enter(
    "curve-zeros",
    "The signature of zeros that some readers take for any text.",
    CURVE,
    id_token=_parts(lambda p: f"{p[0]}.{p[1]}.{encoded(bytes(64))}"),
)
enter(
    "curve-in-der",
    "A signature in the form that tokens do not use.",
    CURVE,
    id_token=lambda scene, token: compact(
        json.dumps({"alg": "ES256", "kid": scene.key.kid}).encode(),
        payload_of(token),
        lambda text: _in_der(scene.key, text),
    ),
)
enter(
    "curve-as-another",
    "ES512 by a key of P-256.",
    CURVE,
    id_token=headed(alg="ES512"),
)
enter(
    "curve-evil",
    "A foreign issuer by a good curve.",
    CURVE,
    id_token=saying(lambda _: {"iss": EVIL}),
)


def _in_der(key: Key, text: bytes) -> bytes:
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)  # noqa: S101 - the client's is
    return key.private.sign(text, ec.ECDSA(hashes.SHA256()))
