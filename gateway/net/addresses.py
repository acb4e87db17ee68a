"""Which addresses may be reached: the public ones, and those an operator allows."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What the standard library's tables miss in some releases, and prefixes that carry an IPv4
# address inside: a public look around a private heart.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24", "192.88.99.0/24", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96",
            "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "3fff::/20", "5f00::/16",
            "fec0::/10",
        ),
    )
)  # fmt: skip


def is_public(address: Address) -> bool:
    """Whether anybody on the internet is meant to reach the address, and it hides no other."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _SPECIAL if network.version == address.version)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Addresses an operator lets be reached besides, by plain http too; port None is any port."""

    entries: frozenset[tuple[Address, int | None]] = frozenset()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Allowed":
        """Read entries of the form ADDR, ADDR:PORT or [ADDR]:PORT.

        :raises ValueError: another form; the message names it.
        """
        return cls(frozenset(_entry(text.strip()) for text in texts if text.strip()))

    def holds(self, address: Address, port: int) -> bool:
        """Whether this address may be reached at this port."""
        return (address, port) in self.entries or (address, None) in self.entries


def _entry(text: str) -> tuple[Address, int | None]:
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, port = text.split(":")
    try:
        address = ipaddress.ip_address(host)
        number = int(port) if port else None
    except ValueError:
        raise ValueError(f"{text!r} is not an address with or without a port") from None
    if number is not None and not 0 < number < 65536:
        raise ValueError(f"{text!r} names no port")
    return address, number
