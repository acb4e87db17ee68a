"""What commands begin with: settings, logs, a database of this release, an organisation."""

import getpass

import click
from sqlalchemy.exc import ArgumentError

from gateway import logs
from gateway.app import build_work
from gateway.domain.identity import Actor, ActorType
from gateway.serving import StartFailed
from gateway.settings import Settings, load_settings
from gateway.storage import schema
from gateway.storage.unit_of_work import Work


def open_settings() -> Settings:
    """Return the settings of the environment, with the logs set up as they say."""
    settings = load_settings()
    logs.set_up(settings.log_level, settings.log_format)
    return settings


def open_work(settings: Settings) -> Work:
    """Return units of work on a database that has this release's schema.

    Their connections are closed when the command ends.

    :raises StartFailed: it has another one.
    """
    work = open_any_work(settings)
    if not schema.is_current(work.engines):
        raise StartFailed("The database has not this release's schema: run `gateway migrate`.")
    return work


def open_any_work(settings: Settings) -> Work:
    """Return units of work on a database of whatever schema.

    :raises StartFailed: the URL names none that the product runs on.
    """
    try:
        work = build_work(settings)
    except (ValueError, ArgumentError) as error:
        raise StartFailed(f"GATEWAY_DATABASE_URL: {error}") from error
    click.get_current_context().call_on_close(work.engines.dispose)
    return work


def operator() -> Actor:
    """Return who acts at the command line, as the audit names them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(ActorType.OPERATOR, "cli", f"{name} (command line)")
