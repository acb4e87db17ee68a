"""A SCIM connection as requests and verbs read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Self
from uuid import UUID

from gateway.domain.errors import InvalidRequest

Network = IPv4Network | IPv6Network

SETTINGS: Mapping[str, tuple[object, ...]] = {
    "unmapped": ("default_role", "no_access"),
    "bot_scope": ("all", "selected", None),
    "seat_overage": ("refuse", "waitlist", "bill"),
    "last_owner": ("refuse_and_contain", "succeed"),
    "dialect": ("auto", "strict", "okta", "entra", "onelogin", "google", "jumpcloud"),
    "members_clearable": (True, False),
    "token_without_bearer": (True, False),
}
"""Settings of a connection, and the values each may have."""

MOST_NETWORKS = 50
"""Networks that one connection may list."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Which identity provider speaks, and what was agreed about it.

    `unmapped` says what people without a matching role rule get; `bot_scope` None means that
    nobody chose yet; `members_clearable` allows removing all members of a group at once;
    `token_without_bearer` takes a token that is the whole Authorization header; where
    `allowed_networks` lists any, requests from elsewhere are refused.
    """

    id: UUID
    organisation_id: UUID
    name: str
    state: str
    unmapped: str
    bot_scope: str | None
    seat_overage: str
    last_owner: str
    successor_id: UUID | None
    dialect: str
    detected_dialect: str | None
    members_clearable: bool
    token_without_bearer: bool
    allowed_networks: tuple[str, ...]

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the connection of a row that has its columns."""
        values = {name: getattr(row, name) for name in _FIELDS}
        return cls(**{**values, "allowed_networks": tuple(row.allowed_networks)})

    def admits(self, address: str | None) -> bool:
        """Whether requests from this address may come in."""
        return not self.allowed_networks or _lies_in(address, self.allowed_networks)


_FIELDS = tuple(field.name for field in fields(Connection))


def proper_networks(texts: object) -> list[str]:
    """Return networks as CIDR spells them, each once; a single address is a network of one.

    :raises InvalidRequest: not a network, one with host bits set, or too many.
    """
    listed = texts if isinstance(texts, Iterable) else ()
    try:
        found = [str(ip_network(str(text).strip())) for text in listed]
    except ValueError as error:
        raise InvalidRequest(f"Not a network: {error}.", field="allowed_networks") from None
    if len(found) > MOST_NETWORKS:
        raise InvalidRequest(f"At most {MOST_NETWORKS} networks.", field="allowed_networks")
    return list(dict.fromkeys(found))


def _lies_in(address: str | None, networks: tuple[str, ...]) -> bool:
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in _networks(networks))


@lru_cache(maxsize=1024)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)
