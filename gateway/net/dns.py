"""TXT records, which prove that an organisation owns a domain."""

from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.resolver
from dns.rdatatype import RdataType

from gateway.settings import Settings

DEADLINE = 5.0
"""Seconds that a question may take, whatever number of servers is asked."""

MOST_RECORDS = 100


class Silent(Exception):
    """No name server answered: whether the record is there is not known."""


@dataclass(frozen=True)
class Resolver:
    """Asks the system's name servers, or the given ones."""

    servers: Sequence[str] = ()
    port: int = 53
    deadline: float = DEADLINE

    @classmethod
    def of(cls, settings: Settings) -> "Resolver":
        """Return the resolver that an installation's settings name."""
        return cls(settings.name_servers, settings.dns_port)

    def txt(self, name: str) -> list[str]:
        """Return the TXT records of a name, each as one text; none where there are none.

        :raises Silent: nobody answered, or not usably.
        """
        asked = dns.resolver.Resolver(configure=not self.servers)
        asked.cache = None
        if self.servers:
            asked.nameservers = list(self.servers)
            asked.port = self.port
        try:
            answer = asked.resolve(name, RdataType.TXT, lifetime=self.deadline, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError):
            raise Silent(name) from None
        records = list(answer)[:MOST_RECORDS]
        return [b"".join(record.strings).decode("ascii", "replace") for record in records]
