"""What an assertion says about somebody, under the names that the connection maps."""

from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable
from gateway.domain.signin import MAX_GROUPS, TEXT_LIMIT, AttributeMapping, Groups
from gateway.domain.text import is_one_line
from gateway.saml import xml
from gateway.saml.grammar import NAME_ID
from gateway.saml.names import SAML, tag
from gateway.saml.xml import Element

Values = dict[str, tuple[str, ...]]

OVERAGE = "http://schemas.microsoft.com/claims/groups.link"
"""Entra sends this address in place of more than 150 groups."""

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def read(assertion: Element) -> Values:
    """Return every attribute with its values; the same name twice is one attribute."""
    found: dict[str, list[str]] = {}
    for attribute in assertion.iterfind(f"{tag(SAML, 'AttributeStatement')}/*"):
        values = found.setdefault(attribute.get("Name", "").strip(), [])
        values += [_value(node) for node in attribute if node.get(_NIL) not in ("true", "1")]
    found.pop("", None)
    return {name: tuple(values) for name, values in found.items()}


def kept(values: Values) -> Values:
    """Return what is shown and stored: names and values that are no longer than we keep."""
    return {
        name: tuple(value for value in said[:MAX_GROUPS] if len(value) <= TEXT_LIMIT)
        for name, said in values.items()
        if len(name) <= TEXT_LIMIT
    }


def one(values: Values, name: str | None) -> str | None:
    """Return the first value of an attribute as one printable line, None where there is none.

    :raises Unacceptable: it is too long or hides control characters.
    """
    found = next((value.strip() for value in values.get(name or "", ()) if value.strip()), None)
    if found is not None and (len(found) > TEXT_LIMIT or not is_one_line(found)):
        raise Unacceptable("malformed", f"attribute {name} is too long or not printable")
    return found


def subject(values: Values, name: str) -> str:
    """Return the attribute that is the key of a person: there is exactly one value.

    :raises Unacceptable: there is none, or several.
    """
    found = {value for value in values.get(name, ()) if value}
    if len(found) != 1:
        raise Unacceptable("subject_missing", f"attribute {name} has {len(found)} values")
    return proper_subject(found.pop())


def proper_subject(text: str) -> str:
    """Return a text that may be the key of a person.

    :raises Unacceptable: empty, too long, padded, or with control characters.
    """
    if not 0 < len(text) <= TEXT_LIMIT or text != text.strip() or not is_one_line(text):
        raise Unacceptable("subject_missing", f"{len(text)} characters, or not printable")
    return text


def groups(values: Values, mapping: AttributeMapping) -> Groups:
    """Return what was said about groups: nothing, too many to send, or these.

    :raises Unacceptable: names that cannot be read.
    """
    if OVERAGE in values:
        return Groups.OVERAGE
    if mapping.groups is None or mapping.groups not in values:
        return Groups.ABSENT
    said = values[mapping.groups]
    if mapping.group_separator:
        said = tuple(part for text in said for part in text.split(mapping.group_separator))
    try:
        return Groups.of(name for name in said if name.strip())
    except SignInFailed as error:
        raise Unacceptable(error.reason, f"{len(said)} groups") from None


def _value(node: Element) -> str:
    """Return the text of a value; eduPersonTargetedID's is a NameID inside."""
    inside = node.find(NAME_ID)
    return xml.text(node if inside is None else inside)
