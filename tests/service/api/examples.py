"""For every endpoint a request that would succeed, and one thing of each kind to ask for."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from gateway.api import ENDPOINTS
from gateway.api.endpoint import Endpoint
from gateway.domain.events import Fact, Target
from gateway.domain.plans import Line
from gateway.domain.signin import AssertedIdentity, Link, Trace
from gateway.services import (
    certificates,
    chatbots,
    conversations,
    domains,
    identities,
    invitations,
    invoices,
    keys,
    mapping,
    policies,
    scim_clients,
    scim_tokens,
    session_openings,
    sso_setup,
    teams,
    traces,
)
from gateway.services.invitations import Wish
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.factories import OPERATOR, House, provision, provision_group
from tests.service.api.callers import role_id
from tests.service.signin.lodge import certificate

Things = dict[str, Any]
"""Name of a path's id → a thing of the organisation; an invitation's link is text."""


def things(work: Work, house: House) -> Things:
    """Make one of everything in an organisation, and say which."""
    user = provision(work, house, f"ann@{house.connection.name.lower()}.test")
    group = provision_group(work, house, "Support", user.id)
    assert user.member_id is not None

    def furnish(uow: UnitOfWork) -> Things:
        bot = chatbots.create(uow, "Shop")
        team = teams.create(uow, "Agents")
        teams.join(uow, team, house.successor_id)
        uow.update(t.members, {"id": house.successor_id}, availability="live")
        role = role_id(uow, "viewer")
        rule = mapping.create_rule(
            uow, house.connection.id, group.id, "role", role_id=role, priority=1
        )
        return {
            "organisation": house.organisation_id,
            "chatbot": bot,
            "connection": house.connection.id,
            "token": scim_tokens.issue(uow, house.connection.id, "Okta").id,
            "client": scim_clients.issue(uow, house.connection.id, "Ping").id,
            "group": group.id,
            "rule": rule,
            "role": role,
            "member": user.member_id or UUID(int=0),
            "successor": house.successor_id,
            "team": team,
            "conversation": conversations.create(uow, bot, "Hello"),
            "domain": domains.claim(uow, f"{bot.hex}.test"),
            "key": keys.create(uow, "Key", ["org.read"], role_id=role).id,
            **sign_on(uow, house, user.member_id or UUID(int=0)),
            **invited(uow, role),
            **webhook(uow),
            "invoice": invoices.issue(uow, (Line("base", 1, 100),), (uow.now, None), uow.now),
        }

    return work.run(house.organisation_id, OPERATOR, furnish)


def invited(uow: UnitOfWork, role: UUID) -> Things:
    """Let people be invited by hand as well, and invite one."""
    policies.change(uow, {"invites_when_scim": "on"})
    wish = Wish(email=f"ivy@{uow.organisation_id.hex}.test", role_id=role)
    made = invitations.create(uow, wish, "http://localhost")
    assert isinstance(made, invitations.Issued)
    return {
        "invitation": made.id,
        "mail": invitations.get(uow, made.id).mail_id,
        "link": made.link.rpartition("/")[2],
    }


def webhook(uow: UnitOfWork) -> Things:
    """Make a receiver of events as rows, since not every installation has a key to seal with."""
    told: dict[str, object] = {"targets": [], "data": {}, "previous_attributes": None}
    event = uow.send("feed", "team.created", told)
    receiver, delivery = uow.new_id(), uow.new_id()
    uow.insert(
        t.webhooks,
        id=receiver,
        name="Platform",
        url="https://platform.example.org/hook",
        events=[],
        state="active",
        secret="sealed",
        created_at=uow.now,
    )
    uow.insert(
        t.webhook_deliveries,
        id=delivery,
        webhook_id=receiver,
        event_id=event,
        type="team.created",
        sequence=1,
        created_at=uow.now,
        due_at=uow.now,
    )
    return {"webhook": receiver, "delivery": delivery}


def sign_on(uow: UnitOfWork, house: House, member_id: UUID) -> Things:
    """Make sign-on connections, and what a sign-in through one leaves."""
    saml = sso_setup.create(
        uow,
        "saml",
        "Okta",
        "okta",
        issuer="https://idp.test",
        sso_url="https://idp.test/sso",
        certificates=[certificate()],
    )
    oidc = sso_setup.create(uow, "oidc", "Ping", "ping")
    asserted = AssertedIdentity(connection_id=saml, issuer="https://idp.test", subject="ann")
    member = uow.load(t.members, member_id)
    identity = identities.link(uow, asserted, member, Link.SCIM)
    opened = session_openings.open_by_provider(
        uow,
        session_openings.ByProvider(
            connection_id=saml,
            identity_id=identity,
            person_id=member.person_id,
            member=member,
            name_id="ann",
            session_index=None,
            proved_at=uow.now,
            ends_at=None,
        ),
    )
    uow.record(
        Fact("signin.succeeded", (Target("member", str(member_id)),), after={"method": "saml"})
    )
    return {
        "saml_connection": saml,
        "oidc_connection": oidc,
        "identity": identity,
        "session": opened.id,
        "saml_trace": traces.keep(uow, saml, Trace()),
        "oidc_trace": traces.keep(uow, oidc, Trace()),
        "certificate": certificates.add(uow, saml, certificate("next")),
        "passkey": uow.new_id(),
        "owner": house.owner_id,
    }


BODIES: dict[str, Callable[[Things], dict[str, Any]]] = {
    "NewOrganisation": lambda _: {
        "slug": "initech",
        "name": "Initech",
        "preset": "five_role",
        "owner_email": "bill@initech.test",
        "owner_name": "Bill",
    },
    "OrganisationChange": lambda _: {"name": "Renamed"},
    "PresetWish": lambda x: {
        "preset": "pleep",
        "roles": [{"role_id": str(x["role"]), "to": "member"}],
    },
    "Confirmed": lambda x: {
        "preset": "pleep",
        "roles": [{"role_id": str(x["role"]), "to": "member"}],
    },
    "PolicyChange": lambda _: {"policies": {"invite_ttl_days": 3, "welcome_email": None}},
    "Wish": lambda _: {},
    "Transfer": lambda x: {"to": str(x["successor"])},
    "Payment": lambda _: {"reference": "payment-1"},
    "SubscriptionWish": lambda _: {"seat_limit": 500, "add_ons": []},
    "SubscriptionChange": lambda _: {"seat_limit": 500},
    "NewChatbot": lambda _: {"name": "Another"},
    "ChatbotChange": lambda _: {"name": "Renamed"},
    "NewConnection": lambda x: {"name": "Entra", "successor_id": str(x["successor"])},
    "ConnectionChange": lambda x: {"name": "Renamed", "successor_id": str(x["successor"])},
    "NewToken": lambda _: {"name": "Second"},
    "NewClient": lambda _: {"name": "Second"},
    "Rotation": lambda _: {"overlap_seconds": 60},
    "NewRule": lambda x: {
        "connection_id": str(x["connection"]),
        "group_id": str(x["group"]),
        "kind": "role",
        "role_id": str(x["role"]),
        "priority": 7,
    },
    "RuleChange": lambda x: {"priority": 9, "role_id": str(x["role"])},
    "MemberChange": lambda x: {"role_id": str(x["role"])},
    "NewInvitation": lambda x: {"email": "nina@example.org", "role_id": str(x["role"])},
    "Invitations": lambda x: {
        "invitations": [{"email": "nils@example.org", "role_id": str(x["role"])}]
    },
    "NewMember": lambda x: {
        "email": "nora@example.org",
        "display_name": "Nora",
        "password": "correct horse battery",
        "role_id": str(x["role"]),
    },
    "Bounce": lambda x: {"message_id": str(x["mail"])},
    "RoleDefinition": lambda _: {"name": "Sales", "rank": 5},
    "Receiver": lambda _: {"name": "Platform", "url": "https://platform.example.org/hook"},
    "Overlap": lambda _: {},
    "NewTeam": lambda _: {"name": "Others"},
    "TeamChange": lambda _: {"strategy": "round_robin"},
    "Availability": lambda _: {"availability": "away"},
    "Seat": lambda x: {"member_id": str(x["successor"])},
    "NewConversation": lambda x: {
        "chatbot_id": str(x["chatbot"]),
        "subject": "Help",
        "team_id": str(x["team"]),
    },
    "Assignment": lambda x: {"member_id": str(x["successor"])},
    "Claim": lambda _: {"name": "claimed.test"},
    "NewSAMLConnection": lambda _: {"name": "Entra", "preset": "entra"},
    "SAMLChange": lambda _: {"name": "Renamed"},
    "NewCertificate": lambda _: {"certificate": certificate()},
    "NewOIDCConnection": lambda _: {"name": "Entra", "preset": "entra"},
    "OIDCChange": lambda _: {"name": "Renamed"},
    "Enforcement": lambda _: {"enforced": False},
    "NewGroup": lambda _: {"value": "Support"},
    "SignInPolicyChange": lambda _: {"session_hours": 8},
    "Appointment": lambda x: {"member_id": str(x["owner"])},
    "NewPassword": lambda _: {"password": "correct horse battery"},
    "Confirmation": lambda _: {"code": "000000"},
    "NewPasskey": lambda _: {"token": "x", "name": "Key", "answer": {}},
    "NewKey": lambda x: {
        "name": "Another",
        "scopes": ["apikeys.manage"],
        "member_id": str(x["successor"]),
    },
}
"""Model of a body → one that is sound."""

QUERIES: dict[str, Callable[[Things], dict[str, str]]] = {
    "members.explain": lambda x: {"action": "analytics.read", "chatbot": str(x["chatbot"])},
    "members.listing": lambda x: {"role": str(x["role"]), "connection": str(x["connection"])},
    "groups.listing": lambda x: {"connection": str(x["connection"])},
    "mapping_rules.listing": lambda x: {"connection": str(x["connection"])},
    "audit.listing": lambda x: {"target": str(x["member"])},
    "sign_in_rules.login_history": lambda x: {"member": str(x["member"])},
}
"""Operation → parameters that name things."""


def body_of(endpoint: Endpoint, known: Things) -> dict[str, Any] | None:
    """A sound body, where the endpoint takes one."""
    return None if endpoint.body is None else BODIES[endpoint.body.__name__](known)


def query_of(endpoint: Endpoint, known: Things) -> dict[str, str]:
    """Parameters that name things."""
    wanted = QUERIES.get(endpoint.operation)
    return {} if wanted is None else wanted(known)


def path_of(endpoint: Endpoint, ids: Things) -> str:
    """The endpoint's path with these ids."""
    return endpoint.path.format(**{name: ids[name] for name in endpoint.ids})


def by_operation(name: str) -> Endpoint:
    """The endpoint of an operation."""
    return next(each for each in ENDPOINTS if each.operation == name)
