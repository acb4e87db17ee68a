"""`gateway organisation`, `domain` and `owner`: what only an operator may do to organisations."""

import secrets
import sys

import click

from gateway.cli import finding
from gateway.cli.asking import member
from gateway.cli.opening import open_settings, open_work, operator
from gateway.cli.printing import answer, as_json
from gateway.net import domain_proofs
from gateway.net.dns import Resolver
from gateway.services import domains, organisations, ownership, people
from gateway.services.organisations import NewOrganisation
from gateway.storage.unit_of_work import UnitOfWork


@click.group()
def organisation() -> None:
    """Organisations of this installation."""


@organisation.command("create")
@click.option("--slug", required=True, help="Its name in addresses: a-z, 0-9 and hyphens.")
@click.option("--name", required=True, help="Its name for people.")
@click.option("--preset", required=True, help="The product whose roles and policies it copies.")
@click.option("--plan", help="The preset's plan that it has. Default: the preset's first.")
@click.option("--add-on", "add_ons", multiple=True, help="For example `enterprise`: SSO and SCIM.")
@click.option("--currency", default="USD", show_default=True, help="What it pays in.")
@click.option("--owner-email", required=True)
@click.option("--owner-name", required=True)
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the owner's password from stdin. Default: one is made up and printed once.",
)
@as_json
def create_organisation(
    slug: str,
    owner_email: str,
    owner_name: str,
    password_stdin: bool,  # noqa: FBT001 - click passes options by name
    as_json: bool,  # noqa: FBT001
    **wish: object,
) -> None:
    """Create an organisation with its owner.

    Somebody who has an account already keeps its password.
    """
    work = open_work(open_settings())
    read = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    password = read if password_stdin else secrets.token_urlsafe(15)
    new = NewOrganisation(
        slug=slug,
        owner_email=owner_email,
        owner_name=owner_name,
        owner_password_hash=people.hash_password(password),
        **wish,  # type: ignore[arg-type]
    )

    def found(uow: UnitOfWork) -> dict[str, object]:
        known = people.find(uow, owner_email) is not None
        owner_id = organisations.create(uow, new)
        shown = None if known or password_stdin else password
        return {"id": uow.organisation_id, "owner": owner_id, "owner_password": shown}

    made = {"slug": slug, **work.found(operator(), found)}
    lines = [f"Organisation {slug} is {made['id']}; its owner is member {made['owner']}."]
    if made["owner_password"]:
        lines.append(f"The owner's password, shown this once: {made['owner_password']}")
    answer(made, lines, machine=as_json)


@member.command("add")
@click.option("--organisation", "slug", required=True, help="Slug or id.")
@click.option("--email", required=True, help="The address that they sign in with.")
@click.option("--name", required=True, help="Their name.")
@click.option("--role", required=True, help="Key of the role, for example `admin`.")
@as_json
def add_member(
    slug: str,
    email: str,
    name: str,
    role: str,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make somebody an active member, for example the one who may succeed the owner.

    They set a password by the sign-in page's reset, which proves their address.
    """
    work = open_work(open_settings())

    def add(uow: UnitOfWork) -> dict[str, object]:
        member_id = organisations.add_member(uow, email=email, display_name=name, role=role)
        return {"member": member_id, "name": name, "role": role}

    document = work.run(finding.organisation(work, slug), operator(), add)
    line = f"{name} is a member of {slug} as {role}: {document['member']}."
    answer(document, [line], machine=as_json)


@click.group()
def domain() -> None:
    """Domains, which prove that an address is an organisation's."""


@domain.command("verify")
@click.argument("name")
@click.option("--organisation", "slug", required=True, help="Slug or id.")
@click.option("--force", is_flag=True, help="Prove it by the operator's word; audited.")
@as_json
def verify_domain(
    name: str,
    slug: str,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Prove that a domain is an organisation's, by its record in the DNS."""
    settings = open_settings()
    work = open_work(settings)
    organisation_id = finding.organisation(work, slug)
    if force:
        domain_id = work.run(
            organisation_id, operator(), lambda uow: domains.force_verify(uow, name)
        )
    else:
        domain_id = work.run(organisation_id, operator(), lambda uow: domains.claim(uow, name))
        resolver = Resolver.of(settings)
        seen = domain_proofs.look_for(work, resolver, organisation_id, domain_id)
        work.run(organisation_id, operator(), lambda uow: domains.verify(uow, domain_id, seen))
    document = {"id": domain_id, "name": domains.normalise(name), "state": "verified"}
    answer(document, [f"{document['name']} is proved to be {slug}'s."], machine=as_json)


@click.group()
def owner() -> None:
    """Owners of record."""


@owner.command("recover")
@click.option("--organisation", "slug", required=True, help="Slug or id.")
@click.option("--to", required=True, help="The active member who becomes owner: address or id.")
@as_json
def recover_owner(slug: str, to: str, as_json: bool) -> None:  # noqa: FBT001
    """Make an active member an owner of record, when no owner can act."""
    work = open_work(open_settings())

    def recover(uow: UnitOfWork) -> dict[str, object]:
        member = finding.member(uow, to)
        ownership.recover(uow, member.id)
        return {"member": member.id, "name": member.display_name, "owner_of_record": True}

    document = work.run(finding.organisation(work, slug), operator(), recover)
    answer(document, [f"{document['name']} is an owner of record of {slug}."], machine=as_json)
