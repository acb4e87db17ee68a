"""What commands begin with: settings, logs, a database of this release, an organisation."""

import getpass

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

    :raises StartFailed: it has another one.
    """
    try:
        work = build_work(settings)
    except ValueError as error:
        raise StartFailed(f"GATEWAY_DATABASE_URL: {error}") from error
    if not schema.is_current(work.engines):
        work.engines.dispose()
        raise StartFailed("The database has not this release's schema: run `gateway migrate`.")
    return work


def operator() -> Actor:
    """Return who acts at the command line, as the audit names them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(ActorType.OPERATOR, "cli", f"{name} (command line)")
