"""What the endpoints of SAML and of OpenID Connect connections have in common."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from pydantic import Field

from gateway.api.calls import Call
from gateway.api.connections import AttentionItem, AttentionItems, DeletionQuery
from gateway.api.endpoint import Allow, Declared, Endpoints, Refusals, beyond_plan, holds
from gateway.api.models import SHOWN_ONCE, Answer, Body, Name, Page
from gateway.api.paging import Paging
from gateway.domain import errors
from gateway.domain.signin import ATTEMPT_LIFETIME, OIDCAddresses, SAMLAddresses
from gateway.domain.sso_presets import PRESETS
from gateway.services import (
    asserted_groups,
    attention,
    certificates,
    sso_setup,
    sso_views,
    traces,
)
from gateway.storage.unit_of_work import UnitOfWork

MANAGE = holds("sso.manage")
END = beyond_plan(MANAGE)
UNFIT = (errors.PlanFeature, errors.RoleAboveOwn)
MOVES = (*UNFIT, errors.InvalidTransition)
Unmapped = Literal["default_role", "no_access"]
BotScope = Literal["all", "selected"]
Match = Literal["external_id", "user_name"]


class Attributes(Body):
    """Which attribute or claim holds what; what is left out stays."""

    subject: Name | None = Field(default=None, description="Null: the NameID or `sub` itself.")
    email: Name | None = None
    display_name: Name | None = None
    groups: Name | None = None
    group_separator: Name | None = Field(
        default=None, description="Splits one text into several groups."
    )


class Rules(Body):
    """What a connection decides about its people; what is left out stays."""

    name: Name | None = None
    jit: bool | None = Field(
        default=None, description="Makes members of newcomers in proved domains."
    )
    unmapped: Unmapped | None = None
    bot_scope: BotScope | None = Field(default=None, description="Null: not chosen yet.")
    subject_match: Match | None = Field(
        default=None, description="What of a provisioned user the subject is compared with."
    )
    subject_claim: Name | None = Field(
        default=None, description="Compares this attribute instead of the subject."
    )
    directory_id: UUID | None = Field(
        default=None, description="The SCIM connection whose users are meant; null: any."
    )
    attributes: Attributes | None = None
    idp_initiated: Literal["off", "restart"] | None = Field(
        default=None, description="`restart`: a sign-in that the provider begins is begun afresh."
    )
    clock_skew: int | None = Field(default=None, ge=0, le=120, description="Seconds.")


class Certificate(Answer):
    """A certificate of the provider; its key is trusted until it is retired."""

    id: UUID
    fingerprint: str
    state: str
    source: str
    not_before: datetime
    not_after: datetime
    created_at: datetime
    proved_at: datetime | None


class OwnKey(Answer):
    """A key pair of ours; the newest signs, all of them decrypt."""

    id: UUID
    certificate: str
    created_at: datetime
    not_after: datetime


class SignOnConnection(Answer):
    """A sign-on connection; no secret is part of it."""

    id: UUID
    name: str
    state: str
    preset: str
    instructions: list[str]
    missing: list[str] = Field(description="What is needed before a test sign-in.")
    issuer: str
    jit: bool
    unmapped: str
    bot_scope: str | None
    subject_match: str
    subject_claim: str | None
    directory_id: UUID | None
    enforced: bool
    idp_initiated: str
    clock_skew: int
    attributes: dict[str, str | None]
    metadata_url: str | None
    refreshed_at: datetime | None
    refresh_error: str | None
    tested_at: datetime | None
    owner_proved_at: datetime | None
    trust_rank: int = Field(
        description="People whose role ranks higher sign in once one of them approves."
    )
    keys: list[OwnKey]
    created_at: datetime


class DeletionPreview(Answer):
    """What a deletion would touch."""

    members_managed: int
    identities: int
    sessions: int
    enforced: bool


class TestTicket(Answer):
    """Where to make one test sign-in, within ten minutes."""

    url: str | None = Field(json_schema_extra=SHOWN_ONCE)
    expires_at: datetime


class Enforcement(Body):
    """Whether the connection is the only way in for people of the proved domains."""

    enforced: bool


class Trace(Answer):
    """The checks of one sign-in, and what would have come of a test; kept for seven days."""

    id: UUID
    occurred_at: datetime
    test: bool
    started_by: UUID | None
    outcome: str
    code: str | None
    document: dict[str, Any]


class NewGroup(Body):
    """A group as the provider will send it, so that rules can name it before."""

    value: Name


class DeclaredGroup(Answer):
    """A group of the connection."""

    id: UUID
    value: str


def wished(body: Body, *apart: str) -> dict[str, Any]:
    """Return what a body asks for, without what it leaves out."""
    return {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if name not in apart
    }


def shown(view: sso_views.View, protocol: str) -> dict[str, Any]:
    """Return what every sign-on connection shows."""
    row, settings = view.row, view.settings
    preset = PRESETS[protocol][row.preset]
    values = {
        name: getattr(row, name) for name in SignOnConnection.model_fields if hasattr(row, name)
    }
    return values | {
        "instructions": list(preset.instructions),
        "missing": list(view.missing),
        "idp_initiated": settings["idp_initiated"],
        "clock_skew": settings["clock_skew"],
        "attributes": dict(settings["attributes"]),
        "keys": [OwnKey.model_validate(key) for key in view.keys],
    }


def login_url(protocol: str, origin: str, slug: str) -> str:
    """Return where a sign-in through a connection begins."""
    kind = SAMLAddresses if protocol == "saml" else OIDCAddresses
    return kind.of(origin, slug).login_url


@dataclass(frozen=True)
class Noun:
    """The endpoints of one protocol's connections: where they are declared, and who reads one."""

    routes: Endpoints
    protocol: str
    reader: Callable[[UnitOfWork, Call, UUID], Any]

    @property
    def id_name(self) -> str:
        """Name of a connection's id in paths."""
        return f"{self.protocol}_connection"

    @property
    def one(self) -> str:
        """Path of one connection."""
        name = f"{{{self.id_name}}}"
        return f"/organisations/{{organisation}}/{self.protocol}-connections/{name}"

    def own(self, uow: UnitOfWork, connection: UUID) -> None:
        """Refuse a connection of another protocol, which is not there."""
        sso_views.load(uow, connection, self.protocol)

    def endpoint(
        self,
        route: str,
        allow: Allow = MANAGE,
        *,
        status: int = 200,
        tagged: bool = False,
        errors: Refusals = (),
    ) -> Callable[[Declared], Declared]:
        """Declare the function that follows as an endpoint of this protocol's module."""

        def declare(function: Declared) -> Declared:
            self.routes.endpoint(route, allow, status=status, tagged=tagged, errors=errors)(
                self._named(function)
            )
            return function

        return declare

    def _named(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with the protocol's names: of its module, its id, its answer."""
        names = {"connection": self.id_name, "trace": f"{self.protocol}_trace"}

        def call(**given: Any) -> Any:
            renamed = {own: given.pop(name) for own, name in names.items() if name in given}
            return function(**renamed, **given)

        signature = inspect.signature(function)
        hints = dict(function.__annotations__)
        if hints.get("return") is SignOnConnection:
            hints["return"] = self.reader.__annotations__["return"]
        call.__name__, call.__doc__ = function.__name__, function.__doc__
        call.__module__ = f"gateway.api.{self.protocol}_connections"
        call.__annotations__ = {names.get(name, name): hint for name, hint in hints.items()}
        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[
                each.replace(name=names.get(each.name, each.name))
                for each in signature.parameters.values()
            ]
        )
        return call


def declare_life(
    routes: Endpoints, protocol: str, reader: Callable[[UnitOfWork, Call, UUID], Any]
) -> None:
    """Declare what every sign-on connection goes through, as endpoints of the protocol's noun."""
    noun = Noun(routes, protocol, reader)
    _declare_moves(noun)
    _declare_trust(noun)
    _declare_views(noun)


def _declare_moves(noun: Noun) -> None:
    """Declare testing, activating, disabling and deleting."""
    endpoint, own, reader, one = noun.endpoint, noun.own, noun.reader, noun.one

    @endpoint(f"DELETE {one}", END, status=204, tagged=True, errors=MOVES)
    def delete(uow: UnitOfWork, connection: UUID, query: DeletionQuery) -> None:
        """Delete a connection: its sessions die first, then its people are kept or deactivated."""
        own(uow, connection)
        sso_setup.delete(uow, connection, query.people)

    @endpoint(f"POST {one}:test", errors=MOVES)
    def test(uow: UnitOfWork, call: Call, connection: UUID) -> TestTicket:
        """Begin a test sign-in: open the address, sign in, and read its trace."""
        row = sso_views.load(uow, connection, noun.protocol)
        ticket = sso_setup.begin_test(uow, connection)
        address = login_url(noun.protocol, call.settings.origin, row.slug)
        return TestTicket(
            url=f"{address}?test={quote(ticket.secret)}",
            expires_at=uow.now + ATTEMPT_LIFETIME,
        )

    @endpoint(f"POST {one}:activate", errors=MOVES)
    def activate(uow: UnitOfWork, call: Call, connection: UUID) -> SignOnConnection:
        """Let people sign in through a connection, after a good test of its settings."""
        own(uow, connection)
        sso_setup.activate(uow, connection)
        found: SignOnConnection = reader(uow, call, connection)
        return found

    @endpoint(f"POST {one}:disable", END, errors=MOVES)
    def disable(uow: UnitOfWork, call: Call, connection: UUID) -> SignOnConnection:
        """Let nobody sign in through a connection; its sessions end, its people stay."""
        own(uow, connection)
        sso_setup.disable(uow, connection)
        found: SignOnConnection = reader(uow, call, connection)
        return found


def _declare_trust(noun: Noun) -> None:
    """Declare enforcing, approving and the rotation of our key."""
    endpoint, own, reader, one = noun.endpoint, noun.own, noun.reader, noun.one

    @endpoint(f"POST {one}:enforce", errors=(*UNFIT, errors.SuccessorRequired))
    def enforce(
        uow: UnitOfWork, call: Call, connection: UUID, body: Enforcement
    ) -> SignOnConnection:
        """Make a connection the only way in for people of the proved domains, or no longer so."""
        own(uow, connection)
        sso_setup.set_enforced(uow, connection, enforced=body.enforced)
        found: SignOnConnection = reader(uow, call, connection)
        return found

    @endpoint(f"POST {one}:rotate-key", errors=UNFIT)
    def rotate_key(uow: UnitOfWork, call: Call, connection: UUID) -> SignOnConnection:
        """Sign with a new key pair of ours from now on; the one before still decrypts."""
        own(uow, connection)
        certificates.add_key(uow, connection)
        found: SignOnConnection = reader(uow, call, connection)
        return found

    @endpoint(f"POST {one}:approve", errors=UNFIT)
    def approve(uow: UnitOfWork, call: Call, connection: UUID) -> SignOnConnection:
        """Let people up to one's own role sign in with the settings as they are now."""
        own(uow, connection)
        sso_setup.approve(uow, connection)
        found: SignOnConnection = reader(uow, call, connection)
        return found


def _declare_views(noun: Noun) -> None:
    """Declare what is looked at, and groups that are known before."""
    endpoint, own, one = noun.endpoint, noun.own, noun.one

    @endpoint(f"GET {one}/deletion-preview", END)
    def deletion_preview(uow: UnitOfWork, connection: UUID) -> DeletionPreview:
        """Show what a deletion would touch."""
        own(uow, connection)
        return DeletionPreview(**sso_views.deletion_preview(uow, connection))

    @endpoint(f"GET {one}/traces", END)
    def trace_list(uow: UnitOfWork, connection: UUID, page: Paging) -> Page[Trace]:
        """List the sign-ins of seven days that were refused or tests, the newest first."""
        own(uow, connection)
        rows = traces.listing(uow, connection, page.after, page.fetch)
        return page.page(rows, Trace.model_validate)

    @endpoint(f"GET {one}/traces/{{{noun.protocol}_trace}}", END)
    def trace_read(uow: UnitOfWork, connection: UUID, trace: UUID) -> Trace:
        """Read the checks of one sign-in."""
        own(uow, connection)
        return Trace.model_validate(traces.get(uow, connection, trace))

    @endpoint(f"POST {one}/groups", status=201)
    def declare_group(uow: UnitOfWork, connection: UUID, body: NewGroup) -> DeclaredGroup:
        """Declare a group as the provider will send it; declaring it again gives the same one."""
        own(uow, connection)
        group_id = asserted_groups.named(uow, connection, body.value)
        return DeclaredGroup(id=group_id, value=body.value)

    @endpoint(f"GET {one}/attention-items", END)
    def attention_items(uow: UnitOfWork, connection: UUID) -> AttentionItems:
        """List what needs an admin's eye, at most 500 items."""
        own(uow, connection)
        rows = attention.listing(uow, connection)
        return AttentionItems(items=[AttentionItem.model_validate(row) for row in rows])
