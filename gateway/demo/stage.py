"""Setting the stage: two organisations with everything that an identity provider needs."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyotp

from gateway.demo.options import DemoFailed, Options
from gateway.domain.errors import GatewayError
from gateway.domain.identity import Actor, ActorType
from gateway.domain.permissions import ACTIONS
from gateway.services import (
    break_glass,
    chatbots,
    connections,
    credentials,
    domains,
    keys,
    organisations,
    people,
    presets,
    scim_tokens,
    teams,
    terms,
)
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work

OPERATOR = Actor(ActorType.OPERATOR, "demo", "Demo operator")
CHATBOTS = ("Helpdesk", "Sales Assistant", "Onboarding Guide")
TEAM = "Frontline"


@dataclass(frozen=True, slots=True)
class Company:
    """Who plays: an organisation and the identity provider that it uses."""

    slug: str
    name: str
    idp: str
    owner: str
    successor: str

    @property
    def domain(self) -> str:
        """The domain of its addresses."""
        return f"{self.slug}.test"


COMPANIES = (
    Company("acme", "Acme", "Okta", "Olivia Stone", "Samir Haddad"),
    Company("globex", "Globex", "Entra ID", "Gustav Lindqvist", "Paula Reyes"),
)


@dataclass(frozen=True, slots=True)
class Furnished:
    """An organisation that is ready for its identity provider, with its credentials."""

    id: str
    slug: str
    name: str
    idp: str
    domain: str
    api_key: str
    owner_email: str
    owner_password: str
    owner_totp: str
    connection: str
    token: str
    chatbots: dict[str, str]
    team: str
    owner_codes: list[str] = field(default_factory=list)

    def document(self, base_url: str) -> dict[str, Any]:
        """Return what `gateway demo --json` tells of it."""
        return {
            "id": self.id,
            "slug": self.slug,
            "api_key": self.api_key,
            "owner": {
                "email": self.owner_email,
                "password": self.owner_password,
                "totp_secret": self.owner_totp,
                **({"recovery_codes": self.owner_codes} if self.owner_codes else {}),
            },
            "verified_domains": [self.domain],
            "scim": {
                "connection": self.connection,
                "base_url": self.scim_url(base_url),
                "token": self.token,
            },
        }

    def scim_url(self, base_url: str) -> str:
        """Return where its identity provider sends people."""
        return f"{base_url}/scim/v2/{self.connection}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that stands before the play begins."""

    operator_key: str
    organisations: Sequence[Furnished]

    def kept(self) -> dict[str, Any]:
        """Return it as plain values, to be found again by a later run on the same data."""
        return asdict(self)

    @classmethod
    def found(cls, kept: dict[str, Any]) -> "Stage":
        """Return the stage that an earlier run kept."""
        return cls(kept["operator_key"], [Furnished(**each) for each in kept["organisations"]])


def require_preset(options: Options) -> None:
    """Refuse a preset or plan that there is not, before anything starts.

    :raises DemoFailed: names the ones there are.
    """
    try:
        preset = presets.packaged().preset(options.preset)
    except GatewayError as refusal:
        raise DemoFailed(refusal.message) from refusal
    if options.plan is not None and options.plan not in preset.plans:
        known = ", ".join(sorted(preset.plans))
        raise DemoFailed(f"Preset {preset.id} has no plan {options.plan!r}; there are {known}.")


def set_up(work: Work, options: Options) -> Stage:
    """Found both organisations and furnish them; an operator key reaches both.

    :raises DemoFailed: the database has them already.
    """
    with work.platform() as database:
        for company in COMPANIES:
            if organisations.find_by_slug(database, company.slug) is not None:
                raise DemoFailed(
                    f"The database has an organisation {company.slug!r} already; give the demo"
                    " one of its own."
                )
    issued = work.run_platform(
        lambda database, now: keys.issue_operator_key(database, now, work.new_id, "Demo")
    )
    furnished = [_furnish(work, options, company) for company in COMPANIES]
    return Stage(issued.secret, furnished)


def _furnish(work: Work, options: Options, company: Company) -> Furnished:
    password = secrets.token_urlsafe(12)
    email = _address(company.owner, company)
    new = organisations.NewOrganisation(
        slug=company.slug,
        name=company.name,
        preset=options.preset,
        plan=options.plan,
        add_ons=("enterprise",),
        owner_email=email,
        owner_name=company.owner,
        owner_password_hash=people.hash_password(password),
    )

    def found(uow: UnitOfWork) -> tuple[UUID, UUID]:
        return uow.organisation_id, organisations.create(uow, new)

    organisation_id, owner_id = work.found(OPERATOR, found)
    made = work.run(organisation_id, OPERATOR, lambda uow: _equip(uow, options, company, owner_id))
    return Furnished(
        id=str(organisation_id),
        slug=company.slug,
        name=company.name,
        idp=company.idp,
        domain=company.domain,
        owner_email=email,
        owner_password=password,
        **made,
    )


def _equip(uow: UnitOfWork, options: Options, company: Company, owner_id: UUID) -> dict[str, Any]:
    limit = organisations.get(uow).seat_limit
    # The successor that SCIM needs must fit into the smallest plan; nobody is evicted later.
    organisations.change_subscription(uow, seat_limit=None)
    domains.force_verify(uow, company.domain)
    owner_totp = _give_authenticator(uow, owner_id)
    successor = organisations.add_member(
        uow,
        email=_address(company.successor, company),
        display_name=company.successor,
        role=below_owner(options.preset)[0],
    )
    may_pass = terms.current(uow).ownership_may_pass
    codes = [] if may_pass else _let_always_in(uow, owner_id)
    heir = successor if may_pass else None
    connection = connections.create(uow, company.idp, heir, bot_scope="all")
    if options.plan is not None:
        with uow.savepoint():  # an instant of its own: a subscription changes once in each
            organisations.change_subscription(uow, seat_limit=limit)
    token = scim_tokens.issue(uow, connection, company.idp)
    key = keys.create(uow, "Demo", _every_scope(options.preset), member_id=owner_id)
    return {
        "api_key": key.secret,
        "connection": str(connection),
        "token": token.secret,
        "chatbots": {name: str(chatbots.create(uow, name)) for name in CHATBOTS},
        "team": str(teams.create(uow, TEAM)),
        "owner_codes": codes,
        "owner_totp": owner_totp,
    }


def _give_authenticator(uow: UnitOfWork, owner_id: UUID) -> str:
    """Set up the owner's authenticator by the code of the step before; this step's is unused."""
    person_id = uow.load(t.members, owner_id).person_id
    here = PersonWork.beside(uow)
    secret, _ = credentials.begin_totp(here, person_id, "Gateway demo")
    before = uow.now - timedelta(seconds=credentials.TOTP_PERIOD)
    credentials.confirm_totp(here, person_id, pyotp.TOTP(secret).at(before))
    return secret


def _let_always_in(uow: UnitOfWork, owner_id: UUID) -> list[str]:
    """Appoint the owner, whom nobody can succeed, as break-glass owner; return their codes."""
    person_id = uow.load(t.members, owner_id).person_id
    codes = credentials.new_recovery_codes(PersonWork.beside(uow), person_id)
    break_glass.appoint(uow, owner_id)
    return codes


def below_owner(preset_id: str) -> list[str]:
    """Return the keys of the roles that anybody may be given, the strongest first."""
    roles = presets.packaged().preset(preset_id).roles.values()
    given = [role for role in roles if not role.is_owner_role and not role.grant_only_by]
    return [role.key for role in sorted(given, key=lambda role: -role.rank)]


def _every_scope(preset_id: str) -> list[str]:
    """Everything that the owner may do: an administrator's key."""
    preset = presets.packaged().preset(preset_id)
    owner = preset.roles[preset.owner_role]
    return sorted(ACTIONS & owner.atoms())


def _address(name: str, company: Company) -> str:
    return f"{name.lower().replace(' ', '.')}@{company.domain}"
