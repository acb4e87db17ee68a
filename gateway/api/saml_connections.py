"""SAML connections: an identity provider through which people sign in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import Endpoints
from gateway.api.models import Body, Name, Page
from gateway.api.paging import Paging
from gateway.api.sign_on import (
    END,
    MANAGE,
    UNFIT,
    Certificate,
    Rules,
    SignOnConnection,
    declare_life,
    shown,
    wished,
)
from gateway.domain import errors
from gateway.domain.signin import SAMLAddresses
from gateway.net.http import HTTPClient
from gateway.saml import idp_metadata, refreshing
from gateway.services import certificates, metadata_refresh, sso_setup, sso_views
from gateway.storage.unit_of_work import UnitOfWork

routes = Endpoints()
PROTOCOL = "saml"
ALL = "/organisations/{organisation}/saml-connections"
ONE = "/organisations/{organisation}/saml-connections/{saml_connection}"
PEM = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Binding = Literal["redirect", "post"]
Preset = Literal["okta", "entra", "google", "onelogin", "jumpcloud", "ping", "generic"]


class SAMLChange(Rules):
    """What may change about a connection; what is left out stays.

    `metadata` gives issuer, addresses and certificates at once; fields beside it win. With
    `metadata_url` they are fetched, and follow what the provider publishes from then on.
    """

    metadata: Annotated[str, StringConstraints(max_length=1_000_000)] | None = Field(
        default=None, description="The provider's metadata document (XML)."
    )
    entity_id: Address | None = Field(
        default=None, description="Picks one provider of a metadata document with several."
    )
    metadata_url: Address | None = Field(
        default=None, description="Where the metadata is read and refreshed from."
    )
    issuer: Address | None = Field(default=None, description="The provider's entity id.")
    sso_url: Address | None = None
    sso_binding: Binding | None = None
    slo_url: Address | None = None
    slo_binding: Binding | None = None
    slo_response_url: Address | None = None
    certificates: list[PEM] | None = Field(default=None, max_length=8)
    sign_requests: bool | None = None
    want_response_signed: bool | None = None
    want_assertions_signed: bool | None = None
    allow_encrypted: bool | None = None
    require_encrypted: bool | None = None
    allow_cbc: bool | None = None
    name_id_format: Name | None = None


class NewSAMLConnection(SAMLChange):
    """A connection to draw up, with the defaults of its preset."""

    name: Name
    preset: Preset = "generic"


class NewCertificate(Body):
    """A certificate of the provider to trust, as PEM or as metadata carries it."""

    certificate: PEM


class SAMLConnection(SignOnConnection):
    """A SAML connection; the addresses are what the identity provider is given."""

    entity_id: str
    acs_url: str
    login_url: str
    logout_url: str
    sp_metadata_url: str
    sso_url: str
    sso_binding: str
    slo_url: str | None
    slo_binding: str
    slo_response_url: str | None
    sign_requests: bool
    want_response_signed: bool
    want_assertions_signed: bool
    allow_encrypted: bool
    require_encrypted: bool
    allow_cbc: bool
    name_id_format: str | None
    certificates: list[Certificate]


def _fetched(call: Call, body: SAMLChange, _ids: Mapping[str, UUID]) -> bytes | None:
    """Fetch the metadata that the body names, unless it brings the document itself."""
    if body.metadata_url is None or body.metadata is not None:
        return None
    return refreshing.fetch(HTTPClient.of(call.settings), body.metadata_url)


@routes.endpoint(f"POST {ALL}", MANAGE, status=201, tagged=True, errors=UNFIT, prepare=_fetched)
def create(
    uow: UnitOfWork, call: Call, body: NewSAMLConnection, prepared: bytes | None
) -> SAMLConnection:
    """Draw up a connection; nobody signs in through it before it is tested and active."""
    found = _found(uow, body, prepared)
    wish = _wish(body, found, fetched=prepared is not None)
    made = sso_setup.create(uow, PROTOCOL, wish.pop("name"), wish.pop("preset", "generic"), **wish)
    if prepared is not None:
        metadata_refresh.follow(uow, made, found)
    return read(uow, call, made)


@routes.endpoint(f"GET {ALL}", END)
def listing(uow: UnitOfWork, call: Call, page: Paging) -> Page[SAMLConnection]:
    """List the SAML connections."""
    rows = sso_views.listing(uow, PROTOCOL, page.after, page.fetch)
    return page.page(rows, lambda row: read(uow, call, row.id))


@routes.endpoint(f"GET {ONE}", END, tagged=True)
def read(uow: UnitOfWork, call: Call, saml_connection: UUID) -> SAMLConnection:
    """Read a connection."""
    view = sso_views.view(uow, saml_connection, PROTOCOL)
    ours = SAMLAddresses.of(call.settings.origin, view.row.slug)
    protocol = {
        name: view.settings[name] for name in SAMLConnection.model_fields if name in view.settings
    }
    return SAMLConnection(
        **{**protocol, **shown(view, PROTOCOL)},
        entity_id=ours.entity_id,
        acs_url=ours.acs_url,
        login_url=ours.login_url,
        logout_url=ours.logout_url,
        sp_metadata_url=ours.metadata_url,
        certificates=[Certificate.model_validate(row) for row in view.certificates],
    )


@routes.endpoint(f"PATCH {ONE}", MANAGE, tagged=True, errors=UNFIT, prepare=_fetched)
def change(
    uow: UnitOfWork,
    call: Call,
    saml_connection: UUID,
    body: SAMLChange,
    prepared: bytes | None,
) -> SAMLConnection:
    """Change settings; other protocol settings need a new good test before activation."""
    sso_views.load(uow, saml_connection, PROTOCOL)
    found = _found(uow, body, prepared)
    sso_setup.update(uow, saml_connection, **_wish(body, found, fetched=prepared is not None))
    if prepared is not None:
        metadata_refresh.follow(uow, saml_connection, found)
    return read(uow, call, saml_connection)


def _fetched_again(call: Call, _body: None, ids: Mapping[str, UUID]) -> bytes:
    with call.work.read(ids["organisation"]) as uow:
        address = sso_views.load(uow, ids["saml_connection"], PROTOCOL).metadata_url
    if address is None:
        raise errors.InvalidRequest("The connection has no metadata_url.", field="metadata_url")
    return refreshing.fetch(HTTPClient.of(call.settings), address)


@routes.endpoint(f"POST {ONE}:refresh", MANAGE, errors=UNFIT, prepare=_fetched_again)
def refresh(uow: UnitOfWork, call: Call, saml_connection: UUID, prepared: bytes) -> SAMLConnection:
    """Read the provider's metadata again now; new certificates are staged, dropped ones overlap."""
    row = sso_views.load(uow, saml_connection, PROTOCOL)
    found = idp_metadata.parse(prepared, uow.now, row.issuer or None)
    metadata_refresh.follow(uow, saml_connection, refreshing.described(found))
    return read(uow, call, saml_connection)


@routes.endpoint(f"POST {ONE}/certificates", MANAGE, status=201, errors=UNFIT)
def add_certificate(
    uow: UnitOfWork, call: Call, saml_connection: UUID, body: NewCertificate
) -> SAMLConnection:
    """Stage one more certificate of the provider; a good sign-in that it signed activates it."""
    sso_views.load(uow, saml_connection, PROTOCOL)
    sso_setup.add_certificate(uow, saml_connection, body.certificate)
    return read(uow, call, saml_connection)


@routes.endpoint(
    f"POST {ONE}/certificates/{{certificate}}:retire",
    MANAGE,
    status=204,
    errors=(errors.RoleAboveOwn,),
)
def retire_certificate(uow: UnitOfWork, saml_connection: UUID, certificate: UUID) -> None:
    """Trust a certificate no longer."""
    sso_views.load(uow, saml_connection, PROTOCOL)
    certificates.retire(uow, saml_connection, certificate)


declare_life(routes, PROTOCOL, read)


def _found(uow: UnitOfWork, body: SAMLChange, fetched: bytes | None) -> dict[str, Any]:
    """Return what the metadata describes, fetched or in the body; nothing where there is none."""
    document = fetched if body.metadata is None else body.metadata.encode()
    if document is None:
        return {}
    return refreshing.described(idp_metadata.parse(document, uow.now, body.entity_id))


def _wish(body: SAMLChange, found: Mapping[str, Any], *, fetched: bool) -> dict[str, Any]:
    """Return what the body asks for; metadata gives what is not said beside it.

    Certificates that were fetched come and go with the metadata; others are the admin's.
    """
    given = {name: value for name, value in found.items() if name != "certificates" or not fetched}
    return {**given, **wished(body, "metadata", "entity_id")}
