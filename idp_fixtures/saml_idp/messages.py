"""A Response as a provider writes it, every part of which can be said otherwise or left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = Any

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a Response says. `None` leaves a part out; an instant is an offset from `now`.

    `audiences` are restrictions, each a list of audiences. `typed` writes each value with
    xsi:type and its namespaces, as Okta does.
    """

    now: datetime
    issuer: str | None
    assertion_issuer: str | None
    destination: str | None
    recipient: str | None
    audiences: Sequence[Sequence[str]]
    in_response_to: str | None
    confirmed_in_response_to: str | None
    name_id: str | None
    name_id_format: str | None = UNSPECIFIED
    attributes: Values = field(default_factory=dict)
    response_id: str = "_response"
    assertion_id: str = "_assertion"
    session_index: str | None = "_session"
    version: str = "2.0"
    status: Sequence[str] = ("Success",)
    method: str = BEARER
    issued: timedelta | None = timedelta(0)
    assertion_issued: timedelta | None = timedelta(0)
    not_before: timedelta | None = timedelta(minutes=-5)
    not_on_or_after: timedelta | None = timedelta(minutes=5)
    confirmed_until: timedelta | None = timedelta(minutes=5)
    authenticated: timedelta | None = timedelta(minutes=-1)
    session_ends: timedelta | None = None
    conditions: bool = True
    statement: bool = True
    typed: bool = True


def response(recipe: Recipe) -> Element:
    """Return the Response, unsigned and in clear."""
    root = etree.Element(_tag(SAMLP, "Response"), nsmap={"samlp": SAMLP, "saml": SAML})
    _set(root, "ID", recipe.response_id)
    _set(root, "Version", recipe.version)
    _set(root, "IssueInstant", _at(recipe, recipe.issued))
    _set(root, "Destination", recipe.destination)
    _set(root, "InResponseTo", recipe.in_response_to)
    if recipe.issuer is not None:
        child(root, SAML, "Issuer", recipe.issuer)
    _status(root, recipe.status)
    if recipe.status[0] == "Success":
        root.append(assertion(recipe))
    return root


def assertion(recipe: Recipe) -> Element:
    """Return the assertion alone."""
    node = etree.Element(_tag(SAML, "Assertion"), nsmap={"saml": SAML})
    _set(node, "ID", recipe.assertion_id)
    _set(node, "Version", recipe.version)
    _set(node, "IssueInstant", _at(recipe, recipe.assertion_issued))
    if recipe.assertion_issuer is not None:
        child(node, SAML, "Issuer", recipe.assertion_issuer)
    _subject(node, recipe)
    _conditions(node, recipe)
    if recipe.statement:
        _statement(node, recipe)
    _attributes(node, recipe)
    return node


def child(parent: Element, namespace: str, name: str, text: str | None = None) -> Element:
    """Append an element."""
    node = etree.SubElement(parent, _tag(namespace, name))
    node.text = text
    return node


def written(instant: datetime) -> str:
    """Return an instant as SAML writes it, to the millisecond."""
    text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _tag(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}"


def _set(node: Element, name: str, value: str | None) -> None:
    if value is not None:
        node.set(name, value)


def _at(recipe: Recipe, offset: timedelta | None) -> str | None:
    return None if offset is None else written(recipe.now + offset)


def _status(root: Element, codes: Sequence[str]) -> None:
    place = child(root, SAMLP, "Status")
    for code in codes:
        place = child(place, SAMLP, "StatusCode")
        place.set("Value", STATUS + code)


def _subject(node: Element, recipe: Recipe) -> None:
    subject = child(node, SAML, "Subject")
    if recipe.name_id is not None:
        name_id = child(subject, SAML, "NameID", recipe.name_id)
        _set(name_id, "Format", recipe.name_id_format)
    confirmation = child(subject, SAML, "SubjectConfirmation")
    confirmation.set("Method", recipe.method)
    confirmed = child(confirmation, SAML, "SubjectConfirmationData")
    _set(confirmed, "NotOnOrAfter", _at(recipe, recipe.confirmed_until))
    _set(confirmed, "Recipient", recipe.recipient)
    _set(confirmed, "InResponseTo", recipe.confirmed_in_response_to)


def _conditions(node: Element, recipe: Recipe) -> None:
    if not recipe.conditions:
        return
    conditions = child(node, SAML, "Conditions")
    _set(conditions, "NotBefore", _at(recipe, recipe.not_before))
    _set(conditions, "NotOnOrAfter", _at(recipe, recipe.not_on_or_after))
    for audiences in recipe.audiences:
        restriction = child(conditions, SAML, "AudienceRestriction")
        for audience in audiences:
            child(restriction, SAML, "Audience", audience)


def _statement(node: Element, recipe: Recipe) -> None:
    statement = child(node, SAML, "AuthnStatement")
    _set(statement, "AuthnInstant", _at(recipe, recipe.authenticated))
    _set(statement, "SessionIndex", recipe.session_index)
    _set(statement, "SessionNotOnOrAfter", _at(recipe, recipe.session_ends))
    context = child(statement, SAML, "AuthnContext")
    child(context, SAML, "AuthnContextClassRef", PASSWORD)


def _attributes(node: Element, recipe: Recipe) -> None:
    if not recipe.attributes:
        return
    statement = child(node, SAML, "AttributeStatement")
    for name, values in recipe.attributes.items():
        attribute = child(statement, SAML, "Attribute")
        attribute.set("Name", name)
        uri = name.startswith(("urn:", "http"))
        form = "uri" if uri else "basic"
        attribute.set("NameFormat", f"urn:oasis:names:tc:SAML:2.0:attrname-format:{form}")
        for value in values:
            spaces = {"xs": XS, "xsi": XSI} if recipe.typed else None
            said = etree.SubElement(attribute, _tag(SAML, "AttributeValue"), nsmap=spaces)
            said.text = value
            if recipe.typed:
                said.set(_tag(XSI, "type"), "xs:string")
