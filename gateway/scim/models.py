"""The resources we serve: the RFC's schemas with the narrowings and tolerances we stand by."""

from typing import Annotated, Any, ClassVar

import scim2_models
from pydantic import Field
from scim2_models import (
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ETag,
    Filter,
    Mutability,
    Pagination,
    Patch,
    Reference,
    Required,
    ResourceType,
    Returned,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)
from scim2_models import ComplexAttribute as Complex

from gateway.scim.limits import MAX_BODY, MAX_OPERATIONS

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE_SCHEMA = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PAGE_SIZE = 100
"""Resources in a page whose size the client leaves open."""

MAX_PAGE_SIZE = 1000
CURSOR_LIFE = 3600
"""Seconds for which a cursor opens the next page."""


class Email(scim2_models.Email):
    """An address as the identity provider spells it, whether or not it can receive mail."""

    value: str | None = None
    """E-mail address of the user."""


class User(scim2_models.User[AnyExtension]):
    """RFC 7643 §4.1; `active` always has a value."""

    active: Annotated[bool | None, Required.true] = None
    """Whether the user may work. Absent in POST it is true, absent in PUT it stays."""

    emails: list[Email] | None = None  # type: ignore[assignment]
    """E-mail addresses of the user."""

    Emails: ClassVar[type[Complex]] = Email


class Manager(Complex):
    """RFC 7643 §4.3, without the duty to send `$ref`: providers send the value alone."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the user's manager."""

    ref: Reference["User"] | None = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the user's manager, as the provider sends it."""

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The displayName of the user's manager."""


class EnterpriseUser(scim2_models.EnterpriseUser):
    """RFC 7643 §4.3."""

    manager: Manager | None = None  # type: ignore[assignment]
    """The user's manager."""


class GroupMember(Complex):
    """RFC 7643 §8.7.1; members are users, groups do not nest."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """Id of the member."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the member."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """The kind of member: User."""

    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The member's name, taken from the user."""


class Group(scim2_models.Group):
    """RFC 7643 §4.2; `displayName` is unique in its connection, in any letter case."""

    display_name: Annotated[str | None, Required.true, scim2_models.Uniqueness.server] = None
    """A human-readable name of the group."""

    members: list[GroupMember] | None = None  # type: ignore[assignment]
    """The members of the group."""

    Members: ClassVar[type[Complex]] = GroupMember


UserModel: type[scim2_models.Resource[Any]] = User[EnterpriseUser]
GroupModel: type[scim2_models.Resource[Any]] = Group


def provider(documentation: str | None = None) -> ScimProvider:
    """Return what /ServiceProviderConfig, /ResourceTypes and /Schemas describe."""
    user, group = ResourceType.from_resource(UserModel), ResourceType.from_resource(GroupModel)
    return ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[user, group],
        config=_config(documentation),
        policy=POLICY,
    )


def _config(documentation: str | None) -> ServiceProviderConfig:
    return ServiceProviderConfig(
        documentation_uri=documentation,
        patch=Patch(supported=True),
        bulk=Bulk(supported=True, max_operations=MAX_OPERATIONS, max_payload_size=MAX_BODY),
        filter=Filter(supported=True, max_results=MAX_PAGE_SIZE),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauthbearertoken,
                name="OAuth Bearer Token",
                description="A bearer token of the connection.",
                spec_uri="https://www.rfc-editor.org/rfc/rfc6750",
                primary=True,
            ),
            AuthenticationScheme(
                type=AuthenticationScheme.Type.oauth2,
                name="OAuth 2.0 Client Credentials",
                description=(
                    "Access tokens from POST /oauth/token below the connection's base URL, by"
                    " client_secret_basic or client_secret_post; scopes: users, groups, read."
                ),
                spec_uri="https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
            ),
        ],
        pagination=Pagination(
            cursor=True,
            index=True,
            default_pagination_method=Pagination.DefaultPaginationMethod.index,
            default_page_size=PAGE_SIZE,
            max_page_size=MAX_PAGE_SIZE,
            cursor_timeout=CURSOR_LIFE,
        ),
    )


POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.forbid,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What is odd in a body is set right, or refused, before the models see it (`bodies`).

The comparison key stays the library's: any other makes it walk every string of every body.
"""
