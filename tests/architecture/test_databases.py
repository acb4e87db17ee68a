import socket

import pytest
from sqlalchemy import create_engine, inspect


def test_each_test_has_a_database_of_its_own(database: str, blank_database: str) -> None:
    for url, empty in ((database, False), (blank_database, True)):
        engine = create_engine(url)
        assert bool(inspect(engine).get_table_names()) is not empty
        engine.dispose()


def test_no_test_leaves_the_machine() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="loopback"):
        connection.connect(("192.0.2.1", 80))
