"""From where and with what somebody signs in, no finer than it takes to know them again."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

PREFIX_4, PREFIX_6 = 24, 48
"""Bits of an address that name a network: what one provider gives out around a place."""

UNKNOWN = "unknown"

# The first that fits counts: many browsers also claim to be the one that they descend from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A family of browsers, a kind of system and a network; equal ones are the same to us."""

    browser: str
    system: str
    network: Network | None

    @property
    def agent(self) -> str:
        """Browser and system in plain words."""
        browser = f"{self.browser} browser" if self.browser == UNKNOWN else self.browser
        return browser if self.system == UNKNOWN else f"{browser} on {self.system}"

    @property
    def place(self) -> str:
        """The network, with what names a single machine masked."""
        if self.network is None:
            return f"{UNKNOWN} network"
        first = str(self.network.network_address)
        if isinstance(self.network, IPv4Network):
            return f"{first.removesuffix('.0')}.…"
        return f"{first.removesuffix('::')}:…"


def of(ip: str | None, user_agent: str | None) -> Whereabouts:
    """Return whereabouts as a request shows them; what it does not show is unknown."""
    said = user_agent or ""
    return Whereabouts(_first(_BROWSERS, said), _first(_SYSTEMS, said), _network(ip))


def _first(known: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for sign, name in known if sign in said), UNKNOWN)


def _network(ip: str | None) -> Network | None:
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return None
    if not isinstance(address, IPv4Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return ip_network((address, PREFIX_6), strict=False)
        address = mapped
    return ip_network((address, PREFIX_4), strict=False)
