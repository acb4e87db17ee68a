"""A person's own credentials: what each proves, and how a person changes them.

They belong to the person alone: no organisation, no admin and no identity provider sets one.
"""

import base64
import secrets
from typing import Any
from uuid import UUID

import pyotp
from sqlalchemy import Row, and_, delete, func, select, update

from gateway.domain.errors import InvalidRequest, SignInFailed, StepUpRequired
from gateway.domain.sessions import Factor, Session
from gateway.domain.text import fold
from gateway.services import letters, session_ends, throttle
from gateway.services.secrets import digest_secret
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.vault import VaultError

TOTP_PERIOD = 30
TOTP_DRIFT = 1
"""Time steps before and after the present whose code is taken too."""

CODES = 10
CODE_BYTES = 10
SEALED_AS = "totp"


def find(here: PersonWork, email: str) -> Row[Any] | None:
    """Return the person whose sign-in address this is; confined ones have none."""
    p = t.persons.c
    return here.one(
        select(t.persons).where(p.email_key == fold(email.strip()), p.confined_to.is_(None))
    )


def load(here: PersonWork, person_id: UUID) -> Row[Any]:
    """Return a person."""
    return here.all(select(t.persons).where(t.persons.c.id == person_id))[0]


def require_own_proof(here: PersonWork, session: Session) -> None:
    """Refuse to change credentials in a session that own factors did not prove a moment ago.

    :raises StepUpRequired: an identity provider's word, or an older proof.
    """
    if not session.is_fresh(here.now):
        raise StepUpRequired(
            "Credentials change only right after you proved your own password or passkey.",
            levers=("Sign in with your own password or passkey, and try again.",),
        )


# -- password -----------------------------------------------------------------------


def set_password(
    here: PersonWork, person_id: UUID, password_hash: str, *, keep: UUID | None = None
) -> None:
    """Give a person another password; every other session of theirs ends, and they are told."""
    here.change(t.persons, person_id, password_hash=password_hash, must_change_password=False)
    session_ends.revoke_person(here, person_id, "password_changed", keep)
    tell(here, person_id, "password_changed")


# -- authenticator ------------------------------------------------------------------


def begin_totp(here: PersonWork, person_id: UUID, issuer: str) -> tuple[str, str]:
    """Return a new authenticator's secret and its address; it counts once a code confirms it.

    :raises InvalidRequest: one is confirmed already, or the installation cannot keep secrets.
    """
    known = _totp(here, person_id)
    if known is not None and known.confirmed_at is not None:
        raise InvalidRequest("An authenticator is set up; remove it first.")
    secret = pyotp.random_base32()
    try:
        sealed = here.vault.seal(secret, person_id, SEALED_AS)
    except VaultError:
        raise InvalidRequest("This installation has no encryption key to keep it.") from None
    here.execute(delete(t.totp_secrets).where(t.totp_secrets.c.person_id == person_id))
    here.insert(
        t.totp_secrets, person_id=person_id, secret=sealed, created_at=here.now, last_step=0
    )
    name = load(here, person_id).email or "account"
    uri = pyotp.TOTP(secret, interval=TOTP_PERIOD).provisioning_uri(name=name, issuer_name=issuer)
    return secret, uri


def confirm_totp(here: PersonWork, person_id: UUID, code: str) -> None:
    """Let an authenticator count from now on, because it showed a right code.

    :raises InvalidRequest: none is being set up, or the code is wrong.
    """
    row = _totp(here, person_id)
    if row is None or row.confirmed_at is not None or not _take_code(here, row, plain(code)):
        raise InvalidRequest("That code is not right.", field="code")
    rows = t.totp_secrets
    here.execute(update(rows).where(rows.c.person_id == person_id).values(confirmed_at=here.now))
    _factor_changed(here, person_id, "An authenticator was set up for your account.")


def remove_totp(here: PersonWork, person_id: UUID) -> None:
    """Forget the authenticator and the recovery codes; other sessions end."""
    here.execute(delete(t.totp_secrets).where(t.totp_secrets.c.person_id == person_id))
    here.execute(delete(t.recovery_codes).where(t.recovery_codes.c.person_id == person_id))
    _factor_changed(here, person_id, "The authenticator of your account was removed.")


def second_factors(here: PersonWork, person_id: UUID) -> frozenset[Factor]:
    """Return what a person can add to the password."""
    row = _totp(here, person_id)
    found = set()
    if row is not None and row.confirmed_at is not None:
        found.add(Factor.TOTP)
    if codes_left(here, person_id):
        found.add(Factor.RECOVERY_CODE)
    return frozenset(found)


def take_second_factor(here: PersonWork, person_id: UUID, code: str) -> Factor:
    """Return the factor that a code proves: each code is taken once.

    :raises SignInFailed: it proves nothing. :raises RateLimited: too many tries.
    """
    text = plain(code)
    row = _totp(here, person_id)
    if row is not None and row.confirmed_at is not None and _take_code(here, row, text):
        return Factor.TOTP
    if _take_recovery_code(here, person_id, text):
        return Factor.RECOVERY_CODE
    raise SignInFailed("credentials_wrong")


def plain(code: str) -> str:
    """Return a code without what people put between its characters."""
    return "".join(code.split()).replace("-", "").lower()


# -- recovery codes -----------------------------------------------------------------


def new_recovery_codes(here: PersonWork, person_id: UUID) -> list[str]:
    """Return ten codes, in clear for the only time; earlier ones are void."""
    r = t.recovery_codes
    here.execute(delete(r).where(r.c.person_id == person_id))
    codes = []
    for _ in range(CODES):
        text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()
        codes.append("-".join(text[start : start + 4] for start in range(0, len(text), 4)))
        here.insert(
            r,
            person_id=person_id,
            code_hash=_code_digest(person_id, text),
            created_at=here.now,
            used_at=None,
        )
    _factor_changed(here, person_id, "New recovery codes were made for your account.")
    return codes


def codes_left(here: PersonWork, person_id: UUID) -> int:
    """Return how many recovery codes are unused."""
    r = t.recovery_codes.c
    count = select(func.count()).where(r.person_id == person_id, r.used_at.is_(None))
    return int(here.connection.execute(count).scalar_one())


# -- inside -------------------------------------------------------------------------


def tell(here: PersonWork, person_id: UUID, kind: str, **facts: str) -> None:
    """Write to a person's own address, if there is one."""
    email = load(here, person_id).email
    if email:
        letters.send(here, kind, email, **facts)


def _factor_changed(here: PersonWork, person_id: UUID, what: str) -> None:
    tell(here, person_id, "factor_changed", what=what)


def _totp(here: PersonWork, person_id: UUID) -> Row[Any] | None:
    return here.one(select(t.totp_secrets).where(t.totp_secrets.c.person_id == person_id))


def _take_code(here: PersonWork, row: Row[Any], code: str) -> bool:
    """Take a code of this or a neighbouring time step, if none so late was taken before."""
    totp = pyotp.TOTP(here.vault.open(row.secret, row.person_id, SEALED_AS), interval=TOTP_PERIOD)
    present = int(here.now.timestamp()) // TOTP_PERIOD
    for step in range(present - TOTP_DRIFT, present + TOTP_DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            rows = t.totp_secrets
            unused = and_(rows.c.person_id == row.person_id, rows.c.last_step < step)
            return here.execute(update(rows).where(unused).values(last_step=step)).rowcount == 1
    return False


def _take_recovery_code(here: PersonWork, person_id: UUID, text: str) -> bool:
    r = t.recovery_codes
    unused = and_(
        r.c.person_id == person_id,
        r.c.code_hash == _code_digest(person_id, text),
        r.c.used_at.is_(None),
    )
    return here.execute(update(r).where(unused).values(used_at=here.now)).rowcount == 1


def _code_digest(person_id: UUID, text: str) -> str:
    return digest_secret(f"{person_id} {text}")


def spend_code_tries(here: PersonWork, person_id: UUID) -> None:
    """Count one try of a second factor.

    :raises RateLimited: all are spent.
    """
    throttle.spend(here, throttle.CODE_ACCOUNT, person_id)
