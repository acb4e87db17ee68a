"""Single logout (profiles §4.4), begun by us or by the identity provider, by both bindings.

A logout message is believed only when it is signed: else anybody could sign anybody out.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.judging import Unacceptable, step
from gateway.domain.sessions import SSOProof
from gateway.domain.signin import MAX_AGE, SAMLAddresses, SAMLConnection, Trace
from gateway.saml import attributes, bindings, building, checks, gate, instants, verify, xml
from gateway.saml.bindings import Fields, Letter
from gateway.saml.names import ENTITY, SAML, SAMLP, SIGNATURE, SUCCESS, tag
from gateway.saml.xml import Element

STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
REPLAY_PREFIX = "logout "


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """Whose sessions a provider ends; without indexes all of them."""

    id: str
    name_id: str
    session_indexes: tuple[str, ...]
    until: datetime

    @property
    def replay_key(self) -> str:
        """What is remembered, apart from assertions."""
        return f"{REPLAY_PREFIX}{self.id}"


@dataclass(frozen=True, slots=True)
class Desk:
    """One connection's logout at one instant."""

    connection: SAMLConnection
    addresses: SAMLAddresses
    now: datetime

    # -- what comes in --------------------------------------------------------------

    def request(self, fields: Fields, trace: Trace, *, posted: bool) -> LogoutRequest:
        """Return what a provider's LogoutRequest says, if every check passes.

        :raises SignInFailed: the first that does not.
        """
        root = self._received(fields, "LogoutRequest", trace, posted=posted)
        with step(trace, "subject"):
            name_id = attributes.proper_subject(xml.text(root.find(tag(SAML, "NameID"))))
            indexes = tuple(
                attributes.proper_subject(xml.text(node))
                for node in root.findall(tag(SAMLP, "SessionIndex"))
            )
        with step(trace, "not_on_or_after"):
            ends = instants.of(root, "NotOnOrAfter")
            if ends is not None and ends <= self.now - self.connection.clock_skew:
                raise Unacceptable("expired", f"NotOnOrAfter {instants.written(ends)}")
        until = self.now + MAX_AGE + 2 * self.connection.clock_skew
        return LogoutRequest(root.get("ID", ""), name_id, indexes, until)

    def response(self, fields: Fields, trace: Trace, request_id: str, *, posted: bool) -> bool:
        """Return whether a provider ended its own session too, as we asked it to.

        :raises SignInFailed: a check does not pass.
        """
        root = self._received(fields, "LogoutResponse", trace, posted=posted)
        with step(trace, "request"):
            if root.get("InResponseTo") != request_id:
                raise Unacceptable("request_mismatch", f"answers {root.get('InResponseTo')}")
        return gate.status_of(root) == ""

    # -- what goes out --------------------------------------------------------------

    def ask(self, proof: SSOProof, request_id: str, handle: str) -> Letter | None:
        """Return our LogoutRequest about a session, None where the provider takes none."""
        if self.connection.slo_url is None or proof.name_id is None:
            return None
        root = building.message(
            "LogoutRequest",
            request_id,
            self.now,
            self.connection.slo_url,
            self.addresses.entity_id,
        )
        root.set("NotOnOrAfter", instants.written(self.now + timedelta(minutes=5)))
        name_id = building.child(root, SAML, "NameID", proof.name_id)
        if proof.name_id_format is not None:
            name_id.set("Format", proof.name_id_format)
        if proof.session_index is not None:
            building.child(root, SAMLP, "SessionIndex", proof.session_index)
        return self._sent(self.connection.slo_url, "SAMLRequest", root, handle)

    def answer(self, request_id: str, relay_state: str, *, known: bool) -> Letter | None:
        """Return our answer to a provider's request, None where it names no place for one."""
        address = self.connection.slo_response_url or self.connection.slo_url
        if address is None:
            return None
        root = building.message(
            "LogoutResponse",
            f"_{secrets.token_hex(20)}",
            self.now,
            address,
            self.addresses.entity_id,
        )
        root.set("InResponseTo", request_id)
        status = building.child(root, SAMLP, "Status")
        code = building.child(status, SAMLP, "StatusCode")
        code.set("Value", SUCCESS if known else f"{STATUS}Requester")
        if not known:
            building.child(code, SAMLP, "StatusCode").set("Value", f"{STATUS}UnknownPrincipal")
        return self._sent(address, "SAMLResponse", root, relay_state)

    # -- inside ---------------------------------------------------------------------

    def _received(self, fields: Fields, name: str, trace: Trace, *, posted: bool) -> Element:
        """Return the root of a logout message that is signed, fresh and for us."""
        field = "SAMLRequest" if name == "LogoutRequest" else "SAMLResponse"
        with step(trace, "gate"):
            value = fields.values[field]
            document = gate.decoded(value) if posted else bindings.inflated(value)
            root = gate.logout(document, name).root
        with step(trace, "signature") as said:
            pems = self.connection.certificates
            if posted:
                said.detail = verify.message_signature(root, pems)
            else:
                # A signature inside would not be read: one message has one signature.
                _require_bare(root)
                said.detail = bindings.query_signature(fields, field, pems)
        with step(trace, "issuer"):
            self._issuer(root)
        with step(trace, "destination"):
            if root.get("Destination") != self.addresses.logout_url:
                raise Unacceptable("destination_mismatch", f"{root.get('Destination')}")
        with step(trace, "issued"):
            checks.require_recent(root, self.now, self.connection.clock_skew)
        return root

    def _issuer(self, root: Element) -> None:
        issuer = root.find(tag(SAML, "Issuer"))
        said = xml.text(issuer)
        form = "" if issuer is None else issuer.get("Format", ENTITY)
        if root.get("Version") != "2.0":
            raise Unacceptable("malformed", f"version {root.get('Version')}")
        if said != self.connection.idp_entity_id or form != ENTITY:
            raise Unacceptable("issuer_mismatch", f"{said} is not {self.connection.idp_entity_id}")

    def _sent(self, address: str, field: str, root: Element, relay_state: str) -> Letter:
        """Send by the provider's binding, signed with our newest key where there is one."""
        key = self.connection.keys[0] if self.connection.keys else None
        send = bindings.SENDERS[self.connection.slo_binding]
        return send(address, field, root, relay_state, key)


def _require_bare(root: Element) -> None:
    if root.find(SIGNATURE) is not None:
        raise Unacceptable("malformed", "a signature inside a message that came by redirect")
