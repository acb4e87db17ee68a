"""What strangers send is one line of the log, and nothing that a terminal obeys."""

import logging

import pytest

from gateway import logs

HOSTILE = "/a\x1b[2Jb\nc\x9b31m\u2028d\u202ee"


@pytest.mark.usefixtures("logging_kept")
@pytest.mark.parametrize("form", ["json", "text"])
def test_a_hostile_path_is_one_printable_line(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("info", form)
    logs.logger("http").info("request", path=HOSTILE)
    logging.getLogger("library").warning("no such path: %s", HOSTILE)
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines), lines
