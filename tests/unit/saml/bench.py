"""One connection and one provider that agree with each other, and what becomes of a message."""

import base64
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from lxml import etree

from gateway.domain.errors import SignInFailed
from gateway.domain.signin import (
    AttributeMapping,
    KeyPair,
    SAMLAddresses,
    SAMLConnection,
    Trace,
)
from gateway.saml.response import Accepted, Expected, judge
from idp_fixtures.saml_idp import keys, messages, security
from idp_fixtures.saml_idp.provider import SAMLProvider, ServiceProvider, okta
from tests.clock import NOON

ORIGIN = "https://gateway.example"
SLUG = "c4r7s9x2m1q8"
REQUEST_ID = "_request"
ADDRESSES = SAMLAddresses.of(ORIGIN, SLUG)
ENTITY_ID = "https://idp.example/saml"
MIA = okta("mia", "mia@acme.test", "Mia Acme", ["Support", "Engineering"])
SERVICE = ServiceProvider(ADDRESSES.entity_id, ADDRESSES.acs_url, ADDRESSES.logout_url)


@cache
def key(name: str) -> keys.Key:
    """One key for each name: making them takes longest."""
    return keys.ec_key(name) if name.startswith("ec") else keys.rsa_key(name)


def ours(name: str) -> KeyPair:
    """A key pair of the gateway."""
    made = key(name)
    return KeyPair(name, made.certificate, made.private_key)


def connection(**settings: Any) -> SAMLConnection:
    """The connection that trusts the provider of `provider()`."""
    defaults = {
        "id": UUID(int=7),
        "organisation_id": UUID(int=1),
        "name": "Okta",
        "slug": SLUG,
        "state": "active",
        "idp_entity_id": ENTITY_ID,
        "sso_url": "https://idp.example/saml/sso",
        "sso_binding": "redirect",
        "slo_url": "https://idp.example/saml/slo",
        "slo_binding": "redirect",
        "slo_response_url": None,
        "certificates": (key("idp").certificate,),
        "sign_requests": False,
        "want_response_signed": False,
        "want_assertions_signed": False,
        "allow_encrypted": True,
        "require_encrypted": False,
        "allow_cbc": False,
        "idp_initiated": "off",
        "name_id_format": None,
        "attributes": AttributeMapping(email="email", display_name="displayName", groups="groups"),
        "keys": (ours("sp-new"), ours("sp-old")),
        "clock_skew": timedelta(seconds=60),
        "enforced": False,
    }
    return SAMLConnection(**{**defaults, **settings})


def provider(**settings: Any) -> SAMLProvider:
    """The provider that the connection trusts."""
    defaults = {
        "entity_id": ENTITY_ID,
        "base_url": "https://idp.example",
        "clock": lambda: NOON,
        "keys": [key("idp")],
    }
    return SAMLProvider(**{**defaults, **settings})


def encryption(**how: Any) -> security.Encryption:
    """How to encrypt for the gateway's newest key."""
    return security.Encryption(**{"certificate": key("sp-new").certificate, **how})


def recipe(**says: Any) -> messages.Recipe:
    """An honest Response, with what a test says otherwise."""
    honest = provider().recipe(SERVICE, MIA, REQUEST_ID)
    return replace(honest, **says)


def response(idp: SAMLProvider | None = None, **says: Any) -> Any:
    """The Response of a recipe, signed and encrypted as the provider does."""
    return (idp or provider()).issue(recipe(**says))


@dataclass
class Verdict:
    """What became of a message."""

    trace: Trace
    accepted: Accepted | None = None
    code: str | None = None
    checks: dict[str, bool] = field(default_factory=dict)


def verdict(
    message: Any,
    sso: SAMLConnection | None = None,
    expected: Expected | None = None,
) -> Verdict:
    """Judge a tree, the bytes of a document, or the text of a field."""
    if isinstance(message, str):
        text = message
    else:
        raw = message if isinstance(message, bytes) else etree.tostring(message)
        text = base64.b64encode(raw).decode()
    trace = Trace()
    known = expected or Expected(REQUEST_ID)
    try:
        accepted = judge(text, sso or connection(), ADDRESSES, known, NOON, trace)
    except SignInFailed as refusal:
        return _refused(trace, refusal.reason)
    return Verdict(trace, accepted, None, _checks(trace))


def _refused(trace: Trace, code: str) -> Verdict:
    assert trace.code == code
    return Verdict(trace, None, code, _checks(trace))


def accepts(message: Any, **more: Any) -> Accepted:
    """The message is taken."""
    found = verdict(message, **more)
    assert found.code is None, found.trace.checks[-1]
    assert found.accepted is not None
    return found.accepted


def refuses(message: Any, code: str, **more: Any) -> Trace:
    """The message is refused, for this reason and no other."""
    found = verdict(message, **more)
    assert found.code == code, (found.code, found.trace.checks[-1:])
    return found.trace


def _checks(trace: Trace) -> dict[str, bool]:
    return {check.name: check.passed for check in trace.checks}
