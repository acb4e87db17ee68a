"""ID tokens that a logout may show to the provider: kept sealed, and no longer than the session."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, update

from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork
from gateway.storage.vault import Vault, VaultError

SEALED_AS = "id_token"
LONGEST = 4_000
"""Characters of a token that is kept: it travels in an address, which has to stay usable."""


def sealed(uow: UnitOfWork, identity_id: UUID, id_token: str | None) -> str | None:
    """Return what is kept of a token; nothing of a long one, or where there is no key."""
    if id_token is None or len(id_token) > LONGEST or not uow.vault.is_open:
        return None
    return uow.vault.seal(id_token, uow.organisation_id, identity_id, SEALED_AS)


def opened(vault: Vault, proof: Any) -> str | None:
    """Return the token of a proof, None where none was kept or its key has gone."""
    if proof.id_token is None:
        return None
    try:
        return vault.open(proof.id_token, proof.organisation_id, proof.identity_id, SEALED_AS)
    except VaultError:
        return None


def forget(uow: UnitOfWork) -> None:
    """Forget the tokens of an organisation's sessions that have ended."""
    p = t.session_proofs.c
    over = or_(p.revoked_at.is_not(None), p.expires_at <= uow.now)
    uow.execute(
        update(t.session_proofs)
        .where(p.organisation_id == uow.organisation_id, p.id_token.is_not(None), over)
        .values(id_token=None)
    )
