"""What every attack starts from, and the lists that it enters."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from idp_fixtures.openid_provider import keys
from idp_fixtures.openid_provider.keys import Key

if TYPE_CHECKING:
    from idp_fixtures.openid_provider.provider import Client, Grant, OpenIDProvider
    from idp_fixtures.openid_provider.site import Site

EVIL = "https://evil.example"
DAY = 86_400

Point: TypeAlias = Literal[
    "discovery", "jwks", "callback", "id_token", "token", "userinfo", "logout"
]
"""Where a provider speaks; the honest thing there is a page, but a mapping of parameters for
`callback`, and a token for `id_token` and `logout`."""

Change: TypeAlias = Callable[["Scene", Any], Any]


@dataclass(frozen=True)
class Scene:
    """The site that misbehaves, and the grant in question, if a person is signing in."""

    site: "Site"
    granted: "Grant | None" = None

    @property
    def provider(self) -> "OpenIDProvider":
        """What signs and publishes."""
        return self.site.provider

    @property
    def grant(self) -> "Grant":
        """The grant of the sign-in under way."""
        assert self.granted is not None  # noqa: S101 - these points have one
        return self.granted

    @property
    def client(self) -> "Client":
        """The client: the one that asked, or the first that is known."""
        clients = self.provider.clients
        if self.granted is None:
            return next(iter(clients.values()))
        return clients[self.granted.request.client_id]

    @property
    def key(self) -> Key:
        """The key that signs for the client."""
        return self.provider.key(self.client.algorithm)

    @property
    def attacker(self) -> Key:
        """A key of somebody else's."""
        return self.site.attacker

    @property
    def now(self) -> int:
        """The present, in seconds."""
        return self.provider.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One way to misbehave: what it is in one sentence, and what it changes where.

    `given` is what the client must have agreed on for this to be wrong: `max_age`, `tenant`,
    `userinfo`, `algorithm`, Google as the issuer with accounts of a `domain`, or a `newcomer` whom
    nobody knows yet.
    """

    name: str
    says: str
    at: Mapping[Point, Change] = field(repr=False)
    given: Mapping[str, Any] = field(default_factory=dict)


ATTACKS: dict[str, Attack] = {}
"""Name → what must be refused."""

TWINS: dict[str, Attack] = {}
"""Name → what looks odd and must be taken."""


def enter(name: str, says: str, given: Mapping[str, Any] | None = None, **at: Change) -> None:
    """Enter an attack into the list."""
    assert name not in ATTACKS, name  # noqa: S101 - one name, one attack
    ATTACKS[name] = Attack(name=name, says=says, at=at, given=given or {})  # type: ignore[arg-type]


def enter_twin(name: str, says: str, given: Mapping[str, Any] | None = None, **at: Change) -> None:
    """Enter a twin into the list."""
    TWINS[name] = Attack(name=name, says=says, at=at, given=given or {})  # type: ignore[arg-type]


def unheard(scene: Scene, algorithm: str = "RS256", bits: int = 2048) -> Key:
    """Return a key under a name that nobody can know yet: whoever wants it must ask for it."""
    latest = scene.site.grants[-1]
    return replace(keys.spare(algorithm, bits), kid=f"unheard-{latest.sid}")


# -- what changes are made of -------------------------------------------------------------------


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token claims."""
    found: dict[str, Any] = json.loads(keys.decoded(token.split(".")[1]))
    return found


def payload_of(token: str) -> bytes:
    """Return what a token holds."""
    return keys.decoded(token.split(".")[1])


def changed(token: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a token's claims with changes; a claim of `None` is left out."""
    said = {**claims_of(token), **changes}
    return {name: value for name, value in said.items() if value is not None}


def saying(changes: Callable[[Scene], Mapping[str, Any]], **header: Any) -> Change:
    """Change what a token claims, and sign it as the provider does."""
    return lambda scene, token: keys.token(changed(token, changes(scene)), scene.key, **header)


def headed(**header: Any) -> Change:
    """Change a token's header alone."""
    return lambda scene, token: keys.token(payload_of(token), scene.key, **header)


def rewritten(change: Callable[[bytes], bytes]) -> Change:
    """Change a token's payload as text, and sign it as the provider does."""
    return lambda scene, token: keys.token(change(payload_of(token)), scene.key)
