"""Discovery documents and key sets that lie, lack, or lead to where nobody may go."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.hostile.answers import METADATA
from idp_fixtures.openid_provider.hostile.scenes import (
    EVIL,
    Change,
    Scene,
    enter,
    payload_of,
    unheard,
)
from idp_fixtures.openid_provider.pages import Page

Says = Callable[[Scene], Mapping[str, Any]]


def _document(says: Says) -> Change:
    """Change a JSON document; a member of `None` is left out."""

    def change(scene: Scene, page: Page) -> Page:
        said = {**page.said, **says(scene)}
        kept = {name: value for name, value in said.items() if value is not None}
        return replace(page, body=json.dumps(kept))

    return change


DOCUMENTS: Mapping[str, tuple[str, Says]] = {
    "discovery-of-another": ("Another issuer's document.", lambda _: {"issuer": EVIL}),
    "discovery-without-issuer": ("No issuer.", lambda _: {"issuer": None}),
    "discovery-issuer-with-a-slash": (
        "The issuer with a slash behind.",
        lambda s: {"issuer": s.provider.issuer + "/"},
    ),
    "discovery-issuer-in-capitals": (
        "The issuer in capitals.",
        lambda s: {"issuer": s.provider.issuer.upper()},
    ),
    "discovery-issuer-list": (
        "The issuer in a list.",
        lambda s: {"issuer": [s.provider.issuer]},
    ),
    "discovery-without-authorization": (
        "Nowhere to go.",
        lambda _: {"authorization_endpoint": None},
    ),
    "discovery-without-token": ("Nowhere to redeem.", lambda _: {"token_endpoint": None}),
    "discovery-without-keys": ("No keys.", lambda _: {"jwks_uri": None}),
    "discovery-endpoint-number": ("An endpoint that is a number.", lambda _: {"token_endpoint": 7}),
    "discovery-endpoint-list": (
        "Two endpoints in a list.",
        lambda s: {"token_endpoint": [f"{s.provider.base_url}/token", EVIL]},
    ),
    "discovery-endpoint-empty": ("An empty endpoint.", lambda _: {"jwks_uri": ""}),
    "discovery-endpoint-relative": ("A path alone.", lambda _: {"jwks_uri": "/jwks"}),
    "discovery-endpoint-long": (
        "An endpoint of 100 000 characters.",
        lambda s: {"jwks_uri": f"{s.provider.base_url}/jwks?{'a' * 100_000}"},
    ),
    "discovery-endpoint-with-a-line-break": (
        "An endpoint of two lines.",
        lambda s: {"token_endpoint": f"{s.provider.base_url}/token\r\nX-Evil: 1"},
    ),
    "discovery-without-signatures": (
        "Only tokens that nobody signs.",
        lambda _: {"id_token_signing_alg_values_supported": ["none"]},
    ),
    "discovery-with-shared-secrets-alone": (
        "Only signatures by a shared secret.",
        lambda _: {"id_token_signing_alg_values_supported": ["HS256"]},
    ),
    "discovery-algorithms-text": (
        "Algorithms as one text.",
        lambda _: {"id_token_signing_alg_values_supported": "RS256 none"},
    ),
}

for _name, (_sentence, _says) in DOCUMENTS.items():
    enter(_name, _sentence, discovery=_document(_says))

enter(
    "discovery-issuer-twice",
    "Two issuers, of which each reader takes another.",
    discovery=lambda _, page: replace(page, body=f'{{"issuer":"{EVIL}",{page.body[1:]}'),
)
enter(
    "discovery-led-to-itself",
    "The document says to look at the same place once more, and again.",
    discovery=lambda scene, _: Page(
        status=302, location=f"{scene.provider.issuer}/.well-known/openid-configuration"
    ),
)
enter(
    "discovery-led-to-another",
    "The document lies at another address, to which this one leads.",
    discovery=lambda scene, _: Page(status=301, location=f"{scene.provider.base_url}/evil/jwks"),
)

# -- where the server would go on somebody's word ------------------------------------------------

ASKED_BY_US = ("token_endpoint", "jwks_uri", "userinfo_endpoint")
"""Endpoints that a client's server speaks to."""

ASKED_BY_BROWSERS = ("authorization_endpoint", "end_session_endpoint")
"""Endpoints that browsers are sent to."""

INSIDE: Mapping[str, tuple[str, Callable[[Scene], str]]] = {
    "loopback": ("another port of this machine", lambda scene: scene.site.elsewhere),
    "loopback-by-name": (
        "this machine by its name",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "localhost"),
    ),
    "loopback-as-number": (
        "this machine as one number",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "2130706433"),
    ),
    "loopback-in-hexadecimal": (
        "this machine in hexadecimal",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "0x7f000001"),
    ),
    "loopback-shortened": (
        "this machine in short",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "127.1"),
    ),
    "loopback-in-octal": (
        "this machine in octal",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "0177.0.0.1"),
    ),
    "loopback-of-ipv6": (
        "this machine by IPv6",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "[::1]"),
    ),
    "loopback-mapped": (
        "this machine, mapped into IPv6",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
    ),
    "unspecified": (
        "every address of this machine",
        lambda scene: scene.site.elsewhere.replace("127.0.0.1", "0.0.0.0"),  # noqa: S104
    ),
    "loopback-by-tls": (
        "another port of this machine, by https",
        lambda scene: scene.site.elsewhere.replace("http:", "https:"),
    ),
    "link-local": ("a cloud's metadata", lambda _: METADATA),
    "link-local-by-tls": (
        "a cloud's metadata, by https",
        lambda _: METADATA.replace("http:", "https:"),
    ),
    "metadata-of-ipv6": ("a cloud's metadata by IPv6", lambda _: "http://[fd00:ec2::254]/"),
    "private": ("a private network", lambda _: "https://10.0.0.1/"),
    "private-shared": ("a carrier's network", lambda _: "https://100.64.0.1/"),
    "with-a-user": (
        "a place inside behind a name that looks like ours",
        lambda scene: scene.site.elsewhere.replace(
            "http://", f"http://{scene.provider.base_url.partition('//')[2]}@"
        ),
    ),
    "with-a-password": (
        "our own place, with a password",
        lambda scene: scene.provider.base_url.replace("http://", "http://user:password@"),
    ),
    "a-file": ("a file", lambda _: "file:///etc/passwd"),
    "gopher": ("a protocol of old", lambda _: "gopher://127.0.0.1:25/_HELO"),
    "ldap": ("a directory", lambda _: "ldap://127.0.0.1/"),
    "port-zero": ("no port", lambda _: "http://127.0.0.1:0/"),
}

for _endpoint in ASKED_BY_US:
    for _name, (_sentence, _address) in INSIDE.items():
        enter(
            f"{_endpoint.partition('_')[0]}-at-{_name}",
            f"Discovery says that {_endpoint} is {_sentence}.",
            {"userinfo": True} if _endpoint == "userinfo_endpoint" else None,
            discovery=_document(
                lambda scene, name=_endpoint, at=_address: {name: at(scene)}  # type: ignore[misc]
            ),
        )

for _endpoint in ASKED_BY_BROWSERS:
    for _name, _place in (
        ("script", "javascript:alert(1)//"),
        ("page", "data:text/html,<script>alert(1)</script>"),
        ("file", "file:///etc/passwd"),
        ("nothing", "//"),
        ("user", "https://gateway.test@evil.example/"),
        ("quote", 'https://evil.example/"><script>'),
    ):
        enter(
            f"{_endpoint.partition('_')[0]}-as-{_name}",
            f"Discovery says that {_endpoint} is {_place}.",
            discovery=_document(
                lambda _, name=_endpoint, at=_place: {name: at}  # type: ignore[misc]
            ),
        )

# -- key sets ----------------------------------------------------------------------------------


def _key_set(name: str, sentence: str, says: Callable[[list[Any]], Any]) -> None:
    """Publish a key set of which the new key is a part, and sign with it."""
    enter(
        name,
        sentence,
        jwks=lambda scene, page: replace(
            page, body=json.dumps(says([*page.said["keys"], unheard(scene).jwk]))
        ),
        id_token=lambda scene, token: keys.token(payload_of(token), unheard(scene)),
    )


_key_set("keys-empty", "No keys.", lambda _: {"keys": []})
_key_set("keys-absent", "A document without keys.", lambda _: {})
_key_set("keys-list", "A list of keys, without the set around.", lambda listed: listed)
_key_set("keys-object", "Keys by name.", lambda listed: {"keys": {k["kid"]: k for k in listed}})
_key_set("keys-text", "Keys as text.", lambda listed: {"keys": json.dumps(listed)})
_key_set(
    "keys-many",
    "10 000 keys before the one.",
    lambda listed: {"keys": [{**listed[0], "kid": f"k{x}"} for x in range(10_000)] + listed},
)
_key_set("keys-of-no-kind", "Keys of no kind.", lambda _: {"keys": [7, None, "x", [], {}]})
