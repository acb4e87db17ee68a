"""Alembic's entry: migrations run on the connection that gateway.storage.schema hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from gateway.storage.tables import metadata


def _type(type_: str, value: Any, autogen_context: Any) -> str | Literal[False]:
    """Write the project's own column types by name."""
    if type_ == "type" and value.__class__.__module__ == "gateway.storage.types":
        autogen_context.imports.add("from gateway.storage import types")
        return f"types.{value.__class__.__name__}()"
    return False


def run(connection: Connection) -> None:
    """Bring the connected database to the head revision."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=_type,
        render_as_batch=True,
        compare_type=False,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
