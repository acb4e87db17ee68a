"""OpenID Connect connections: an identity provider through which people sign in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints
from gateway.api.models import Name, Page
from gateway.api.paging import Paging
from gateway.api.sign_on import (
    END,
    MANAGE,
    UNFIT,
    Rules,
    SignOnConnection,
    declare_life,
    shown,
    wished,
)
from gateway.domain.signin import OIDCAddresses
from gateway.net.http import HTTPClient
from gateway.oidc import discovery
from gateway.services import metadata_refresh, sso_setup, sso_views
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PROTOCOL = "oidc"
ALL = "/organisations/{organisation}/oidc-connections"
ONE = "/organisations/{organisation}/oidc-connections/{oidc_connection}"
Address = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
Preset = Literal["okta", "entra", "google", "onelogin", "jumpcloud", "ping", "generic"]


class OIDCChange(Rules):
    """What may change about a connection; what is left out stays.

    An issuer without any endpoint beside it is asked for its description (OpenID Connect
    Discovery), which gives endpoints and algorithms. Endpoints follow it from then on, until they
    are named by hand; other fields beside it win.
    """

    issuer: Address | None = Field(default=None, description="The provider's issuer, exactly.")
    client_id: Name | None = None
    client_secret: Secret | None = Field(default=None, description="Kept sealed, never shown.")
    client_auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] | None = (
        None
    )
    authorization_endpoint: Address | None = None
    token_endpoint: Address | None = None
    jwks_uri: Address | None = None
    userinfo_endpoint: Address | None = None
    end_session_endpoint: Address | None = None
    iss_parameter_supported: bool | None = None
    algorithms: list[Algorithm] | None = Field(default=None, min_length=1, max_length=10)
    scopes: list[Name] | None = Field(default=None, min_length=1, max_length=20)
    tenant: Name | None = Field(default=None, description="Pins Entra's `tid`.")
    use_userinfo: bool | None = None
    max_age: int | None = Field(default=None, ge=0, le=2_592_000, description="Seconds.")


class NewOIDCConnection(OIDCChange):
    """A connection to draw up, with the defaults of its preset."""

    name: Name
    preset: Preset = "generic"


class OIDCConnection(SignOnConnection):
    """An OpenID Connect connection; the addresses are what the identity provider is given."""

    redirect_uri: str
    login_url: str
    initiate_login_uri: str = Field(
        description="Where the provider begins a sign-in, if `idp_initiated` lets it."
    )
    backchannel_logout_url: str
    jwks_url: str
    client_id: str
    has_client_secret: bool
    client_auth: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    iss_parameter_supported: bool
    algorithms: list[str]
    scopes: list[str]
    tenant: str | None
    use_userinfo: bool
    max_age: int | None


def _described(call: Call, body: OIDCChange, _ids: Mapping[str, UUID]) -> dict[str, Any] | None:
    """Ask the issuer for its description, unless the body says where everything is."""
    if body.issuer is None or body.model_fields_set & set(discovery.NEEDED):
        return None
    return discovery.discovered(HTTPClient.of(call.settings), body.issuer, body.tenant)


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=UNFIT, prepare=_described)
def create(
    uow: UnitOfWork, call: Call, body: NewOIDCConnection, prepared: dict[str, Any] | None
) -> OIDCConnection:
    """Draw up a connection; nobody signs in through it before it is tested and active."""
    wish = _wish(body, prepared)
    made = sso_setup.create(uow, PROTOCOL, wish.pop("name"), wish.pop("preset", "generic"), **wish)
    if prepared is not None:
        metadata_refresh.follow(uow, made, prepared)
    return read(uow, call, made)


@routes.endpoint(f"GET {ALL}", END)
def listing(uow: UnitOfWork, call: Call, page: Paging) -> Page[OIDCConnection]:
    """List the OpenID Connect connections."""
    rows = sso_views.listing(uow, PROTOCOL, page.after, page.fetch)
    return page.page(rows, lambda row: read(uow, call, row.id))


@routes.endpoint(f"GET {ONE}", END, tagged=True)
def read(uow: UnitOfWork, call: Call, oidc_connection: UUID) -> OIDCConnection:
    """Read a connection."""
    view = sso_views.view(uow, oidc_connection, PROTOCOL)
    ours = OIDCAddresses.of(call.settings.origin, view.row.slug)
    protocol = {
        name: view.settings[name] for name in OIDCConnection.model_fields if name in view.settings
    }
    return OIDCConnection(
        **{**protocol, **shown(view, PROTOCOL)},
        redirect_uri=ours.redirect_uri,
        login_url=ours.login_url,
        initiate_login_uri=ours.initiate_login_uri,
        backchannel_logout_url=ours.backchannel_logout_url,
        jwks_url=ours.jwks_url,
        has_client_secret=view.has_secret,
    )


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=UNFIT, prepare=_described)
def change(
    uow: UnitOfWork,
    call: Call,
    oidc_connection: UUID,
    body: OIDCChange,
    prepared: dict[str, Any] | None,
) -> OIDCConnection:
    """Change settings; other protocol settings need a new good test before activation."""
    sso_views.load(uow, oidc_connection, PROTOCOL)
    sso_setup.update(uow, oidc_connection, **_wish(body, prepared))
    if prepared is not None:
        metadata_refresh.follow(uow, oidc_connection, prepared)
    return read(uow, call, oidc_connection)


def _described_again(call: Call, _body: None, ids: Mapping[str, UUID]) -> dict[str, Any]:
    with call.work.read(ids["organisation"]) as uow:
        row = sso_views.load(uow, ids["oidc_connection"], PROTOCOL)
    return discovery.discovered(
        HTTPClient.of(call.settings), row.issuer, row.settings.get("tenant")
    )


@routes.endpoint(f"POST {ONE}:refresh", MANAGE, errors=UNFIT, prepare=_described_again)
def refresh(
    uow: UnitOfWork, call: Call, oidc_connection: UUID, prepared: dict[str, Any]
) -> OIDCConnection:
    """Read the provider's description again now, and let the endpoints follow."""
    sso_views.load(uow, oidc_connection, PROTOCOL)
    metadata_refresh.follow(uow, oidc_connection, prepared)
    return read(uow, call, oidc_connection)


declare_life(routes, PROTOCOL, read)


def _wish(body: OIDCChange, described: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the body asks for; the description gives what is not said beside it."""
    wish = {**(described or {}), **wished(body)}
    if described is None and wish.keys() & set(discovery.NEEDED):
        wish["metadata_url"] = None
    return wish
