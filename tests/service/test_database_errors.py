"""What the database complains about is logged; what was sent to it is not."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.storage.engine import Engines

SECRET = "correct horse battery"


@pytest.mark.parametrize("face", ["read", "write"])
def test_an_error_names_the_statement_and_none_of_its_values(engines: Engines, face: str) -> None:
    asked = text("SELECT :secret FROM no_such_table")
    with (
        pytest.raises(DBAPIError, match="no_such_table") as error,
        getattr(engines, face).connect() as connection,
    ):
        connection.execute(asked, {"secret": SECRET})
    assert SECRET not in str(error.value)
