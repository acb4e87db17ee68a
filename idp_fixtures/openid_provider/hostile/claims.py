"""Tokens that the provider signs properly, and that say what they must not."""

from collections.abc import Callable, Mapping
from typing import Any

from idp_fixtures.openid_provider.accounts import guid
from idp_fixtures.openid_provider.hostile.scenes import (
    DAY,
    EVIL,
    Scene,
    enter,
    headed,
    rewritten,
    saying,
)
from idp_fixtures.openid_provider.provider import LOGOUT_EVENT

Says = Callable[[Scene], Mapping[str, Any]]
HUGE = 10**30

CLAIMS: Mapping[str, tuple[str, Says]] = {
    "iss-other": ("Another issuer.", lambda _: {"iss": EVIL}),
    "iss-absent": ("No issuer.", lambda _: {"iss": None}),
    "iss-with-a-slash": (
        "The issuer with a slash behind.",
        lambda s: {"iss": s.provider.iss + "/"},
    ),
    "iss-longer": (
        "An issuer that begins like ours.",
        lambda s: {"iss": s.provider.iss + ".evil.example"},
    ),
    "iss-in-capitals": ("The issuer in capitals.", lambda s: {"iss": s.provider.iss.upper()}),
    "iss-list": ("The issuer in a list.", lambda s: {"iss": [s.provider.iss]}),
    "aud-absent": ("No audience.", lambda _: {"aud": None}),
    "aud-empty": ("An empty list of audiences.", lambda _: {"aud": []}),
    "aud-foreign": ("Another client's token.", lambda _: {"aud": "another-client"}),
    "aud-foreign-list": ("A list of others.", lambda _: {"aud": ["another-client", "third"]}),
    "aud-several-without-azp": (
        "We are one of several, and nobody says for whom it was made.",
        lambda s: {"aud": [s.client.id, "another-client"]},
    ),
    "aud-longer": (
        "An audience that begins like ours.",
        lambda s: {"aud": s.client.id + "-2"},
    ),
    "aud-in-capitals": ("Our name in capitals.", lambda s: {"aud": s.client.id.upper()}),
    "aud-object": ("An object.", lambda s: {"aud": {s.client.id: True}}),
    "aud-nested": ("A list in a list.", lambda s: {"aud": [[s.client.id]]}),
    "azp-other": ("Made for another.", lambda _: {"azp": "another-client"}),
    "azp-other-of-several": (
        "We are one of several, and it was made for another.",
        lambda s: {"aud": [s.client.id, "another-client"], "azp": "another-client"},
    ),
    "azp-empty": ("Made for nobody.", lambda _: {"azp": ""}),
    "azp-list": ("Made for a list.", lambda s: {"azp": [s.client.id]}),
    "exp-passed": ("Expired an hour ago.", lambda s: {"exp": s.now - 3600, "iat": s.now - 7200}),
    "exp-absent": ("Good for ever.", lambda _: {"exp": None}),
    "exp-text": ("An end that is text.", lambda s: {"exp": str(s.now + 300)}),
    "exp-true": ("An end that is true.", lambda _: {"exp": True}),
    "exp-huge": ("An end that no calendar holds.", lambda _: {"exp": HUGE}),
    "exp-negative": ("An end before the beginning of time.", lambda _: {"exp": -HUGE}),
    "exp-list": ("An end in a list.", lambda s: {"exp": [s.now + 300]}),
    "iat-ahead": (
        "Issued in an hour.",
        lambda s: {"iat": s.now + 3600, "exp": s.now + 7200, "auth_time": s.now},
    ),
    "iat-absent": ("Issued at no time.", lambda _: {"iat": None}),
    "iat-text": ("Issued at a time that is text.", lambda s: {"iat": str(s.now)}),
    "iat-huge": ("Issued at a time that no calendar holds.", lambda _: {"iat": HUGE}),
    "iat-long-ago": (
        "Issued yesterday, good until tomorrow.",
        lambda s: {"iat": s.now - DAY, "exp": s.now + DAY},
    ),
    "nbf-ahead": ("Good from in an hour.", lambda s: {"nbf": s.now + 3600, "exp": s.now + 7200}),
    "nbf-text": ("Good from a time that is text.", lambda _: {"nbf": "now"}),
    "nonce-wrong": ("Another nonce.", lambda _: {"nonce": "another"}),
    "nonce-absent": ("No nonce.", lambda _: {"nonce": None}),
    "nonce-empty": ("An empty nonce.", lambda _: {"nonce": ""}),
    "nonce-list": ("Our nonce in a list.", lambda s: {"nonce": [s.grant.request.nonce]}),
    "nonce-of-an-earlier-attempt": (
        "The nonce of the sign-in before.",
        lambda s: {"nonce": s.site.grants[-2].request.nonce},
    ),
    "at-hash-wrong": ("The digest of another access token.", lambda _: {"at_hash": "A" * 22}),
    "at-hash-empty": ("An empty digest.", lambda _: {"at_hash": ""}),
    "at-hash-number": ("A digest that is a number.", lambda _: {"at_hash": 1}),
    "c-hash-wrong": ("The digest of another code.", lambda _: {"c_hash": "A" * 22}),
    "c-hash-empty": ("An empty digest of a code.", lambda _: {"c_hash": ""}),
    "sub-absent": ("Nobody.", lambda _: {"sub": None}),
    "sub-empty": ("An empty subject.", lambda _: {"sub": ""}),
    "sub-blank": ("A subject of blanks.", lambda _: {"sub": "   "}),
    "sub-number": ("A subject that is a number.", lambda _: {"sub": 7}),
    "sub-true": ("A subject that is true.", lambda _: {"sub": True}),
    "sub-list": ("A subject in a list.", lambda s: {"sub": [s.grant.account.sub]}),
    "sub-long": ("300 characters.", lambda _: {"sub": "a" * 300}),
    "sub-with-a-line-break": ("Two lines.", lambda s: {"sub": s.grant.account.sub + "\n"}),
    "sub-with-a-nul": ("A NUL behind the subject.", lambda s: {"sub": s.grant.account.sub + "\0"}),
    "sub-half-a-character": ("Half of a surrogate pair.", lambda _: {"sub": "\ud800"}),
    "groups-object": ("Groups as an object.", lambda _: {"groups": {"Support": True}}),
    "groups-nested": ("Groups in groups.", lambda _: {"groups": [["Support"]]}),
    "groups-objects": ("Groups as objects.", lambda _: {"groups": [{"name": "Support"}]}),
    "groups-number": ("A number for groups.", lambda _: {"groups": 7}),
    "groups-many": (
        "10 000 groups.",
        lambda _: {"groups": [f"g{number}" for number in range(10_000)]},
    ),
    "groups-long": ("A group's name of 10 000 characters.", lambda _: {"groups": ["g" * 10_000]}),
    "groups-empty-name": ("A group without a name.", lambda _: {"groups": ["Support", ""]}),
    "a-logout-token": (
        "A logout token in place of an ID token.",
        lambda _: {"events": {LOGOUT_EVENT: {}}, "nonce": None},
    ),
}

for _name, (_sentence, _says) in CLAIMS.items():
    enter(_name, _sentence, id_token=saying(_says))

# -- what is wrong because of what was agreed on ---------------------------------------------------

RECENT = {"max_age": 300}
for _name, _sentence, _says in (
    (
        "auth-time-too-old",
        "Signed in a day ago, where five minutes were asked for.",
        lambda s: {"auth_time": s.now - DAY},
    ),
    ("auth-time-absent", "Does not say when, though asked.", lambda _: {"auth_time": None}),
    ("auth-time-ahead", "Signed in tomorrow.", lambda s: {"auth_time": s.now + DAY}),
    ("auth-time-text", "Signed in at a text.", lambda s: {"auth_time": str(s.now)}),
):
    enter(_name, _sentence, RECENT, id_token=saying(_says))

TENANT, FOREIGN = guid("our tenant"), guid("their tenant")
OURS = {"tenant": TENANT}
for _name, _sentence, _says in (
    ("tid-foreign", "Another tenant, under our issuer.", lambda _: {"tid": FOREIGN}),
    ("tid-absent", "No tenant.", lambda _: {"tid": None}),
    ("tid-list", "Our tenant in a list.", lambda _: {"tid": [TENANT]}),
    (
        "tenant-foreign",
        "Another tenant, properly issued by it.",
        lambda s: {"tid": FOREIGN, "iss": s.provider.iss.replace(TENANT, FOREIGN)},
    ),
    (
        "iss-of-no-tenant",
        "The issuer with the gap where the tenant belongs.",
        lambda s: {"iss": s.provider.iss.replace(TENANT, "{tenantid}")},
    ),
):
    enter(_name, _sentence, OURS, id_token=saying(_says))

NEWCOMER = {"newcomer": True}
for _name, _sentence, _value in (
    ("email-verified-text", "Verified as a text.", "true"),
    ("email-verified-number", "Verified as a number.", 1),
    ("email-verified-false", "Not verified.", False),
    ("email-verified-absent", "Nothing is said about it.", None),
):
    enter(
        _name,
        f"A newcomer's address: {_sentence[0].lower()}{_sentence[1:]}",
        NEWCOMER,
        id_token=saying(lambda _, value=_value: {"email_verified": value}),  # type: ignore[misc]
    )
enter(
    "email-of-another-domain",
    "A newcomer whose verified address is in a domain that nobody proved.",
    NEWCOMER,
    id_token=saying(lambda _: {"email": "new@globex.test"}),
)

# -- other kinds of token, and what is no object ------------------------------------------------

for _name, _typ in (
    ("access-token", "at+jwt"),
    ("access-token-in-full", "application/at+jwt"),
    ("access-token-in-capitals", "AT+JWT"),
    ("logout-token", "logout+jwt"),
    ("security-event", "secevent+jwt"),
):
    enter(
        f"typ-{_name}",
        f"A token of the type {_typ}.",
        id_token=headed(typ=_typ),
    )
enter("typ-number", "A type that is a number.", id_token=headed(typ=7))

for _name, _sentence, _change in (
    ("payload-list", "A list.", lambda _: b"[]"),
    ("payload-text", "No JSON.", lambda _: b"iss=us"),
    ("payload-empty", "Nothing.", lambda _: b""),
    ("payload-null", "Null.", lambda _: b"null"),
    ("payload-no-utf-8", "Bytes that are no UTF-8.", lambda x: x.replace(b"iss", b"i\xffs", 1)),
    ("payload-deep", "100 000 lists in each other.", lambda _: b'{"a":' + b"[" * 100_000),
    (
        "payload-deep-and-whole",
        "Ten thousand lists in each other, properly closed.",
        lambda x: x[:-1] + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ),
    (
        "payload-digits",
        "A number of 100 000 digits.",
        lambda x: x[:-1] + b',"x":' + b"9" * 100_000 + b"}",
    ),
    ("payload-not-a-number", "An end that is NaN.", lambda x: x[:-1] + b',"exp":NaN}'),
    ("payload-infinite", "An end that is infinite.", lambda x: x[:-1] + b',"exp":1e999}'),
    (
        "sub-twice",
        "Two subjects, of which each reader takes another.",
        lambda x: x[:-1] + b',"sub":"evil"}',
    ),
    ("aud-twice", "Two audiences.", lambda x: b'{"aud":"another-client",' + x[1:]),
):
    enter(_name, _sentence, id_token=rewritten(_change))

DOMAIN = "acme.test"
GOOGLE = {"domain": DOMAIN}


def _of_domain(said: Any) -> Says:
    return lambda _: {"hd": said}


for _name, _sentence, _said in (
    ("hd-absent", "Google's word, on a private account under our address.", None),
    ("hd-foreign", "Another company's Google Workspace.", "evil.example"),
    ("hd-below-ours", "A domain below ours.", "mail.acme.test"),
    ("hd-above-ours", "The domain above ours.", "test"),
    ("hd-longer", "A domain that begins like ours.", "acme.test.evil.example"),
    ("hd-ends-like-ours", "A domain that ends like ours.", "not-acme.test"),
    ("hd-empty", "A domain without a name.", ""),
    ("hd-address", "An address in place of a domain.", "ann@acme.test"),
    ("hd-list", "Our domain in a list.", [DOMAIN]),
    ("hd-object", "Our domain as a name in an object.", {DOMAIN: True}),
    ("hd-true", "Some domain or other.", True),
    ("hd-with-a-nul", "A NUL behind our domain.", DOMAIN + "\0"),
    ("hd-with-a-line-break", "Two lines.", DOMAIN + "\n"),
    ("hd-padded", "Our domain behind a blank.", " " + DOMAIN),
    ("hd-confusable", "A letter that only looks like ours.", "\u0430cme.test"),
    ("hd-two-at-once", "Ours and theirs.", "acme.test,evil.example"),
):
    enter(_name, _sentence, GOOGLE, id_token=saying(_of_domain(_said)))

enter(
    "hd-from-userinfo-alone",
    "Only what nobody signed names our domain.",
    {**GOOGLE, "userinfo": True},
    id_token=saying(lambda _: {"hd": None}),
)
