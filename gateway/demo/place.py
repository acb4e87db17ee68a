"""Where a demo lives: its folder, its database, and the secrets that a later demo finds again."""

import base64
import contextlib
import json
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.demo.options import Options
from gateway.demo.stage import COMPANIES, Stage
from gateway.storage.vault import KEY_BYTES
from idp_fixtures.saml_idp.keys import Key, rsa_key


@dataclass(frozen=True)
class Place:
    """Where this demo keeps its database, its log and its secrets; `lasts` if the folder stays."""

    folder: Path
    database: str
    lasts: bool

    @property
    def log(self) -> Path:
        """The log of server and worker."""
        return self.folder / "gateway.log"

    @cached_property
    def encryption_key(self) -> str:
        """The installation's encryption key."""
        return str(
            self._kept(
                "encryption-key.json",
                lambda: base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
            )
        )

    @cached_property
    def provider_keys(self) -> Mapping[str, Key]:
        """The key of each company's identity provider, by the company's slug."""
        kept = self._kept(
            "provider-keys.json",
            lambda: {each.slug: asdict(rsa_key(each.idp)) for each in COMPANIES},
        )
        return {slug: Key(**key) for slug, key in kept.items()}

    def stage(self) -> Stage | None:
        """Return the stage that an earlier demo left here."""
        file = self.folder / "demo.json"
        return Stage.found(json.loads(file.read_text())) if file.exists() else None

    def keep(self, stage: Stage) -> None:
        """Leave the stage for a later demo, where the folder stays."""
        if self.lasts:
            self._kept("demo.json", stage.kept)

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what a file holds, made where it is missing; nobody else may read it."""
        file = self.folder / name
        if file.exists():
            return json.loads(file.read_text())
        value = make()
        file.touch(mode=0o600)
        file.write_text(json.dumps(value))
        return value


@contextlib.contextmanager
def place(options: Options) -> Iterator[Place]:
    """Give the demo the folder that was asked for, or one that is gone afterwards."""
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True)
        database = options.database or f"sqlite:///{(options.data / 'gateway.db').absolute()}"
        yield Place(options.data, database, lasts=True)
        return
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as name:
        folder = Path(name)
        database = options.database or f"sqlite:///{folder / 'gateway.db'}"
        yield Place(folder, database, lasts=False)
