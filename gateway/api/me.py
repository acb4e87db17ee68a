"""Whoever asks: what a key or session is worth, and a person's own credentials."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.api.calls import Call
from gateway.api.endpoint import ANYONE, PERSON, Endpoints
from gateway.api.models import SHOWN_ONCE, Answer, Body, Name
from gateway.api.sessions import own_session
from gateway.browser import csrf
from gateway.domain import errors
from gateway.domain.sessions import Factor
from gateway.services import (
    credentials,
    passkeys,
    people,
    principals,
    session_ends,
    sessions,
)
from gateway.services.passkeys import Party
from gateway.storage import person_work
from gateway.storage.person_work import PersonWork

routes = Endpoints()
STEP_UP = (errors.StepUpRequired,)
Password = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class OpenOrganisation(Answer):
    """An organisation that the session opens."""

    id: UUID
    name: str
    member_id: UUID
    method: str


class Me(Answer):
    """Whose key or session this is, and what it may do at the moment."""

    type: Literal["operator", "api_key", "session"]
    id: UUID
    name: str
    organisation_id: UUID | None
    member_id: UUID | None
    scopes: list[str]
    access: dict[str, Any] | None = Field(description="What the owner may do; scopes bound it.")
    person_id: UUID | None = None
    email: str | None = Field(default=None, description="Shown to a session of own factors.")
    factors: list[str] = Field(default_factory=list)
    organisations: list[OpenOrganisation] = Field(default_factory=list)
    form_token: str | None = Field(
        default=None, description="What a change by this session sends as X-CSRF-Token."
    )


class NewPassword(Body):
    """The new password; the session has just been proved by the old one, or a passkey."""

    password: Password


class TOTPSetup(Answer):
    """A new authenticator; it counts once a code confirms it."""

    secret: str | None = Field(json_schema_extra=SHOWN_ONCE)
    uri: str | None = Field(json_schema_extra=SHOWN_ONCE)


class Confirmation(Body):
    """What the authenticator shows."""

    code: Code


class RecoveryCodes(Answer):
    """Codes that stand for the authenticator, each once; shown this once."""

    codes: list[str] | None = Field(json_schema_extra=SHOWN_ONCE)


class Factors(Answer):
    """What a person can prove."""

    password: bool
    authenticator: bool
    recovery_codes_left: int
    passkeys: int


class Passkey(Answer):
    """A passkey, without its key."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Passkeys(Answer):
    """A person's passkeys."""

    items: list[Passkey]


class PasskeyOptions(Answer):
    """What the browser asks an authenticator for, and the secret that the answer comes with."""

    token: str | None = Field(json_schema_extra=SHOWN_ONCE)
    options: dict[str, Any]


class NewPasskey(Body):
    """What the authenticator answered."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    name: Name
    answer: dict[str, Any]


@routes.endpoint("GET /me", ANYONE)
def me(call: Call) -> Me:
    """Say whose key or session this is and what it may do."""
    principal = call.principal
    if principal.session is not None:
        return _of_session(call)
    held = None
    if principal.organisation_id is not None:
        with call.work.read(principal.organisation_id) as uow:
            principal = principals.timely(uow, principal)
        held = principal.access.document() if principal.access else None
    return Me(
        type="operator" if principal.is_operator else "api_key",
        id=principal.key_id,
        name=principal.name,
        organisation_id=principal.organisation_id,
        member_id=principal.member_id,
        scopes=sorted(principal.scopes),
        access=held,
    )


@routes.endpoint("GET /me/factors", PERSON)
def factors(here: PersonWork, call: Call) -> Factors:
    """Say what one can prove; only a session of own factors learns it."""
    session = own_session(call)
    if not session.is_own:
        raise errors.StepUpRequired("Sign in with your own password or passkey first.")
    second = credentials.second_factors(here, session.person_id)
    return Factors(
        password=credentials.load(here, session.person_id).password_hash is not None,
        authenticator=Factor.TOTP in second,
        recovery_codes_left=credentials.codes_left(here, session.person_id),
        passkeys=len(passkeys.listing(here, session.person_id)),
    )


def _hashed(call: Call, body: NewPassword, _ids: Mapping[str, UUID]) -> str:
    """Hash with no transaction open, and only for a session that may change the password."""
    with person_work.read(call.work) as here:
        credentials.require_own_proof(here, own_session(call))
    return people.hash_password(body.password)


@routes.endpoint("POST /me/password", PERSON, status=204, errors=STEP_UP, prepare=_hashed)
def set_password(here: PersonWork, call: Call, body: NewPassword, prepared: str) -> None:  # noqa: ARG001 - the model
    """Change one's own password; every other session ends."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    credentials.set_password(here, session.person_id, prepared, keep=session.id)


@routes.endpoint("POST /me/totp", PERSON, status=201, errors=STEP_UP)
def begin_totp(here: PersonWork, call: Call) -> TOTPSetup:
    """Begin to set up an authenticator."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    secret, uri = credentials.begin_totp(here, session.person_id, "Gateway")
    return TOTPSetup(secret=secret, uri=uri)


@routes.endpoint("POST /me/totp:confirm", PERSON, errors=(*STEP_UP, errors.RateLimited))
def confirm_totp(here: PersonWork, call: Call, body: Confirmation) -> RecoveryCodes:
    """Let the authenticator count from now on; other sessions end, and recovery codes are made."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    credentials.confirm_totp(here, session.person_id, body.code)
    session_ends.revoke_person(here, session.person_id, "factor_changed", session.id)
    return RecoveryCodes(codes=credentials.new_recovery_codes(here, session.person_id))


@routes.endpoint("POST /me/totp:remove", PERSON, status=204, errors=STEP_UP)
def remove_totp(here: PersonWork, call: Call) -> None:
    """Remove the authenticator and the recovery codes; other sessions end."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    credentials.remove_totp(here, session.person_id)
    session_ends.revoke_person(here, session.person_id, "factor_changed", session.id)


@routes.endpoint("POST /me/recovery-codes", PERSON, status=201, errors=STEP_UP)
def new_recovery_codes(here: PersonWork, call: Call) -> RecoveryCodes:
    """Make ten recovery codes; earlier ones are void."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    return RecoveryCodes(codes=credentials.new_recovery_codes(here, session.person_id))


@routes.endpoint("GET /me/passkeys", PERSON, errors=STEP_UP)
def list_passkeys(here: PersonWork, call: Call) -> Passkeys:
    """List one's own passkeys."""
    session = own_session(call)
    if not session.is_own:
        raise errors.StepUpRequired("Sign in with your own password or passkey first.")
    rows = passkeys.listing(here, session.person_id)
    return Passkeys(items=[Passkey.model_validate(row) for row in rows])


@routes.endpoint("POST /me/passkeys:begin", PERSON, errors=STEP_UP)
def begin_passkey(here: PersonWork, call: Call) -> PasskeyOptions:
    """Say what an authenticator is asked for, to add it."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    token, options = passkeys.begin_adding(here, session.person_id, _party(call))
    return PasskeyOptions(token=token, options=options)


@routes.endpoint("POST /me/passkeys", PERSON, status=201, errors=(*STEP_UP, errors.SignInFailed))
def add_passkey(here: PersonWork, call: Call, body: NewPasskey) -> Passkey:
    """Add the passkey that an authenticator made."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    made = passkeys.add(here, session.person_id, body.token, body.answer, body.name, _party(call))
    rows = passkeys.listing(here, session.person_id)
    return Passkey.model_validate(next(row for row in rows if row.id == made))


@routes.endpoint("POST /me/passkeys/{passkey}:remove", PERSON, status=204, errors=STEP_UP)
def remove_passkey(here: PersonWork, call: Call, passkey: UUID) -> None:
    """Remove a passkey; other sessions end."""
    session = own_session(call)
    credentials.require_own_proof(here, session)
    passkeys.remove(here, session.person_id, passkey)
    session_ends.revoke_person(here, session.person_id, "factor_changed", session.id)


def _of_session(call: Call) -> Me:
    session = own_session(call)
    with person_work.read(call.work) as here:
        rows = sessions.opened(here, session)
        person = credentials.load(here, session.person_id)
    # A provider's word shows the person as the organisation knows them, and nothing else.
    name = person.display_name if session.is_own else (rows[0].member_name if rows else "")
    return Me(
        type="session",
        id=session.id,
        name=name,
        organisation_id=None,
        member_id=None,
        scopes=[],
        access=None,
        person_id=session.person_id,
        email=person.email if session.is_own else None,
        factors=sorted(session.factors),
        organisations=[
            OpenOrganisation(
                id=row.organisation_id,
                name=row.organisation_name,
                member_id=row.member_id,
                method=row.method,
            )
            for row in rows
        ],
        form_token=csrf.form_token(call.principal.token or ""),
    )


def _party(call: Call) -> Party:
    return Party(call.settings.host, call.settings.origin)
