"""Sealing again: what an older key sealed gets the newest key's seal, so that the old may go."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, select, update

from gateway.services import logout_hints, outbox, webhooks
from gateway.services.credentials import SEALED_AS
from gateway.services.sso_connections import CLIENT_SECRET, PRIVATE_KEY
from gateway.storage import tables as t
from gateway.storage.vault import Vault, VaultError


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values, and what binds each of them to its place."""

    column: Column[Any]
    key: tuple[Column[Any], ...]
    purpose: str


SEALED = (
    Sealed(
        t.sso_connections.c.client_secret,
        (t.sso_connections.c.organisation_id, t.sso_connections.c.id),
        CLIENT_SECRET,
    ),
    Sealed(t.sso_keys.c.private_key, (t.sso_keys.c.organisation_id, t.sso_keys.c.id), PRIVATE_KEY),
    *(
        Sealed(column, (t.webhooks.c.organisation_id, t.webhooks.c.id), webhooks.SECRET)
        for column in (t.webhooks.c.secret, t.webhooks.c.old_secret)
    ),
    Sealed(t.totp_secrets.c.secret, (t.totp_secrets.c.person_id,), SEALED_AS),
    Sealed(
        t.session_proofs.c.id_token,
        (t.session_proofs.c.organisation_id, t.session_proofs.c.identity_id),
        logout_hints.SEALED_AS,
    ),
    Sealed(t.outbox.c.sealed, (t.outbox.c.organisation_id, t.outbox.c.id), outbox.SEALED_AS),
    Sealed(t.letters.c.sealed, (t.letters.c.id,), outbox.SEALED_AS),
)
"""Every value that the installation can read again."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many values were sealed again, and how many open with none of the keys."""

    sealed_again: int
    lost: int


def reseal(database: Connection, _now: datetime, vault: Vault) -> Resealed:
    """Seal with the newest key whatever an older one sealed; what no key opens stays as it is.

    :raises VaultError: the installation has no key.
    """
    if not vault.is_open:
        raise VaultError("This installation has no encryption key.")
    again = lost = 0
    for kind in SEALED:
        values = select(kind.column, *kind.key).where(kind.column.is_not(None))
        for sealed, *key in database.execute(values).all():
            if vault.is_newest(sealed):
                continue
            place = (*key, kind.purpose)
            try:
                renewed = vault.seal(vault.open(sealed, *place), *place)
            except VaultError:
                lost += 1
                continue
            # What changed meanwhile was sealed anew by whoever changed it.
            same = update(kind.column.table).where(kind.column == sealed)
            again += database.execute(same.values({kind.column.name: renewed})).rowcount
    return Resealed(again, lost)
