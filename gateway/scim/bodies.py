"""Bodies as identity providers send them, read into the spelling of the schemas.

What comes out holds only attributes that a client may write, under their canonical names:
no nulls, no empty texts (RFC 7643 §2.5 and Entra's way to clear), no read-only attributes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json
from scim2_models import (
    Context,
    Error,
    InvalidSyntaxException,
    InvalidValueException,
    SCIMException,
)

from gateway.scim import dialects
from gateway.scim.attributes import Attribute, Kind, Schema
from gateway.scim.dialects import Reading
from gateway.scim.limits import require_few
from gateway.scim.models import POLICY

Payload = dict[str, Any]
BOOLEANS = {"true": True, "false": False}


def decode(body: bytes) -> Any:
    """Return the JSON value of a body; nesting is bounded at 200 levels.

    :raises InvalidSyntaxException: not JSON, or half a surrogate pair in a text.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidSyntaxException(detail=f"The body is not JSON: {error}") from None


def new_state(schema: Schema, body: Any, reading: Reading) -> Payload:
    """Return the attributes that a POST or PUT body sets, checked against the schema.

    Members of a group are not among them: they are read apart. Whether a user is active need
    not be said.

    :raises SCIMException: a value or the body does not fit.
    """
    payload = written(schema, body, reading)
    validate(schema, {"active": True, **payload} if "active" in schema.attributes else payload)
    return payload


def written(schema: Schema, body: Any, reading: Reading) -> Payload:
    """Return the attributes of a body under their canonical names, in the schema's order."""
    _require_schemas(schema.urn, _known(schema), body, reading)
    plain = {k: v for k, v in body.items() if k.lower() not in ("schemas", "members")}
    read = _object(schema.attributes, plain, reading)
    return {a.name: read[a.name] for a in schema.attributes.values() if a.name in read}


def validate(schema: Schema, payload: Mapping[str, Any]) -> None:
    """Refuse a state that the models refuse: a missing required attribute, a wrong type."""
    try:
        schema.model.model_validate(
            payload, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=POLICY
        )
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> SCIMException:
    """Return the first thing that the models find wrong, as a SCIM refusal."""
    return SCIMException.from_error(Error.from_validation_errors(error)[0])


def require_message(urn: str, body: Any, reading: Reading) -> Mapping[str, Any]:
    """Return a message body whose schemas name `urn`, its keys in lower case."""
    _require_schemas(urn, {urn}, body, reading)
    return {key.lower(): value for key, value in body.items()}


def value_of(attribute: Attribute, value: Any, reading: Reading) -> Any:
    """Return a value of an attribute as the schema spells it; None where it says nothing."""
    if value is None or value == "":
        return None
    if not attribute.multi:
        return _single(attribute, value, reading)
    if not isinstance(value, list):
        reading.tolerate(dialects.SINGLE_FOR_LIST, f"'{attribute.name}' holds a list.")
        value = [value]
    require_few(attribute.name, value, attribute.most)
    return [v for each in value if (v := entry_of(attribute, each, reading)) is not None]


def entry_of(attribute: Attribute, value: Any, reading: Reading) -> Any:
    """Return one entry of a multi-valued attribute; None where it says nothing."""
    return None if value is None or value == "" else _single(attribute, value, reading) or None


def _single(attribute: Attribute, value: Any, reading: Reading) -> Any:
    if isinstance(value, list) and len(value) == 1:
        reading.tolerate(dialects.LIST_FOR_SINGLE, f"'{attribute.name}' holds one value.")
        value = value[0]
    if attribute.kind is Kind.BOOLEAN:
        return _boolean(attribute, value, reading)
    if attribute.kind is Kind.COMPLEX:
        return _complex(attribute, value, reading)
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value:
        raise InvalidValueException(detail=f"'{attribute.name}' holds text.")
    return value or None


def _boolean(attribute: Attribute, value: Any, reading: Reading) -> bool:
    if isinstance(value, bool):
        return value
    read = BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    if read is None:
        raise InvalidValueException(detail=f"'{attribute.name}' is true or false.")
    reading.tolerate(dialects.TEXT_BOOLEAN, f"'{attribute.name}' is true or false, not text.")
    return read


def _complex(attribute: Attribute, value: Any, reading: Reading) -> Payload | None:
    if isinstance(value, str) and "value" in attribute.children:
        reading.tolerate(dialects.TEXT_FOR_COMPLEX, f"'{attribute.name}' holds an object.")
        value = {"value": value}
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidValueException(detail=f"'{attribute.name}' holds an object.")
    return _object(attribute.children, value, reading) or None


def _object(
    attributes: Mapping[str, Attribute], value: Mapping[str, Any], reading: Reading
) -> Payload:
    read: Payload = {}
    for key, item in value.items():
        attribute = attributes.get(key.lower())
        if attribute is None:
            reading.tolerate(dialects.UNKNOWN_ATTRIBUTE, f"No schema declares '{key}'.")
        elif not attribute.read_only:
            found = value_of(attribute, item, reading)
            if found is not None and found != []:
                read[attribute.name] = found
    return read


def _known(schema: Schema) -> set[str]:
    return {schema.urn, *(each.name for each in schema.extensions)}


def _require_schemas(urn: str, known: set[str], body: Any, reading: Reading) -> None:
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is a JSON object.")
    named = next((v for k, v in body.items() if k.lower() == "schemas"), None)
    if named is not None and not _is_list_of_text(named):
        raise InvalidSyntaxException(detail="'schemas' is a list of URNs.")
    spoken = {each.lower() for each in named or ()}
    if urn.lower() not in spoken:
        reading.tolerate(dialects.SCHEMAS_MISSING, f"'schemas' names {urn}.")
    for foreign in spoken - {each.lower() for each in known}:
        reading.tolerate(dialects.UNKNOWN_SCHEMA, f"Unknown schema: {foreign}")


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, Sequence) and all(isinstance(each, str) for each in value)
