"""Passkeys (WebAuthn): added by the person, and a whole proof by themselves.

User verification is required, so that a passkey stands for possession and for the person.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import webauthn
from sqlalchemy import Row, delete, select, update
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.domain.errors import InvalidRequest, NotFound, SignInFailed
from gateway.domain.sessions import Factor
from gateway.services import credentials, own_signin, session_openings, throttle
from gateway.services.session_openings import Opened
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

LIMIT = 10
ADD, SIGN_IN = "passkey_add", "passkey_sign_in"
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-]{1,2000}", re.ASCII)
"""The id of a passkey as its page sends it: base64url."""


@dataclass(frozen=True, slots=True)
class Party:
    """Ourselves as authenticators know us: the host that keys are bound to, and the origin."""

    host: str
    origin: str


def begin_adding(here: PersonWork, person_id: UUID, party: Party) -> tuple[str, dict[str, Any]]:
    """Return this browser's secret and what its authenticator is asked for."""
    person = credentials.load(here, person_id)
    known = listing(here, person_id)
    if len(known) >= LIMIT:
        raise InvalidRequest(f"An account has at most {LIMIT} passkeys; remove one.")
    options = webauthn.generate_registration_options(
        rp_id=party.host,
        rp_name="Gateway",
        user_id=person_id.bytes,
        user_name=person.email or person.display_name,
        user_display_name=person.display_name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.credential_id)) for row in known
        ],
    )
    token = own_signin.begin_step(
        here, ADD, person_id, challenge=bytes_to_base64url(options.challenge)
    )
    return token, json.loads(webauthn.options_to_json(options))


def add(
    here: PersonWork, person_id: UUID, token: str, answer: dict[str, Any], name: str, party: Party
) -> UUID:
    """Keep the passkey that an authenticator made.

    :raises InvalidRequest: its answer does not fit. :raises SignInFailed: the step is over.
    """
    step = own_signin.take_step(here, ADD, token)
    if step.person_id != person_id:
        raise SignInFailed("attempt_elsewhere")
    try:
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(step.challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, KeyError, TypeError, ValueError):
        raise InvalidRequest("The authenticator's answer does not fit.", field="answer") from None
    credential_id = bytes_to_base64url(made.credential_id)
    if here.one(select(t.passkeys.c.id).where(t.passkeys.c.credential_id == credential_id)):
        raise InvalidRequest("This passkey is in use.", field="answer")
    passkey_id = here.new_id()
    here.insert(
        t.passkeys,
        id=passkey_id,
        person_id=person_id,
        credential_id=credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=" ".join(name.split())[:64] or "Passkey",
        created_at=here.now,
        last_used_at=None,
    )
    credentials.tell(here, person_id, "factor_changed", what="A passkey was added to your account.")
    return passkey_id


def listing(here: PersonWork, person_id: UUID) -> list[Row[Any]]:
    """Return a person's passkeys, the oldest first."""
    k = t.passkeys
    return list(here.all(select(k).where(k.c.person_id == person_id).order_by(k.c.id)))


def remove(here: PersonWork, person_id: UUID, passkey_id: UUID) -> None:
    """Let a passkey prove nothing any more.

    :raises NotFound: the person has none with this id.
    """
    k = t.passkeys
    gone = delete(k).where(k.c.id == passkey_id, k.c.person_id == person_id)
    if not here.execute(gone).rowcount:
        raise NotFound("No such passkey.")
    what = "A passkey of your account was removed."
    credentials.tell(here, person_id, "factor_changed", what=what)


def begin_sign_in(
    here: PersonWork, party: Party, return_to: str | None
) -> tuple[str, dict[str, Any]]:
    """Return this browser's secret and what its authenticator is asked for: any key for us.

    :raises RateLimited: too many lately from where the request comes.
    """
    throttle.spend(here, throttle.PASSKEY_SOURCE, here.context.ip)
    options = webauthn.generate_authentication_options(
        rp_id=party.host, user_verification=UserVerificationRequirement.REQUIRED
    )
    token = own_signin.begin_step(
        here,
        SIGN_IN,
        None,
        challenge=bytes_to_base64url(options.challenge),
        return_to=return_to,
    )
    return token, json.loads(webauthn.options_to_json(options))


def sign_in(
    here: PersonWork,
    token: str | None,
    answer: dict[str, Any],
    party: Party,
    *,
    replaces: UUID | None,
) -> tuple[Opened, str]:
    """Open a session by a passkey, and return it with the way back.

    :raises SignInFailed: the key is unknown, or its answer does not fit.
    """
    step = own_signin.take_step(here, SIGN_IN, token)
    row = _of_answer(here, answer)
    try:
        proved = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=base64url_to_bytes(step.challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, KeyError, TypeError, ValueError):
        raise SignInFailed("credentials_wrong") from None
    k = t.passkeys
    here.execute(
        update(k)
        .where(k.c.id == row.id)
        .values(sign_count=proved.new_sign_count, last_used_at=here.now)
    )
    opened = session_openings.open_by_own(
        here, row.person_id, frozenset({Factor.PASSKEY}), replaces=replaces
    )
    return opened, step.return_to


def person_of(here: PersonWork, answer: dict[str, Any]) -> UUID | None:
    """Return whose key an answer names, whether or not it proves anything."""
    row = _named(here, answer)
    return None if row is None else row.person_id


def _of_answer(here: PersonWork, answer: dict[str, Any]) -> Row[Any]:
    row = _named(here, answer)
    if row is None or not _is_theirs(answer, row.person_id):
        raise SignInFailed("credentials_wrong")
    return row


def _named(here: PersonWork, answer: dict[str, Any]) -> Row[Any] | None:
    named = answer.get("id")
    if not isinstance(named, str) or not _CREDENTIAL.fullmatch(named):
        return None
    return here.one(select(t.passkeys).where(t.passkeys.c.credential_id == named))


def _is_theirs(answer: dict[str, Any], person_id: UUID) -> bool:
    """Whether the user whom the authenticator names, if it names one, is the key's person."""
    response = answer.get("response")
    said = response.get("userHandle") if isinstance(response, dict) else None
    if said is None:
        return True
    try:
        return base64.urlsafe_b64decode(str(said) + "==")[:16] == person_id.bytes
    except ValueError:
        return False
