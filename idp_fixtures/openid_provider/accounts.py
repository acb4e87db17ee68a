"""Who may sign in, and how the providers of the market say what they are and in which groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ENTRA_LIMIT = 200
TENANT = "{tenantid}"
"""What stands for the tenant in the issuer that Entra publishes for all of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in here; `claims` are what the ID token and userinfo say.

    A claim that is None is left out, also where the provider would say it of anybody.
    """

    sub: str
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How the sign-in page names the account."""
        return str(self.claims.get("email") or self.claims.get("preferred_username") or self.sub)


def okta(sub: str, email: str, name: str, groups: Sequence[str] | None = None) -> Account:
    """Return an account as Okta writes it: groups by name, absent if the claim is not asked for."""
    said = _person(email, name)
    if groups is not None:
        said["groups"] = list(groups)
    return Account(sub, said)


def entra(
    sub: str, email: str, name: str, groups: Sequence[str] | None = None, *, tenant: str
) -> Account:
    """Return an account as Entra ID writes it: groups by GUID, beyond 200 a place to ask.

    Entra says nothing of `email_verified`.
    """
    oid = guid(f"{tenant}/{sub}")
    said: dict[str, Any] = {
        "email": email,
        "preferred_username": email,
        "name": name,
        "oid": oid,
        "tid": tenant,
        "ver": "2.0",
    }
    if groups is not None and len(groups) > ENTRA_LIMIT:
        said |= overage(f"https://graph.windows.net/{tenant}/users/{oid}/getMemberObjects")
    elif groups is not None:
        said["groups"] = [guid(group) for group in groups]
    return Account(sub, said)


def google(sub: str, email: str, name: str, *, domain: str | None) -> Account:
    """Return an account as Google writes it: no groups ever, and the domain that it belongs to.

    Google does not say when somebody signed in there.
    """
    said = {**_person(email, name), "auth_time": None}
    if domain is not None:
        said["hd"] = domain
    return Account(sub, said)


def overage(endpoint: str) -> dict[str, Any]:
    """Return what stands for groups that are too many to send."""
    return {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": endpoint}},
    }


def guid(name: str) -> str:
    """Return the GUID that stands for a name, always the same one."""
    return str(uuid5(NAMESPACE_URL, name))


def _person(email: str, name: str) -> dict[str, Any]:
    given, _, family = name.partition(" ")
    return {
        "email": email,
        "email_verified": True,
        "preferred_username": email,
        "name": name,
        "given_name": given,
        "family_name": family,
    }
