"""The organisation is part of every key, so that no row can belong to two of them."""

import pytest
from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint

from gateway.storage.tables import metadata

INSTALLATION = {
    "organisations",
    "persons",
    "operator_keys",
    "idempotency_keys",
    "totp_secrets",
    "recovery_codes",
    "passkeys",
    "challenges",
    "mailed_links",
    "failed_proofs",
    "erasures",
    "letters",
    "throttles",
    "sessions",
}
"""Tables of the installation as a whole: its operators, and persons with what is their own."""

INSTALLATION_WIDE = {
    "uq_api_keys_hash": "a secret is looked up before its organisation is known",
    "uq_scim_clients_secret": "a secret is looked up before its organisation is known",
    "uq_scim_tokens_hash": "a secret is looked up before its organisation is known",
    "uq_link_proposals_token": "a secret is looked up before its organisation is known",
    "uq_invitation_links_token": "a secret is looked up before its organisation is known",
    "uq_sso_connections_slug": "a sign-in address names the connection alone",
    "uq_connections_id": "a SCIM URL names the connection alone",
    "uq_domains_verified": "a domain is proved for one organisation at a time",
}
"""Unique indexes that span organisations, and why."""

OWNED = [table for table in metadata.sorted_tables if table.name not in INSTALLATION]


def lead(columns: object) -> str:
    """The first column's name."""
    first = next(iter(columns))  # type: ignore[call-overload]
    return str(first.name)


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
def test_an_organisation_owned_table_leads_with_the_organisation(table: Table) -> None:
    assert lead(table.columns) == "organisation_id"
    assert lead(table.primary_key.columns) == "organisation_id"
    assert not table.c.organisation_id.nullable


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
def test_uniqueness_holds_inside_an_organisation(table: Table) -> None:
    unique: set[UniqueConstraint | Index] = {
        *(x for x in table.constraints if isinstance(x, UniqueConstraint)),
        *(x for x in table.indexes if x.unique),
    }
    inside = {x for x in unique if x.name not in INSTALLATION_WIDE}
    assert {x.name: lead(x.columns) for x in inside} == {x.name: "organisation_id" for x in inside}


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.name)
def test_a_reference_cannot_leave_its_organisation(table: Table) -> None:
    for constraint in table.constraints:
        if not isinstance(constraint, ForeignKeyConstraint):
            continue
        target = constraint.referred_table
        if target.name in INSTALLATION - {"organisations"}:
            continue
        pair = next(iter(constraint.elements))
        assert pair.parent.name == "organisation_id"
        assert pair.column.name == ("id" if target.name == "organisations" else "organisation_id")
