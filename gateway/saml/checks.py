"""The exact checks of a Response whose signatures fit: for whom, by whom, when, about whom.

All addresses and names are compared whole. What the signature does not cover, the envelope of a
signed assertion, is checked as well: it must agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.judging import Unacceptable
from gateway.domain.signin import MAX_AGE, SAMLAddresses, SAMLConnection
from gateway.saml import attributes, instants, xml
from gateway.saml.names import BEARER, ENTITY, SAML, TRANSIENT, tag
from gateway.saml.xml import Element

LONGEST_VALIDITY = timedelta(hours=24)
"""The furthest that a message may say it is valid; it is taken for ten minutes all the same."""

SOLICITED_ONLY = "no request of ours is named"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a Response must answer: a request of ours, or none where none was sent.

    With `asked_again_at` the person must have proved at the provider after that.
    """

    request_id: str | None
    asked_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """One connection's demands at one instant."""

    connection: SAMLConnection
    addresses: SAMLAddresses
    expected: Expected
    now: datetime

    # -- the envelope -------------------------------------------------------------

    def destination(self, root: Element) -> None:
        """Refuse a message sent to another address, or that does not say to which."""
        said = root.get("Destination")
        if said != self.addresses.acs_url:
            raise Unacceptable("destination_mismatch", f"{said} is not {self.addresses.acs_url}")

    def issuers(self, root: Element, assertion: Element) -> None:
        """Refuse another issuer; an envelope may leave its own out."""
        own = assertion.find(tag(SAML, "Issuer"))
        for issuer in (root.find(tag(SAML, "Issuer")), own):
            if issuer is None and own is not None:
                continue
            said, form = xml.text(issuer), "" if issuer is None else issuer.get("Format", ENTITY)
            if said != self.connection.idp_entity_id or form != ENTITY:
                expected = self.connection.idp_entity_id
                raise Unacceptable("issuer_mismatch", f"{said} is not {expected}")

    def version(self, root: Element, assertion: Element) -> None:
        """Refuse what is not SAML 2.0."""
        for node in (root, assertion):
            if node.get("Version") != "2.0":
                raise Unacceptable("malformed", f"version {node.get('Version')}")

    def request(self, root: Element) -> None:
        """Refuse an answer to another request, or an answer where none was asked for."""
        said = root.get("InResponseTo")
        if self.expected.request_id is not None and said is None:
            raise Unacceptable("unsolicited", SOLICITED_ONLY)
        if said != self.expected.request_id:
            raise Unacceptable("request_mismatch", f"answers {said}")

    def issued(self, root: Element, assertion: Element) -> None:
        """Refuse what was issued in the future or too long ago."""
        for node in (root, assertion):
            require_recent(node, self.now, self.connection.clock_skew)

    # -- the assertion ------------------------------------------------------------

    def conditions(self, assertion: Element) -> None:
        """Refuse an assertion without a bounded time, or outside of it."""
        found = assertion.find(tag(SAML, "Conditions"))
        if found is None:
            raise Unacceptable("expired", "no Conditions")
        begins = instants.of(found, "NotBefore")
        if begins is not None and begins > self.now + self.connection.clock_skew:
            raise Unacceptable("not_yet_valid", f"NotBefore {instants.written(begins)}")
        self._ends(found, "Conditions")

    def audience(self, assertion: Element) -> None:
        """Refuse an assertion that is not for us: every restriction must name us."""
        restrictions = assertion.findall(
            f"{tag(SAML, 'Conditions')}/{tag(SAML, 'AudienceRestriction')}"
        )
        if not restrictions:
            raise Unacceptable("audience_mismatch", "no AudienceRestriction")
        for restriction in restrictions:
            said = [xml.text(node) for node in restriction]
            if self.addresses.entity_id not in said:
                raise Unacceptable("audience_mismatch", f"for {', '.join(said)}")

    def confirmation(self, assertion: Element) -> None:
        """Refuse an assertion that no bearer may bring here, now, as an answer to our request."""
        why = Unacceptable("recipient_mismatch", "no bearer confirmation")
        for confirmation in _bearers(assertion):
            try:
                self._confirmed(confirmation)
            except Unacceptable as refusal:
                why = refusal
            else:
                return
        raise why

    def authentication(self, assertion: Element) -> tuple[datetime, datetime | None, str | None]:
        """Return when the person proved it, until when the session may live, and its index.

        :raises Unacceptable: not exactly one statement, in the future, ended, or not afresh.
        """
        statements = assertion.findall(tag(SAML, "AuthnStatement"))
        if len(statements) != 1:
            raise Unacceptable("malformed", f"{len(statements)} AuthnStatements")
        said = statements[0]
        at = instants.of(said, "AuthnInstant")
        if at is None:
            raise Unacceptable("malformed", "no AuthnInstant")
        if at > self.now + self.connection.clock_skew:
            raise Unacceptable("not_yet_valid", f"AuthnInstant {instants.written(at)}")
        again = self.expected.asked_again_at
        if again is not None and at < again - self.connection.clock_skew:
            raise Unacceptable("authentication_too_old", f"AuthnInstant {instants.written(at)}")
        ends = instants.of(said, "SessionNotOnOrAfter")
        if ends is not None and ends <= self.now - self.connection.clock_skew:
            raise Unacceptable("expired", f"SessionNotOnOrAfter {instants.written(ends)}")
        index = said.get("SessionIndex")
        return at, ends, attributes.proper_subject(index) if index else None

    def name_id(self, assertion: Element) -> tuple[str | None, str | None]:
        """Return the NameID and its format, where there is one.

        :raises Unacceptable: it cannot name a person, or names them anew each time.
        """
        node = assertion.find(f"{tag(SAML, 'Subject')}/{tag(SAML, 'NameID')}")
        own_attribute = self.connection.attributes.subject is not None
        if node is None:
            if own_attribute:
                return None, None
            raise Unacceptable("subject_missing", "no NameID")
        whose = node.get("SPNameQualifier")
        if whose and whose != self.addresses.entity_id:
            raise Unacceptable("audience_mismatch", f"the NameID is {whose}'s")
        found, form = attributes.proper_subject(xml.text(node)), node.get("Format")
        if form is not None and len(form) > 255:
            raise Unacceptable("malformed", "the format of the NameID is too long")
        if form == TRANSIENT and not own_attribute:
            raise Unacceptable("subject_transient", "the NameID is transient")
        return found, form

    # -- inside -------------------------------------------------------------------

    def _confirmed(self, confirmation: Element) -> None:
        found = confirmation.find(tag(SAML, "SubjectConfirmationData"))
        if found is None or found.get("Recipient") != self.addresses.acs_url:
            said = None if found is None else found.get("Recipient")
            raise Unacceptable("recipient_mismatch", f"{said} is not {self.addresses.acs_url}")
        self._ends(found, "SubjectConfirmationData")
        begins = instants.of(found, "NotBefore")
        if begins is not None and begins > self.now + self.connection.clock_skew:
            raise Unacceptable("not_yet_valid", f"NotBefore {instants.written(begins)}")
        said = found.get("InResponseTo")
        if said != self.expected.request_id:
            raise Unacceptable("request_mismatch", f"the assertion answers {said}")

    def _ends(self, node: Element, name: str) -> None:
        ends = instants.of(node, "NotOnOrAfter")
        if ends is None:
            raise Unacceptable("expired", f"{name} without NotOnOrAfter")
        if ends <= self.now - self.connection.clock_skew:
            raise Unacceptable("expired", f"{name} until {instants.written(ends)}")
        if ends > self.now + LONGEST_VALIDITY:
            raise Unacceptable("malformed", f"{name} valid until {instants.written(ends)}")


def require_recent(node: Element, now: datetime, skew: timedelta) -> None:
    """Refuse a message whose IssueInstant is missing, in the future, or over ten minutes ago."""
    issued = instants.of(node, "IssueInstant")
    if issued is None:
        raise Unacceptable("malformed", "no IssueInstant")
    if issued > now + skew:
        raise Unacceptable("not_yet_valid", f"IssueInstant {instants.written(issued)}")
    if issued < now - MAX_AGE - skew:
        raise Unacceptable("expired", f"IssueInstant {instants.written(issued)}")


def _bearers(assertion: Element) -> Iterator[Element]:
    for node in assertion.iterfind(f"{tag(SAML, 'Subject')}/{tag(SAML, 'SubjectConfirmation')}"):
        if node.get("Method") == BEARER:
            yield node
