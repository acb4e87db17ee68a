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
    page_ends,
    scim_clients,
    scim_requests,
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
from gateway.storage.tables.invitations import invitation_links, invitations
from gateway.storage.tables.mapping import mapping_rules
from gateway.storage.tables.members import (
    grants,
    member_chatbots,
    member_roles,
    member_teams,
    member_versions,
    members,
)
from gateway.storage.tables.metadata import Versioned, metadata
from gateway.storage.tables.organisations import (
    api_keys,
    domains,
    idempotency_keys,
    invoices,
    operator_keys,
    organisations,
    organisations_history,
    policies,
    subscription_warnings,
    subscriptions,
)
from gateway.storage.tables.people import (
    challenges,
    erasures,
    failed_proofs,
    letters,
    mailed_links,
    passkeys,
    persons,
    recovery_codes,
    session_proofs,
    sessions,
    throttles,
    totp_secrets,
)
from gateway.storage.tables.roles import role_versions, roles
from gateway.storage.tables.signin import (
    asserted_memberships,
    break_glass_owners,
    identities,
    link_proposals,
    replay_keys,
    signin_attempts,
    signin_traces,
    sso_certificates,
    sso_connections,
    sso_keys,
)
from gateway.storage.tables.teams import conversations, team_seats, teams
from gateway.storage.tables.webhooks import webhook_deliveries, webhooks

__all__ = [
    "Versioned",
    "api_keys",
    "asserted_memberships",
    "attention_items",
    "audit_details",
    "audit_events",
    "audit_targets",
    "break_glass_owners",
    "chains",
    "challenges",
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
    "erasures",
    "failed_proofs",
    "grants",
    "idempotency_keys",
    "identities",
    "invitation_links",
    "invitations",
    "invoices",
    "letters",
    "link_proposals",
    "mailed_links",
    "mapping_rules",
    "member_chatbots",
    "member_roles",
    "member_teams",
    "member_versions",
    "members",
    "metadata",
    "operator_keys",
    "organisations",
    "organisations_history",
    "outbox",
    "page_ends",
    "passkeys",
    "persons",
    "policies",
    "recovery_codes",
    "replay_keys",
    "role_versions",
    "roles",
    "scim_clients",
    "scim_requests",
    "scim_tokens",
    "session_proofs",
    "sessions",
    "signin_attempts",
    "signin_traces",
    "sso_certificates",
    "sso_connections",
    "sso_keys",
    "subscription_warnings",
    "subscriptions",
    "team_seats",
    "teams",
    "throttles",
    "totp_secrets",
    "webhook_deliveries",
    "webhooks",
]
