"""A name server on loopback that answers for TXT records over UDP."""

import socket
import threading
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 60


@dataclass
class NameServer:
    """Says what `records` hold, that a name does not exist, or, for `broken` ones, nothing usable.

    It remembers which names it was asked for.
    """

    records: dict[str, list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    _socket: socket.socket = field(
        default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    )

    def start(self) -> "NameServer":
        """Serve in a thread until `stop`."""
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def stop(self) -> None:
        """Answer no more."""
        self._socket.close()

    def forget(self) -> None:
        """Be as new."""
        self.records.clear()
        self.broken.clear()
        self.asked.clear()

    @property
    def port(self) -> int:
        """Where it listens."""
        found: int = self._socket.getsockname()[1]
        return found

    def _serve(self) -> None:
        while True:
            try:
                wire, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(wire), client)
            except OSError:
                return

    def _answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT and self.records[name]:
            texts = [_quoted(text) for text in self.records[name]]
            answer.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "TXT", *texts))
        return answer.to_wire()


def _quoted(text: str) -> str:
    """A text as strings of at most 255 characters each."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text) or 1, 255))
