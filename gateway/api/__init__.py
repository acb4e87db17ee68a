"""The management API: programs that manage an organisation, one declaration per endpoint.

Invariant: no rule lives here. An endpoint reads its request, calls one verb, and writes the answer.
"""

from flask import Blueprint

from gateway.api import (
    audit,
    availability,
    chatbots,
    connections,
    conversations,
    domains,
    events,
    groups,
    invitations,
    keys,
    login_history,
    mapping_rules,
    matrix,
    me,
    members,
    offboarding,
    oidc_connections,
    organisations,
    own_chatbots,
    ownership_transfers,
    policies,
    preset_switch,
    roles,
    saml_connections,
    scim_clients,
    scim_requests,
    sessions,
    sign_in_rules,
    subscription,
    subscription_change,
    teams,
    webhooks,
)
from gateway.api.endpoint import Endpoint
from gateway.api.mount import mount
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

NOUNS = (
    organisations,
    policies,
    preset_switch,
    subscription,
    subscription_change,
    chatbots,
    connections,
    scim_clients,
    scim_requests,
    saml_connections,
    oidc_connections,
    groups,
    mapping_rules,
    members,
    offboarding,
    ownership_transfers,
    availability,
    invitations,
    roles,
    teams,
    conversations,
    domains,
    audit,
    login_history,
    events,
    webhooks,
    sessions,
    sign_in_rules,
    keys,
    me,
    own_chatbots,
)
_DECLARED = [each for noun in NOUNS for each in noun.routes]
ENDPOINTS: tuple[Endpoint, ...] = (*_DECLARED, *matrix.over(_DECLARED))
"""Every endpoint of the API."""


def blueprint(work: Work, settings: Settings, uses: Uses) -> Blueprint:
    """Return the management API, to be mounted where it says."""
    return mount(ENDPOINTS, work, settings, uses)
