"""Every table, one module per aggregate; composite keys make cross-organisation edges impossible.

Invariant: organisation_id leads each primary key, unique index and foreign key of an
organisation-owned table.
"""

from gateway.storage.tables.chatbots import chatbot_versions, chatbots
from gateway.storage.tables.connections import (
    attention_items,
    connection_versions,
    connections,
    directory_counts,
    scim_tokens,
)
from gateway.storage.tables.directory import (
    directory_emails,
    directory_groups,
    directory_memberships,
    directory_users,
)
from gateway.storage.tables.facts import (
    audit_details,
    audit_events,
    audit_targets,
    chains,
    outbox,
)
from gateway.storage.tables.mapping import mapping_rules
from gateway.storage.tables.members import grants, member_versions, members
from gateway.storage.tables.metadata import Versioned, metadata
from gateway.storage.tables.organisations import (
    api_keys,
    domains,
    idempotency_keys,
    operator_keys,
    organisations,
    organisations_history,
    policies,
    subscriptions,
)
from gateway.storage.tables.people import persons, sessions
from gateway.storage.tables.roles import role_versions, roles
from gateway.storage.tables.teams import conversations, team_seats, teams

__all__ = [
    "Versioned",
    "api_keys",
    "attention_items",
    "audit_details",
    "audit_events",
    "audit_targets",
    "chains",
    "chatbot_versions",
    "chatbots",
    "connection_versions",
    "connections",
    "conversations",
    "directory_counts",
    "directory_emails",
    "directory_groups",
    "directory_memberships",
    "directory_users",
    "domains",
    "grants",
    "idempotency_keys",
    "mapping_rules",
    "member_versions",
    "members",
    "metadata",
    "operator_keys",
    "organisations",
    "organisations_history",
    "outbox",
    "persons",
    "policies",
    "role_versions",
    "roles",
    "scim_tokens",
    "sessions",
    "subscriptions",
    "team_seats",
    "teams",
]
