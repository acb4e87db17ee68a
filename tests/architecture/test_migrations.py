"""The migrations lead to exactly the tables that the code declares."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from gateway.storage import schema
from gateway.storage.engine import Engines, open_engines
from gateway.storage.tables import metadata


@pytest.fixture
def fresh(blank_database: str) -> Iterator[Engines]:
    engines = open_engines(blank_database)
    yield engines
    engines.dispose()


def test_migrations_equal_the_metadata(fresh: Engines) -> None:
    schema.migrate(fresh)
    with fresh.serving.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrations_build_what_create_all_builds(fresh: Engines, database: str, kind: str) -> None:
    """Also what Alembic's comparison overlooks: checks, partial indexes and collations."""
    metadata.create_all(fresh.plain)
    with fresh.serving.connect() as connection:
        declared = _definitions(connection, kind)
    engines = open_engines(database)
    with engines.serving.connect() as connection:
        migrated = _definitions(connection, kind)
    engines.dispose()
    assert migrated == declared


def test_migrating_twice_changes_nothing(fresh: Engines) -> None:
    assert not schema.is_current(fresh)
    schema.migrate(fresh)
    schema.migrate(fresh)
    assert schema.is_current(fresh)


def _definitions(connection: Connection, kind: str) -> set[str]:
    """Each column, constraint and index as the database itself spells it."""
    rows = {str(row[0]) for query in CATALOGUE[kind] for row in connection.exec_driver_sql(query)}
    return {row for row in rows if "alembic_version" not in row and "sqlite_stat" not in row}


CATALOGUE = {
    "sqlite": (
        "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.'notnull' || ' ' || c.pk"
        " || ' ' || coalesce(c.dflt_value, '')"
        " FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'",
        "SELECT t.name || ' -> ' || f.'table' || ' ' || f.'from' || ' ' || f.'to' || f.on_delete"
        " FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
        "SELECT t.name || ' ' || i.'unique' || ' ' || i.origin || ' ' || (SELECT group_concat(name)"
        " FROM pragma_index_info(i.name))"
        " FROM sqlite_master t JOIN pragma_index_list(t.name) i WHERE t.type = 'table'",
        "SELECT sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL",
    ),
    "postgresql": (
        "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '"
        " || coalesce(collation_name, '') || ' ' || coalesce(column_default, '')"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT relname || ' ' || array_to_string(reloptions, ',') FROM pg_class"
        " WHERE reloptions IS NOT NULL AND relnamespace = 'public'::regnamespace",
    ),
}
