"""`gateway scim-token` and `operator-key`: credentials, each shown once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import click

from gateway.cli import finding
from gateway.cli.opening import open_settings, open_work, operator
from gateway.cli.printing import Duration, answer, as_json
from gateway.services import keys, resealing, scim_tokens
from gateway.services.secrets import Issued
from gateway.serving import StartFailed
from gateway.storage.unit_of_work import UnitOfWork


def of_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a SCIM connection."""
    command = click.option(
        "--connection", help="Id or name. Default: the organisation's only one."
    )(command)
    return click.option("--organisation", "slug", required=True, help="Slug or id.")(command)


@click.group("scim-token")
def scim_token() -> None:
    """Bearer tokens that identity providers provision with."""


@scim_token.command("create")
@of_connection
@click.option("--name", default="command line", show_default=True, help="What it is for.")
@click.option("--expires-in", type=Duration(), help="For example 90d. Default: never.")
@as_json
def create_token(
    slug: str,
    connection: str | None,
    name: str,
    expires_in: timedelta | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Issue one more token of a connection."""
    settings = open_settings()
    work = open_work(settings)

    def create(uow: UnitOfWork) -> tuple[UUID, Issued]:
        found = finding.connection(uow, connection)
        expires_at = None if expires_in is None else uow.now + expires_in
        return found.id, scim_tokens.issue(uow, found.id, name, expires_at=expires_at)

    connection_id, issued = work.run(finding.organisation(work, slug), operator(), create)
    _show(issued, f"{settings.origin}/scim/v2/{connection_id}", machine=as_json)


@scim_token.command("rotate")
@click.argument("token", type=click.UUID)
@of_connection
@click.option(
    "--overlap",
    type=Duration(),
    default="24h",
    show_default=True,
    help="How long the old token goes on working, at most 30d.",
)
@as_json
def rotate_token(
    token: UUID,
    slug: str,
    connection: str | None,
    overlap: timedelta,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Replace a token by a new one."""
    settings = open_settings()
    work = open_work(settings)

    def rotate(uow: UnitOfWork) -> tuple[UUID, Issued]:
        found = finding.connection(uow, connection)
        return found.id, scim_tokens.rotate(uow, found.id, token, overlap)

    connection_id, issued = work.run(finding.organisation(work, slug), operator(), rotate)
    _show(issued, f"{settings.origin}/scim/v2/{connection_id}", machine=as_json)


@scim_token.command("revoke")
@click.argument("token", type=click.UUID)
@of_connection
@as_json
def revoke_token(token: UUID, slug: str, connection: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Kill a token at once."""
    work = open_work(open_settings())

    def revoke(uow: UnitOfWork) -> None:
        scim_tokens.revoke(uow, finding.connection(uow, connection).id, token)

    work.run(finding.organisation(work, slug), operator(), revoke)
    answer({"id": token, "revoked": True}, [f"Token {token} is dead."], machine=as_json)


@click.group("operator-key")
def operator_key() -> None:
    """Keys of the management API that reach the whole installation."""


@operator_key.command("create")
@click.option("--name", required=True, help="Who will hold it.")
@as_json
def create_operator_key(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Issue an operator key."""
    work = open_work(open_settings())
    issued = work.run_platform(
        lambda database, now: keys.issue_operator_key(database, now, work.new_id, name)
    )
    document: dict[str, Any] = {"id": issued.id, "key": issued.secret}
    lines = [f"Operator key {issued.id}, shown this once: {issued.secret}"]
    answer(document, lines, machine=as_json)


@operator_key.command("revoke")
@click.argument("key", type=click.UUID)
@as_json
def revoke_operator_key(key: UUID, as_json: bool) -> None:  # noqa: FBT001
    """Kill an operator key at once."""
    work = open_work(open_settings())
    work.run_platform(lambda database, now: keys.revoke_operator_key(database, now, key))
    answer({"id": key, "revoked": True}, [f"Operator key {key} is dead."], machine=as_json)


@click.group("keys")
def encryption_keys() -> None:
    """The keys in GATEWAY_ENCRYPTION_KEYS, which keep secrets sealed."""


@encryption_keys.command("reseal")
@as_json
def reseal(as_json: bool) -> None:  # noqa: FBT001
    """Seal everything with the newest key, so that older ones can be dropped.

    Put the new key in front of the others and restart the servers first.
    """
    work = open_work(open_settings())
    if not work.vault.is_open:
        raise StartFailed("There is no GATEWAY_ENCRYPTION_KEYS, and nothing is sealed.")
    done = work.run_platform(partial(resealing.reseal, vault=work.vault))
    document = {"sealed_again": done.sealed_again, "lost": done.lost}
    lines = [f"{done.sealed_again} secrets have the newest key's seal now."]
    if done.lost:
        lines.append(f"{done.lost} open with none of the keys: keep the older keys in the setting.")
    answer(document, lines, machine=as_json)


def _show(issued: Issued, base_url: str, *, machine: bool) -> None:
    document = {"id": issued.id, "token": issued.secret, "base_url": base_url}
    lines = [
        f"Token {issued.id} for {base_url}",
        f"Shown this once: {issued.secret}",
    ]
    answer(document, lines, machine=machine)
