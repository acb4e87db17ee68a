"""The tutorials' commands are run as they stand, and print what the tutorials say they print."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import ROOT, environment

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.S)
PATIENCE = 240.0
GATEWAY = '#!/bin/sh\nPYTHONPATH={root} exec {python} -m gateway.cli "$@"\n'
CURL = '#!/bin/sh\nPYTHONPATH={root} exec {python} -m tests.e2e.curl "$@"\n'


def blocks(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each piece of shell with the lines that are promised after it."""
    script, promised = "", list[str]()
    for kind, text in BLOCK.findall(page.read_text()):
        if kind == "text":
            promised = text.splitlines()
            continue
        if script:
            yield script, promised
        script, promised = text, []
    yield script, promised


def programs(folder: Path) -> dict[str, str]:
    """Lay what the tutorials call where they call it; return the environment to run them in."""
    installed, stand_ins = folder / ".venv" / "bin", folder / "stand-ins"
    wanted = {installed / "gateway": GATEWAY}
    if shutil.which("curl") is None:
        wanted[stand_ins / "curl"] = CURL
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(root=ROOT, python=sys.executable))
        path.chmod(0o755)
    path_variable = os.pathsep.join([str(stand_ins), os.environ["PATH"]])
    return {**environment(), "PATH": path_variable}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    pieces = list(blocks(page))
    script = "set -euo pipefail\n" + "".join(
        f"echo '--- {number}'\n{text}" for number, (text, _) in enumerate(pieces)
    )
    process = subprocess.Popen(  # noqa: S603 - our own documentation
        ["bash", "-c", script],  # noqa: S607
        cwd=tmp_path,
        env=programs(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complaints = process.communicate(timeout=PATIENCE)
    finally:
        end_all(process.pid)
    assert process.returncode == 0, f"{said}\n{complaints}"
    printed = re.split(r"^--- \d+\n", said, flags=re.M)[1:]
    for (text, promised), output in zip(pieces, printed, strict=True):
        assert missing(promised, output) == [], f"{text}\nprinted\n{output}"
    assert list(tmp_path.iterdir()) == [tmp_path / ".venv"] or (tmp_path / "stand-ins").exists()


def missing(promised: list[str], output: str) -> list[str]:
    """Return the promised lines that did not come in their order; … stands for anything."""
    lines = iter(output.splitlines())
    found = []
    for promise in promised:
        pattern = re.compile(".*".join(map(re.escape, promise.split("…"))))
        if not any(pattern.fullmatch(line) for line in lines):
            found.append(promise)
    return found


def end_all(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
