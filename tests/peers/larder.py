"""Where the programs of other makers come from: packages, unpacked beside the tests' own.

`python -m tests.peers.larder` fills it (`make test` does): nothing is installed system-wide.
"""

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(sys.prefix) / "peers"


class Unavailable(Exception):
    """A package cannot be had here."""


@dataclass(frozen=True)
class Shelf:
    """One program with what it needs; `get` puts it into a folder of its own."""

    name: str
    packages: tuple[str, ...]
    get: Callable[[Path, Sequence[str]], None]

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return FOLDER / self.name

    @property
    def is_filled(self) -> bool:
        """Whether exactly these packages are there."""
        label = self.folder / "packages.json"
        return label.is_file() and json.loads(label.read_text()) == list(self.packages)

    def fill(self) -> None:
        """Get what is not there yet.

        :raises Unavailable: a package or the tool that brings it is missing.
        """
        FOLDER.mkdir(exist_ok=True)
        with (FOLDER / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.is_filled:
                return
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self.get(self.folder, self.packages)
            (self.folder / "packages.json").write_text(json.dumps(self.packages))


def from_python(folder: Path, packages: Sequence[str]) -> None:
    """Make a virtual environment of its own: its pins are not ours."""
    _run([sys.executable, "-m", "venv", "."], folder)
    pip = ["bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*pip, "install", *packages], folder)


def from_npm(folder: Path, packages: Sequence[str]) -> None:
    """Install into a folder of its own; no script of a package runs."""
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    _run(["npm", "install", "--prefix", ".", *quiet, *packages], folder)


def from_debian(folder: Path, packages: Sequence[str]) -> None:
    """Unpack Debian's packages without installing them."""
    (folder / "packages").mkdir()
    download = ["apt-get", "-qq", "download", *packages]
    try:
        _run(download, folder / "packages")
    except Unavailable:
        # A fresh machine has no lists of packages yet.
        _run(["apt-get", "-qq", "update"], folder)
        _run(download, folder / "packages")
    for package in sorted((folder / "packages").glob("*.deb")):
        _run(["dpkg", "-x", str(package), "."], folder)


PHP = ("php8.2-cli", "php8.2-common", "php8.2-xml", "php8.2-mbstring", "php8.2-readline")
LIBRARIES = ("libargon2-1", "libedit2", "libonig5", "libpcre2-8-0", "libsodium23", "libxml2")
XMLSEC = ("xmlsec1", "libxmlsec1", "libxmlsec1-openssl", "libltdl7", "libxslt1.1", "libxml2")

SHELVES = {
    shelf.name: shelf
    for shelf in (
        Shelf("pysaml2", ("pysaml2==7.5.5",), from_python),
        Shelf("xmlsec1", XMLSEC, from_debian),
        Shelf("samlp", ("samlp@8.0.0", "express@4.21.2"), from_npm),
        Shelf("simplesamlphp", ("simplesamlphp", *PHP, *LIBRARIES), from_debian),
        Shelf("oidc-provider", ("oidc-provider@9.13.3",), from_npm),
        Shelf("canaille", ("canaille[front,oidc,scim]==0.3.6",), from_python),
    )
}
"""Everything that the tests of this folder start."""


def is_filled() -> bool:
    """Whether every program is there."""
    return all(shelf.is_filled for shelf in SHELVES.values())


def libraries(name: str) -> dict[str, str]:
    """Return the environment in which a Debian shelf's programs find their libraries."""
    found = sorted({str(path.parent) for path in SHELVES[name].folder.glob("usr/lib/**/*.so*")})
    return {"LD_LIBRARY_PATH": ":".join(found), "PATH": "/usr/bin:/bin"}


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the shelves' own commands
            command, cwd=folder, capture_output=True, text=True, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")


def main() -> int:
    """Fill every shelf; say what could not be had."""
    missing = 0
    for shelf in SHELVES.values():
        try:
            shelf.fill()
        except Unavailable as error:
            missing += 1
            sys.stderr.write(f"{shelf.name} cannot be had here: {error}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
