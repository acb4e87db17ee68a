"""OpenID Connect connections: an identity provider through which people sign in."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints
from gateway.api.models import Name, Page
from gateway.api.paging import Paging
from gateway.api.sign_on import (
    MANAGE,
    UNFIT,
    Rules,
    SignOnConnection,
    declare_life,
    shown,
    wished,
)
from gateway.domain.signin import OIDCAddresses
from gateway.services import sso_setup, sso_views
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
    """What may change about a connection; what is left out stays."""

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
    backchannel_logout_url: str
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


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=UNFIT)
def create(uow: UnitOfWork, call: Call, body: NewOIDCConnection) -> OIDCConnection:
    """Draw up a connection; nobody signs in through it before it is tested and active."""
    wish: dict[str, Any] = wished(body)
    made = sso_setup.create(uow, PROTOCOL, wish.pop("name"), wish.pop("preset", "generic"), **wish)
    return read(uow, call, made)


@routes.endpoint(f"GET {ALL}", MANAGE)
def listing(uow: UnitOfWork, call: Call, page: Paging) -> Page[OIDCConnection]:
    """List the OpenID Connect connections."""
    rows = sso_views.listing(uow, PROTOCOL, page.after, page.fetch)
    return page.page(rows, lambda row: read(uow, call, row.id))


@routes.endpoint(f"GET {ONE}", MANAGE, tagged=True)
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
        backchannel_logout_url=ours.backchannel_logout_url,
        has_client_secret=view.has_secret,
    )


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=UNFIT)
def change(uow: UnitOfWork, call: Call, oidc_connection: UUID, body: OIDCChange) -> OIDCConnection:
    """Change settings; other protocol settings need a new good test before activation."""
    sso_views.load(uow, oidc_connection, PROTOCOL)
    sso_setup.update(uow, oidc_connection, **wished(body))
    return read(uow, call, oidc_connection)


declare_life(routes, PROTOCOL, read)
