"""The protocol settings of a sign-on connection: names, defaults, and the values each may have."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.signin import (
    MAX_SKEW,
    AttributeMapping,
    KeyPair,
    OIDCConnection,
    SAMLConnection,
)

TEXT_LIMIT = 1_000
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures that an ID token may carry: never none, never one with a shared secret."""

SAML_DEFAULTS: Mapping[str, Any] = {
    "sso_url": "",
    "sso_binding": "redirect",
    "slo_url": None,
    "slo_binding": "redirect",
    "slo_response_url": None,
    "sign_requests": False,
    "want_response_signed": False,
    "want_assertions_signed": False,
    "allow_encrypted": True,
    "require_encrypted": False,
    "allow_cbc": False,
    "idp_initiated": "off",
    "name_id_format": None,
    "attributes": {},
    "clock_skew": 60,
}
"""Setting of SAML → its default."""

OIDC_DEFAULTS: Mapping[str, Any] = {
    "client_id": "",
    "client_auth": "client_secret_basic",
    "authorization_endpoint": "",
    "token_endpoint": "",
    "jwks_uri": "",
    "userinfo_endpoint": None,
    "end_session_endpoint": None,
    "iss_parameter_supported": False,
    "algorithms": ["RS256"],
    "scopes": ["openid", "profile", "email"],
    "attributes": {},
    "tenant": None,
    "use_userinfo": False,
    "max_age": None,
    "idp_initiated": "off",
    "clock_skew": 60,
}
"""Setting of OpenID Connect → its default."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = {"saml": SAML_DEFAULTS, "oidc": OIDC_DEFAULTS}

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "saml": ("sso_url",),
    "oidc": ("client_id", "authorization_endpoint", "token_endpoint", "jwks_uri"),
}
"""Settings without which nobody can be sent to the provider."""

ATTRIBUTE_NAMES = ("subject", "email", "display_name", "groups", "group_separator")


def complete(
    protocol: str, wish: Mapping[str, Any], present: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return all settings: the present ones, or defaults, with what is wished for checked.

    :raises InvalidRequest: an unknown setting, or a value that it cannot have.
    """
    for name, value in wish.items():
        if name not in DEFAULTS[protocol]:
            _refuse(name, f"A connection has no setting {name!r}.")
        CHECKS[name](name, value)
    return {**DEFAULTS[protocol], **(present or {}), **wish}


def missing(protocol: str, issuer: str, settings: Mapping[str, Any]) -> list[str]:
    """Return what a connection lacks before anybody can sign in through it."""
    lacking = [] if issuer else ["issuer"]
    return lacking + [name for name in REQUIRED[protocol] if not settings[name]]


def saml(
    row: Any, name: str, state: str, certificates: tuple[str, ...], keys: tuple[KeyPair, ...]
) -> SAMLConnection:
    """Return the SAML connection of a stored row."""
    values = {**SAML_DEFAULTS, **row.settings}
    return SAMLConnection(
        **_common(row, name, state, values),
        idp_entity_id=row.issuer,
        certificates=certificates,
        keys=keys,
        **{
            setting: values[setting]
            for setting in SAML_DEFAULTS
            if setting not in ("attributes", "clock_skew", "idp_initiated")
        },
    )


def oidc(
    row: Any, name: str, state: str, client_secret: str | None, keys: tuple[KeyPair, ...]
) -> OIDCConnection:
    """Return the OpenID Connect connection of a stored row."""
    values = {**OIDC_DEFAULTS, **row.settings}
    apart = ("attributes", "clock_skew", "idp_initiated", "algorithms", "scopes")
    return OIDCConnection(
        **_common(row, name, state, values),
        issuer=row.issuer,
        client_secret=client_secret,
        keys=keys,
        algorithms=tuple(values["algorithms"]),
        scopes=tuple(values["scopes"]),
        **{setting: values[setting] for setting in OIDC_DEFAULTS if setting not in apart},
    )


def _common(row: Any, name: str, state: str, values: Mapping[str, Any]) -> dict[str, Any]:
    organisation_id: UUID = row.organisation_id
    return {
        "id": row.id,
        "organisation_id": organisation_id,
        "name": name,
        "slug": row.slug,
        "state": state,
        "enforced": row.enforced,
        "attributes": AttributeMapping(**values["attributes"]),
        "idp_initiated": values["idp_initiated"],
        "clock_skew": timedelta(seconds=values["clock_skew"]),
    }


# -- checks ------------------------------------------------------------------------


def require_web_address(name: str, value: object) -> None:
    """Refuse what is no plain http or https address: no script, file, user or fragment."""
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT or not value.isascii():
        _refuse(name, "is a web address")
    if any(ord(x) <= 0x20 or x in "\\\"'<>" or ord(x) == 0x7F for x in str(value)):
        _refuse(name, "is a web address without spaces or quotes")
    try:
        address = urlsplit(str(value))
        fit = address.scheme in ("https", "http") and address.hostname and address.port != 0
    except ValueError:
        fit = False
        address = urlsplit("")
    if not fit or address.username is not None or address.fragment:
        _refuse(name, "is an http or https address without user and fragment")


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        _refuse(name, "is true or false")


def _one_of(*allowed: str) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if value not in allowed:
            _refuse(name, f"is one of {', '.join(allowed)}")

    return check


def _text(name: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT or not value.isprintable():
        _refuse(name, f"is one line of at most {TEXT_LIMIT} characters")


def _or_nothing(check: Callable[[str, object], None]) -> Callable[[str, object], None]:
    return lambda name, value: None if value is None else check(name, value)


def _number(least: int, most: int) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if type(value) is not int or not least <= value <= most:
            _refuse(name, f"is a number from {least} to {most}")

    return check


def _words(allowed: tuple[str, ...] | None = None) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if not isinstance(value, list | tuple) or not 0 < len(value) <= 20:
            _refuse(name, "is a list of 1 to 20")
        for each in value if isinstance(value, list | tuple) else ():
            known = allowed is None or each in allowed
            if not isinstance(each, str) or not each.isprintable() or " " in each or not known:
                _refuse(name, f"cannot contain {each!r}")

    return check


def _scopes(name: str, value: object) -> None:
    _words()(name, value)
    if isinstance(value, list | tuple) and "openid" not in value:
        _refuse(name, "contains openid")


def _attributes(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        _refuse(name, "maps what we need to attribute names")
    for key, attribute in value.items():
        if key not in ATTRIBUTE_NAMES:
            _refuse(name, f"knows {', '.join(ATTRIBUTE_NAMES)}, not {key!r}")
        if attribute is not None:
            _text(f"{name}.{key}", attribute)


def _refuse(name: str, what: str) -> NoReturn:
    message = what if what.startswith("A ") else f"{name} {what}."
    raise InvalidRequest(message, field=name)


_ADDRESS = _or_nothing(require_web_address)
_BINDING = _one_of("redirect", "post")
CHECKS: Mapping[str, Callable[[str, object], None]] = {
    "sso_url": require_web_address,
    "sso_binding": _BINDING,
    "slo_url": _ADDRESS,
    "slo_binding": _BINDING,
    "slo_response_url": _ADDRESS,
    "sign_requests": _flag,
    "want_response_signed": _flag,
    "want_assertions_signed": _flag,
    "allow_encrypted": _flag,
    "require_encrypted": _flag,
    "allow_cbc": _flag,
    "idp_initiated": _one_of("off", "restart"),
    "name_id_format": _or_nothing(_text),
    "attributes": _attributes,
    "clock_skew": _number(0, int(MAX_SKEW.total_seconds())),
    "client_id": _text,
    "client_auth": _one_of("client_secret_basic", "client_secret_post", "private_key_jwt"),
    "authorization_endpoint": require_web_address,
    "token_endpoint": require_web_address,
    "jwks_uri": require_web_address,
    "userinfo_endpoint": _ADDRESS,
    "end_session_endpoint": _ADDRESS,
    "iss_parameter_supported": _flag,
    "algorithms": _words(ALGORITHMS),
    "scopes": _scopes,
    "tenant": _or_nothing(_text),
    "use_userinfo": _flag,
    "max_age": _or_nothing(_number(0, 30 * 86_400)),
}
"""Setting → what refuses a value that it cannot have."""
