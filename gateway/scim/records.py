"""Payloads turned into what the directory keeps: a canonical document and a search document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scim2_models import InvalidValueException

from gateway.domain.directory import GroupRecord, UserRecord
from gateway.domain.text import fold
from gateway.scim.attributes import GROUPS, USERS, Attribute, Kind, Schema
from gateway.scim.bodies import Payload
from gateway.scim.limits import require_document, require_few, require_key

OUTSIDE = frozenset({"schemas", "id", "meta", "groups", "members", "active", "password"})
"""Kept in columns, derived, or not kept at all: never part of a document."""

SHOWN_NAME = "display"
"""The key of a user's search document under which groups find the member's name."""


def user_record(payload: Mapping[str, Any], *, active: bool | None) -> UserRecord:
    """Return what the directory keeps of a user; `active` None says nothing.

    :raises InvalidValueException: without a userName.
    """
    kept = _kept(USERS, payload)
    user_name = kept.get("userName")
    if not user_name:
        raise InvalidValueException(detail="'userName' is required.")
    _require_keys(kept, "userName", "externalId")
    shown = _shown_name(kept)
    require_key("displayName", shown)
    search = _search(USERS, kept)
    search[SHOWN_NAME] = fold(shown)
    return UserRecord(
        user_name=user_name,
        external_id=kept.get("externalId"),
        active=active,
        display_name=shown,
        email=_address(kept),
        emails=tuple(fold(each["value"]) for each in _addresses(kept)),
        document=_document(USERS, kept),
        search=search,
    )


def group_record(payload: Mapping[str, Any]) -> GroupRecord:
    """Return what the directory keeps of a group, members apart.

    :raises InvalidValueException: without a displayName.
    """
    kept = _kept(GROUPS, payload)
    if not kept.get("displayName"):
        raise InvalidValueException(detail="'displayName' is required.")
    _require_keys(kept, "displayName", "externalId")
    return GroupRecord(
        display_name=kept["displayName"],
        external_id=kept.get("externalId"),
        document=_document(GROUPS, kept),
        search=_search(GROUPS, kept),
    )


def payload_of(document: str) -> Payload:
    """Return the attributes that a stored document holds."""
    payload: Payload = json.loads(document)
    del payload["schemas"]
    return payload


def _require_keys(kept: Payload, *names: str) -> None:
    """Refuse texts that no index takes."""
    for name in names:
        require_key(name, kept.get(name))
    for each in _addresses(kept):
        require_key("emails.value", each["value"])


def _kept(schema: Schema, payload: Mapping[str, Any]) -> Payload:
    """Return what a document holds, in the schema's order, without what says nothing."""
    return _ordered(schema.attributes, {k: v for k, v in payload.items() if k not in OUTSIDE})


def _ordered(attributes: Mapping[str, Attribute], value: Mapping[str, Any]) -> Payload:
    return {
        attribute.name: item
        for attribute in attributes.values()
        if attribute.name in value
        and (item := _without_nothing(attribute, value[attribute.name])) is not None
    }


def _without_nothing(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, list):
        kept = (_without_nothing(attribute, each) for each in value)
        found = [each for each in kept if each is not None]
        require_few(attribute.name, found)
        return found or None
    if isinstance(value, dict):
        return _ordered(attribute.children, value) or None
    return None if value == "" else value


def _document(schema: Schema, kept: Payload) -> str:
    whole = {"schemas": _schemas(schema, kept), **kept}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    require_document(text)
    return text


def _schemas(schema: Schema, kept: Payload) -> list[str]:
    return [schema.urn, *(each.name for each in schema.extensions if each.name in kept)]


def _search(schema: Schema, kept: Payload) -> dict[str, Any]:
    return _searchable(schema.attributes, {"schemas": _schemas(schema, kept), **kept})


def _searchable(attributes: Mapping[str, Attribute], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as filters compare them, keyed by lower-case names.

    Texts are folded unless the schema makes their case matter, booleans become texts, and of
    several entries the primary one comes first, which is the one that sorting looks at.
    """
    found: dict[str, Any] = {}
    for name, item in value.items():
        attribute = attributes[name.lower()]
        if attribute.multi:
            entries = [_search_value(attribute, each) for each in item]
            found[attribute.key] = sorted(entries, key=_is_not_primary)
        else:
            found[attribute.key] = _search_value(attribute, item)
    return found


def _search_value(attribute: Attribute, value: Any) -> Any:
    if attribute.kind is Kind.COMPLEX:
        return _searchable(attribute.children, value)
    if attribute.kind is Kind.BOOLEAN:
        return "true" if value else "false"
    return value if attribute.exact else fold(value)


def _is_not_primary(entry: Any) -> bool:
    return not (isinstance(entry, dict) and entry.get("primary") == "true")


def _addresses(kept: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (each for each in kept.get("emails", ()) if each.get("value"))


def _address(kept: Mapping[str, Any]) -> str | None:
    """The primary address, else the first, else a userName that is one."""
    addresses = list(_addresses(kept))
    for each in addresses:
        if each.get("primary"):
            return str(each["value"])
    if addresses:
        return str(addresses[0]["value"])
    user_name: str = kept["userName"]
    return user_name if "@" in user_name else None


def _shown_name(kept: Mapping[str, Any]) -> str:
    name = kept.get("name", {})
    whole = " ".join(filter(None, (name.get("givenName"), name.get("familyName"))))
    return kept.get("displayName") or name.get("formatted") or whole or kept["userName"]
