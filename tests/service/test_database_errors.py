"""What the database complains about is logged; what was sent to it, or lies in it, is not."""

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from gateway import logs
from gateway.storage import engine
from gateway.storage import tables as t
from gateway.storage.engine import Engines
from gateway.storage.prepared import fetch
from tests.clock import NOON, CountedIds
from tests.databases import AS_SHIPPED

SECRET = "correct horse battery"
ADDRESS = "ann.secret@acme.test"
IDS = CountedIds()


@pytest.mark.parametrize("face", ["serving", "plain"])
def test_an_error_names_the_statement_and_none_of_its_values(engines: Engines, face: str) -> None:
    asked = text("SELECT :secret FROM no_such_table")
    with (
        pytest.raises(DBAPIError, match="no_such_table") as error,
        getattr(engines, face).connect() as connection,
    ):
        connection.execute(asked, {"secret": SECRET})
    assert SECRET not in str(error.value)


def same_address_twice(connection: Connection) -> None:
    """PostgreSQL tells the key that is there already."""
    for _ in range(2):
        person = {"id": IDS(), "email": ADDRESS, "email_key": ADDRESS, "email_verified": False}
        named = {**person, "display_name": ADDRESS, "password_hash": None, "created_at": NOON}
        connection.execute(t.persons.insert(), named)


def row_without_name(connection: Connection) -> None:
    """PostgreSQL shows the whole row that lacks something."""
    lacking = {"id": IDS(), "email": ADDRESS, "email_key": ADDRESS, "created_at": NOON}
    connection.execute(t.persons.insert(), {**lacking, "display_name": None})


def text_for_a_number(connection: Connection) -> None:
    """PostgreSQL quotes what it cannot read, in its very first line."""
    asked = text("SELECT CAST(:said AS integer) FROM no_such_table_on_sqlite")
    if connection.dialect.name == "postgresql":
        asked = text("SELECT CAST(:said AS integer)")
    connection.execute(asked, {"said": ADDRESS})


def asked_of_the_driver(connection: Connection) -> None:
    """The driver's own error, which no engine has wrapped."""
    query = (
        select(text("no_such_column"))
        .select_from(t.persons)
        .where(t.persons.c.email_key == bindparam("said"))
    )
    fetch(connection, query, {"said": ADDRESS})


COMPLAINTS: dict[Callable[[Connection], None], str] = {
    same_address_twice: "INSERT INTO persons",
    row_without_name: "INSERT INTO persons",
    text_for_a_number: "SELECT CAST",
    asked_of_the_driver: "no_such_column",
}
"""What provokes an error → what is told of it all the same."""


@pytest.mark.usefixtures("logging_kept")
@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("provoke", COMPLAINTS, ids=lambda each: each.__name__)
def test_an_error_in_the_log_quotes_no_row(
    engines: Engines,
    capsys: pytest.CaptureFixture[str],
    form: str,
    provoke: Callable[[Connection], None],
) -> None:
    """Our own entries and those of libraries, also where one error led to another."""
    logs.set_up("info", form)
    try:
        try:
            with engines.plain.begin() as connection:
                provoke(connection)
        except Exception as error:
            logs.logger("part").error("failed", exc_info=error)
            raise RuntimeError("because of it") from error
    except RuntimeError:
        logging.getLogger("library").exception("failed too")
    told = capsys.readouterr().err
    assert told.count("Traceback") >= 3
    assert told.count(COMPLAINTS[provoke]) >= 2
    assert "provoke(connection)" in told
    assert ADDRESS not in told


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("face", ["serving", "plain"])
def test_what_is_committed_lies_on_the_disk(
    database: str, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tests go without it; this one asks for what everybody else gets."""
    monkeypatch.setattr(engine, "SYNCHRONOUS", AS_SHIPPED)
    opened = engine.open_engines(database)
    with getattr(opened, face).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    opened.dispose()
