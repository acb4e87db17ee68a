"""Facts: what happened, in the past tense, as the audit and the event feed tell it."""

from dataclasses import dataclass, field
from typing import Any

from gateway.domain.identity import Actor

CATALOGUE: dict[str, str] = {
    "organisation.created": "An organisation came to be, with its preset's roles and policies.",
    "organisation.deleted": "An organisation is closed at once; it can be restored for a while.",
    "organisation.restored": "A closed organisation is open again, with everything as it was.",
    "organisation.updated": "Name or settings of an organisation changed.",
    "audit.exported": "The audit or the login history left the house as a file; says which part.",
    "organisation.preset_switched": "The organisation took over another preset; says who moved.",
    "policy.changed": "A policy of the organisation has a new value.",
    "subscription.changed": "Plan, state, seat limit or features of the subscription changed.",
    "subscription.invoiced": "A renewal is due; the invoice says what is to be paid.",
    "subscription.renewed": "A payment was confirmed; the subscription goes on.",
    "subscription.expired": "The subscription ended; members have no chatbots until it is renewed.",
    "subscription.expiring": "The period of a subscription ends in 14 or 3 days, or is over.",
    "subscription.seats_low": "80 % or all of the seats are in use.",
    "domain.claimed": "An organisation says that a domain is its own.",
    "domain.verified": "A domain is proved to be the organisation's.",
    "chatbot.created": "A chatbot exists.",
    "chatbot.updated": "A chatbot's name, owner or settings changed.",
    "chatbot.deleted": "A chatbot is gone; grants and rules that name it give nothing.",
    "connection.created": "A connection to an identity provider exists.",
    "connection.updated": "A connection's settings changed.",
    "connection.disabled": "A connection no longer decides; its people's roles became manual.",
    "connection.enabled": "A connection decides again.",
    "connection.deleted": "A connection is gone and its tokens are dead.",
    "scim_token.created": "A bearer token of a SCIM connection was issued.",
    "scim_token.rotated": "A bearer token was replaced; the old one lives until its overlap ends.",
    "scim_token.revoked": "A bearer token is dead.",
    "scim_token.expiring": "A bearer token ends in 30, 7 or 1 days; each is told once.",
    "scim_client.created": "An OAuth 2.0 client of a SCIM connection was issued.",
    "scim_client.revoked": "An OAuth 2.0 client is dead, and every token it fetched.",
    "api_key.created": "An API key was issued.",
    "api_key.revoked": "An API key is dead.",
    "directory.user_created": "The identity provider created a user.",
    "directory.user_updated": "The identity provider changed a user.",
    "directory.user_deleted": "The identity provider deleted a user; its SCIM id stays dead.",
    "directory.user_restored": "A user came back under the same SCIM id.",
    "directory.group_created": "The identity provider created a group.",
    "directory.group_updated": "The identity provider renamed or changed a group.",
    "directory.group_deleted": "The identity provider deleted a group; its rules are inert.",
    "directory.group_members_changed": "People joined or left a group of the identity provider.",
    "member.created": "A person became a member.",
    "member.adopted": "A member from the manual path is now managed by a connection.",
    "member.released": "A member is no longer managed by a connection.",
    "member.updated": "A member's name or address, as the organisation sees it, changed.",
    "member.scope_changed": "A member sees every chatbot, or only those granted one by one.",
    "member.availability_changed": "A member is live, away or offline now, by their own word.",
    "member.activated": "A member is active again, or left the waiting list.",
    "member.deactivated": "A member lost all access; everything live of theirs has ended.",
    "member.held": "An admin put a member on hold.",
    "member.hold_lifted": "An admin lifted a hold.",
    "member.removed": "A membership ended for good.",
    "member.contained": "The last owner was deprovisioned: access ended, ownership kept.",
    "member.containment_ended": "A contained owner has access again, or is no longer needed.",
    "scim.owner_protected": "A deprovisioning of the last owner was refused and contained.",
    "owner.changed": "Somebody became, or ceased to be, an owner of record.",
    "ownership.transferred": "An owner of record passed the ownership on to another member.",
    "invitation.created": "Somebody was invited; a seat is kept for them.",
    "invitation.resent": "The mail with an invitation's link was sent again; older mails are void.",
    "invitation.link_copied": "A further link of an invitation was handed out to be passed on.",
    "invitation.accepted": "Somebody accepted an invitation and is a member.",
    "invitation.declined": "Somebody declined an invitation.",
    "invitation.revoked": "An invitation was taken back; all its links are dead.",
    "invitation.expired": "An invitation's time is over; its seat is free.",
    "invitation.superseded": "Somebody who was invited became a member another way.",
    "invitation.bounced": "The mail of an invitation could not be delivered.",
    "invitation.account_asked": "An invitation told whether an address has an account.",
    "person.erased": "What says who a former member was is gone; carries how much of what kind.",
    "grant.created": "A role or chatbot section was granted by hand or as a one-off.",
    "grant.ended": "A grant no longer gives anything.",
    "role.created": "A role exists.",
    "role.updated": "A role's definition changed.",
    "role.deleted": "A role is gone.",
    "mapping_rule.created": "A rule maps an identity provider's group to access.",
    "mapping_rule.updated": "A mapping rule changed.",
    "mapping_rule.deleted": "A mapping rule ended.",
    "team.created": "An assignment team exists.",
    "team.updated": "An assignment team changed.",
    "team.deleted": "An assignment team is gone.",
    "team.members_changed": "People joined or left an assignment team by hand.",
    "conversation.created": "A conversation waits in a queue.",
    "conversation.assigned": "A conversation has an assignee.",
    "conversation.returned": "A conversation went back to the queue with its waiting time.",
    "conversation.moved": "A conversation waits in another queue, as long as it did before.",
    "conversation.closed": "A conversation ended; its assignee stays on record.",
    "webhook.created": "A receiver of events exists.",
    "webhook.updated": "A receiver of events has another address, filter or name.",
    "webhook.secret_rotated": "A receiver has a new secret; the one before signs too for a while.",
    "webhook.disabled": "Nothing is sent to a receiver any more: by hand, or it failed for days.",
    "webhook.enabled": "Events are sent to a receiver again.",
    "webhook.deleted": "A receiver of events is gone.",
    "access.changed": "What one member may do changed; carries the new effective summary.",
    "signin.succeeded": "Somebody signed in.",
    "signin.failed": "Somebody could not sign in; carries the stable code.",
    "session.revoked": "Sessions of a member ended before their time.",
    "identity.linked": "An account at an identity provider is linked to a person.",
    "identity.unlinked": "An account at an identity provider no longer signs a person in.",
    "break_glass.appointed": "An owner may sign in by their own factors whatever is enforced.",
    "break_glass.confirmed": "Somebody confirmed that a break-glass owner is still wanted.",
    "break_glass.ended": "A break-glass owner is an ordinary owner again.",
    "break_glass.used": "A break-glass owner signed in.",
    "break_glass.threatened": "An identity provider took away somebody who is a break-glass owner.",
    "sso.test_finished": "A test sign-in was made; nothing came of it but its trace.",
    "sso.activated": "An organisation's people can sign in through a connection.",
    "sso.approved": "Somebody of a higher role approved whom a connection trusts.",
    "sso.enforced": "A connection became, or ceased to be, the only way in for its people.",
    "sso.certificate_added": "A certificate of an identity provider is staged or active.",
    "sso.certificate_proved": "A staged certificate signed a good sign-in and is active.",
    "sso.certificate_expiring": "A certificate of an identity provider ends soon.",
    "sso.certificate_retired": "A certificate of an identity provider is no longer trusted.",
    "sso.key_rotated": "A connection has a new key pair of ours; the one before still decrypts.",
    "sso.metadata_refreshed": "A connection's settings followed the provider's metadata.",
    "domain.proof_missing": "A domain's proof is not in the DNS; unless it returns, it lapses.",
    "domain.lapsed": "A domain's proof is gone from the DNS; it proves nothing any more.",
    "domain.released": "An organisation no longer says that a domain is its own.",
    "operator.key_created": "An installation-wide API key was issued.",
}
"""Every action of the audit and type of the feed, with its meaning."""

FAMILIES = frozenset(f"{name.partition('.')[0]}." for name in CATALOGUE)
"""What all types of a kind begin with, such as `member.`."""


def is_known(name: str) -> bool:
    """Whether there is such a type, or family of types."""
    return name in CATALOGUE or name in FAMILIES


FEED_ONLY = frozenset({"access.changed"})
"""Facts whose audit row would repeat the one that caused them."""


TARGETS: dict[str, str] = {
    "api_key": "An API key of the organisation or of one of its members.",
    "certificate": "A certificate of an identity provider.",
    "chatbot": "A chatbot.",
    "connection": "A connection to an identity provider, for provisioning or for signing in.",
    "conversation": "A conversation, as it is assigned.",
    "directory_group": "A group of an identity provider, told of by SCIM or at sign-in.",
    "directory_user": "A user of an identity provider, under its SCIM id.",
    "domain": "A domain of the organisation's.",
    "identity": "An account at an identity provider.",
    "invitation": "An invitation.",
    "invoice": "An invoice of the subscription.",
    "mapping_rule": "A rule from a group to access.",
    "member": "A member.",
    "organisation": "The organisation.",
    "role": "A role.",
    "scim_client": "An OAuth 2.0 client of a SCIM connection.",
    "scim_token": "A bearer token of a SCIM connection.",
    "team": "An assignment team.",
    "webhook": "A receiver of events.",
}
"""Every type of what a fact is about, with its meaning."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a fact is about."""

    type: str
    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened: becomes an audit row and a feed row in the change's commit.

    `before` and `after` hold only what changed, never a secret. `target` names may be
    personal and are therefore kept outside the hash chain. `actor` is who did it where that is
    not whoever the unit works for.
    """

    action: str
    targets: tuple[Target, ...]
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    outcome: str = "success"
    data: dict[str, Any] = field(default_factory=dict)
    actor: Actor | None = None

    def __post_init__(self) -> None:
        """Refuse what the catalogues do not explain."""
        if self.action not in CATALOGUE:
            raise ValueError(f"unknown fact {self.action}")
        for target in self.targets:
            if target.type not in TARGETS:
                raise ValueError(f"unknown target {target.type}")
