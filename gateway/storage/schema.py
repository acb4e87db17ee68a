"""The schema's revision, and how a database gets there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.storage import statistics
from gateway.storage.engine import Engines

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engines: Engines) -> None:
    """Bring the database to the newest revision; a database already there is left alone."""
    with engines.plain.begin() as connection:
        command.upgrade(_config(connection), "head")
        if connection.dialect.name == "sqlite":
            statistics.describe(connection)


def is_current(engines: Engines) -> bool:
    """Whether the database has exactly this release's schema."""
    with engines.serving.connect() as connection:
        have = MigrationContext.configure(connection).get_current_revision()
        return have == ScriptDirectory.from_config(_config(connection)).get_current_head()


def add_revision(engines: Engines, message: str) -> None:
    """Write a new revision file from the difference between metadata and database."""
    with engines.plain.begin() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config
