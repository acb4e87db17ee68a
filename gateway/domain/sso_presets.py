"""What differs between identity providers: attribute names, formats, and what to click."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SSOPreset:
    """How one provider is connected; `settings` are defaults, `subject_match` the usual rule."""

    name: str
    protocol: str
    settings: Mapping[str, Any]
    subject_claim: str | None = None
    subject_match: str = "user_name"
    instructions: tuple[str, ...] = field(default=())


_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_ENTRA = "http://schemas.microsoft.com"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_WAY_SAML = (
    "Enter the ACS URL and the entity id that this connection shows.",
    "Take the provider's metadata URL into this connection.",
    "Make a test sign-in, look at every check, then activate.",
)
_WAY_OIDC = (
    "Enter the redirect URI that this connection shows.",
    "Take issuer, client id and client secret into this connection.",
    "Make a test sign-in, look at every check, then activate.",
)


def _saml(
    name: str, attributes: Mapping[str, str | None], *, steps: tuple[str, ...], **rest: Any
) -> SSOPreset:
    fixed = {key: rest.pop(key) for key in ("subject_claim", "subject_match") if key in rest}
    settings = {"attributes": attributes, **rest}
    return SSOPreset(
        name=name, protocol="saml", settings=settings, instructions=(*steps, *_WAY_SAML), **fixed
    )


def _oidc(
    name: str, attributes: Mapping[str, str | None], *, steps: tuple[str, ...], **rest: Any
) -> SSOPreset:
    fixed = {key: rest.pop(key) for key in ("subject_claim", "subject_match") if key in rest}
    settings = {"attributes": attributes, **rest}
    return SSOPreset(
        name=name, protocol="oidc", settings=settings, instructions=(*steps, *_WAY_OIDC), **fixed
    )


SAML_PRESETS: Mapping[str, SSOPreset] = {
    "okta": _saml(
        "Okta",
        {"email": "email", "display_name": "displayName", "groups": "groups"},
        steps=(
            "In Okta, create an app integration with SAML 2.0.",
            "Set the Name ID format to Persistent and the application username to the Okta"
            " username.",
            "Add the attribute statements email = user.email and displayName = user.displayName.",
            "Add a group attribute statement named groups with the filter that you need.",
        ),
        name_id_format=_PERSISTENT,
    ),
    "entra": _saml(
        "Microsoft Entra ID",
        {
            "email": f"{_CLAIMS}/emailaddress",
            "display_name": f"{_ENTRA}/identity/claims/displayname",
            "groups": f"{_ENTRA}/ws/2008/06/identity/claims/groups",
        },
        steps=(
            "In Entra, create an enterprise application of your own and choose SAML.",
            "Keep the NameID as user.userprincipalname; add the claim objectidentifier if you"
            " provision by it.",
            "Add a group claim of the groups assigned to the application: more than 150 are not"
            " sent, and Entra sends a link instead.",
        ),
        subject_match="user_name",
    ),
    "google": _saml(
        "Google Workspace",
        {"email": "email", "display_name": "name", "groups": "groups"},
        steps=(
            "In the Google admin console, add a custom SAML app.",
            "Set the Name ID to Basic Information > Primary email.",
            "Map Primary email to email, and add your Google groups under the app attribute"
            " groups.",
        ),
        name_id_format=_EMAIL,
        want_response_signed=False,
    ),
    "onelogin": _saml(
        "OneLogin",
        {"email": "email", "display_name": "name", "groups": "memberOf", "group_separator": ";"},
        steps=(
            "In OneLogin, add the application SAML Custom Connector (Advanced).",
            "Add the parameters email, name and memberOf, each included in the SAML assertion;"
            " memberOf is one text with semicolons.",
        ),
    ),
    "jumpcloud": _saml(
        "JumpCloud",
        {"email": "email", "display_name": "displayname", "groups": "memberOf"},
        steps=(
            "In JumpCloud, add a custom SAML application.",
            "Map the user attributes email and displayname, and tick the group attribute memberOf.",
        ),
        name_id_format=_EMAIL,
    ),
    "ping": _saml(
        "PingOne",
        {"email": "email", "display_name": "name.formatted", "groups": "groupNames"},
        steps=(
            "In PingOne, add a SAML application and enter its addresses by hand.",
            "Map saml_subject to the user name, email to the address, and groupNames to the group"
            " names.",
        ),
    ),
    "generic": _saml(
        "SAML 2.0",
        {"email": "email", "display_name": "displayName", "groups": "groups"},
        steps=("Let the provider send a lasting NameID and an attribute for each of the names.",),
    ),
}
"""Presets of SAML by key."""

_STANDARD: Mapping[str, str | None] = {
    "email": "email",
    "display_name": "name",
    "groups": "groups",
}

OIDC_PRESETS: Mapping[str, SSOPreset] = {
    "okta": _oidc(
        "Okta",
        _STANDARD,
        steps=(
            "In Okta, create an app integration with OIDC and the type web application.",
            "Add a groups claim to the ID token with the filter that you need.",
        ),
        scopes=["openid", "profile", "email", "groups"],
        subject_claim="preferred_username",
    ),
    "entra": _oidc(
        "Microsoft Entra ID",
        _STANDARD,
        steps=(
            "In Entra, register an application with the platform web.",
            "Add a groups claim, and the optional claim email; only addresses that Entra marks as"
            " verified make new members.",
            "Use the tenant's own issuer, never `common`.",
        ),
        subject_claim="oid",
        subject_match="external_id",
    ),
    "google": _oidc(
        "Google Workspace",
        {"email": "email", "display_name": "name", "groups": None},
        steps=(
            "In the Google Cloud console, create an OAuth client of the type web application.",
            "Google sends no groups here: provision them, or use SAML.",
        ),
        subject_claim="email",
    ),
    "onelogin": _oidc(
        "OneLogin",
        _STANDARD,
        steps=(
            "In OneLogin, add the application OpenId Connect (OIDC).",
            "Set the token endpoint's authentication to Basic, and add the groups parameter.",
        ),
        scopes=["openid", "profile", "email", "groups"],
        subject_claim="preferred_username",
    ),
    "jumpcloud": _oidc(
        "JumpCloud",
        {"email": "email", "display_name": "name", "groups": "memberOf"},
        steps=("In JumpCloud, add a custom OIDC application with the attribute memberOf.",),
        subject_claim="email",
    ),
    "ping": _oidc(
        "PingOne",
        {"email": "email", "display_name": "name", "groups": "groupNames"},
        steps=("In PingOne, add an OIDC web application and map groupNames to the group names.",),
        subject_claim="preferred_username",
    ),
    "generic": _oidc(
        "OpenID Connect",
        _STANDARD,
        steps=("Register a confidential client with the authorization code flow and PKCE.",),
    ),
}
"""Presets of OpenID Connect by key."""

PRESETS: Mapping[str, Mapping[str, SSOPreset]] = {"saml": SAML_PRESETS, "oidc": OIDC_PRESETS}
