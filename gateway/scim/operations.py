"""PATCH bodies (RFC 7644 §3.5.2) read into single operations, each with a path of its own.

A path-less value becomes one operation for each of its keys, and an object written to a
single complex attribute one for each sub-attribute: the others stay, as §3.5.2.3 wants.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scim2_models import (
    InvalidPathException,
    InvalidValueException,
    MutabilityException,
    NoTargetException,
    Path,
)
from scim2_models.path import AttrPath, Comparison, FilterNode, LogicalExpr, Not, Present, ValuePath

from gateway.scim import dialects
from gateway.scim.attributes import Attribute, Kind, Schema
from gateway.scim.bodies import entry_of, require_message, value_of
from gateway.scim.dialects import Reading
from gateway.scim.limits import MAX_PATH, require_few

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
OPERATORS = ("add", "replace", "remove")


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: an attribute, perhaps one of its sub-attributes, perhaps some entries.

    `keys` lead to it in a payload; `text` is the path with its schema spelled out.
    """

    keys: tuple[str, ...]
    attribute: Attribute
    sub: Attribute | None = None
    entries: FilterNode | None = None

    @property
    def leaf(self) -> Attribute:
        """The attribute whose value is written."""
        return self.sub or self.attribute

    @property
    def text(self) -> str:
        """The path as the models read it."""
        home = f"{self.keys[0]}:" if len(self.keys) > 1 and ":" in self.keys[0] else ""
        head = f"{home}{self.attribute.name}"
        if self.entries is not None:
            head = f"{head}[{self.entries}]"
        return f"{head}.{self.sub.name}" if self.sub else head

    @property
    def is_plain(self) -> bool:
        """Whether it is one value that a payload holds under `keys`."""
        return self.entries is None and not self.attribute.multi and not self.leaf.multi


@dataclass(frozen=True, slots=True)
class Operation:
    """One change: `value` None unassigns the target."""

    op: str
    target: Target
    value: Any = None


def read_operations(schema: Schema, body: Any, reading: Reading) -> list[Operation]:
    """Return the single operations of a PATCH body, in order.

    :raises SCIMException: the body, a path or a value does not fit the schema.
    """
    message = require_message(PATCH_SCHEMA, body, reading)
    listed = message.get("operations")
    if not isinstance(listed, list) or not listed:
        raise InvalidValueException(detail="'Operations' lists one or more operations.")
    return [each for raw in listed for each in _read(schema, raw, reading)]


def _read(schema: Schema, raw: Any, reading: Reading) -> Iterator[Operation]:
    if not isinstance(raw, dict):
        raise InvalidValueException(detail="An operation is an object.")
    fields = {key.lower(): value for key, value in raw.items()}
    op = _operator(fields.get("op"), reading)
    path = fields.get("path")
    if path is not None and not isinstance(path, str):
        raise InvalidPathException(detail="'path' is text.")
    if op == "remove":
        yield _removal(schema, path, fields.get("value"), reading)
        return
    if "value" not in fields or (op == "add" and fields["value"] is None):
        raise InvalidValueException(detail=f"'{op}' needs a value.")
    if not path or path.lower() == schema.urn.lower():
        yield from _pathless(schema, op, fields["value"], reading)
        return
    yield from _writes(op, _explicit(schema, path, reading), fields["value"], reading)


def _operator(op: Any, reading: Reading) -> str:
    spelled = op.lower() if isinstance(op, str) else ""
    if spelled not in OPERATORS:
        raise InvalidValueException(detail="'op' is add, replace or remove.")
    if spelled != op:
        reading.tolerate(dialects.OPERATOR_CASE, f"'op' is spelled {spelled}.")
    return spelled


def _removal(schema: Schema, path: str | None, value: Any, reading: Reading) -> Operation:
    if not path:
        raise NoTargetException(detail="'remove' needs a path.")
    target = _explicit(schema, path, reading)
    if value is None:
        return Operation("remove", target)
    if target.entries is not None or not target.attribute.multi or target.sub:
        # The path says already what goes; a value beside it adds nothing.
        reading.tolerate(dialects.REMOVE_BY_VALUE, "'remove' has no value.")
        return Operation("remove", target)
    reading.tolerate(dialects.REMOVE_BY_VALUE, "'remove' has no value.")
    entries = value if isinstance(value, list) else [value]
    require_few(target.attribute.name, entries, target.attribute.most)
    read = (entry_of(target.attribute, each, reading) for each in entries)
    return Operation("remove", target, [each for each in read if each is not None])


def _explicit(schema: Schema, path: str, reading: Reading) -> Target:
    """Return what a path names; an explicit path that names nothing is refused, not ignored."""
    target = find_target(schema, path, reading)
    if target is None:
        raise InvalidPathException(detail=f"No schema declares '{path}'.")
    if target.attribute.read_only or target.leaf.read_only:
        raise MutabilityException(detail=f"'{path}' is read-only.")
    return target


def find_target(schema: Schema, path: str, reading: Reading) -> Target | None:
    """Return what a path names, or None where no schema declares it.

    :raises InvalidPathException: not a path at all.
    """
    extension = schema.attributes.get(path.lower())
    if extension is not None and extension.extension:
        return Target((extension.name,), extension)
    if len(path) > MAX_PATH:
        raise InvalidPathException(detail=f"A path has at most {MAX_PATH} characters.")
    node = Path(path).ast
    attr_path = node.attr_path if isinstance(node, ValuePath | Comparison) else node
    if not isinstance(attr_path, AttrPath) or isinstance(node, Comparison):
        raise InvalidPathException(detail=f"'{path}' names no attribute.")
    attribute = schema.find(attr_path.uri, attr_path.attr)
    if attribute is None:
        return None
    home = schema.home(attribute)
    if home and attr_path.uri is None:
        reading.tolerate(
            dialects.UNQUALIFIED_EXTENSION, f"'{attribute.name}' belongs to {home[0]}."
        )
    entries, sub_name = None, attr_path.sub_attr
    if isinstance(node, ValuePath):
        entries, sub_name = _selection(attribute, node), node.sub_attr
    sub = attribute.children.get(sub_name.lower()) if sub_name else None
    if sub_name and sub is None:
        return None
    keys = (*home, attribute.name, *((sub.name,) if sub and entries is None else ()))
    return Target(keys, attribute, sub, entries)


def _selection(attribute: Attribute, node: ValuePath) -> FilterNode:
    if not attribute.multi:
        raise InvalidPathException(detail=f"'{attribute.name}' holds a single value.")
    unknown = [name for name in _names(node.val_filter) if name.lower() not in attribute.children]
    if unknown:
        raise InvalidPathException(detail=f"'{attribute.name}' has no '{unknown[0]}'.")
    return node.val_filter


def _names(node: FilterNode) -> Iterator[str]:
    if isinstance(node, LogicalExpr):
        for term in node.terms:
            yield from _names(term)
    elif isinstance(node, Not):
        yield from _names(node.expr)
    elif isinstance(node, Comparison | Present):
        yield node.attr_path.attr


def _pathless(schema: Schema, op: str, value: Any, reading: Reading) -> Iterator[Operation]:
    if not isinstance(value, dict):
        raise InvalidValueException(detail="Without a path, the value is an object.")
    for key, item in value.items():
        if key.lower() == "schemas":
            continue
        target = _keyed(schema, key, reading)
        if target is None:
            reading.tolerate(dialects.UNKNOWN_ATTRIBUTE, f"No schema declares '{key}'.")
        elif target.attribute.read_only or target.leaf.read_only:
            reading.tolerate(dialects.READ_ONLY_IN_PATCH, f"'{key}' is read-only.")
        else:
            yield from _writes(op, target, item, reading)


def _keyed(schema: Schema, key: str, reading: Reading) -> Target | None:
    try:
        target = find_target(schema, key, reading)
    except InvalidPathException:
        return None
    if target and not target.attribute.extension and any(mark in key for mark in ".:["):
        reading.tolerate(dialects.PATH_IN_KEY, f"'{key}' is a path, not an attribute's name.")
    return target


def _writes(op: str, target: Target, value: Any, reading: Reading) -> Iterator[Operation]:
    leaf = target.leaf
    if target.is_plain and leaf.kind is Kind.COMPLEX and isinstance(value, dict):
        yield from _parts(op, target, value, reading)
        return
    if target.entries is not None and target.sub is None:
        yield Operation(op, target, entry_of(target.attribute, value, reading))
        return
    read = value_of(leaf, value, reading)
    if isinstance(read, dict):
        yield from _parts(op, target, read, reading)
        return
    yield Operation("remove" if read is None else op, target, read)


def _parts(op: str, target: Target, value: dict[str, Any], reading: Reading) -> Iterator[Operation]:
    """Write an object to a single complex attribute, sub-attribute by sub-attribute."""
    for key, item in value.items():
        part = target.leaf.children.get(key.lower())
        if part is None:
            reading.tolerate(dialects.UNKNOWN_ATTRIBUTE, f"No schema declares '{key}'.")
        elif not part.read_only:
            keys = (*target.keys, part.name)
            # An extension's attribute is an attribute of its own; a sub-attribute is not.
            into = (
                Target(keys, part)
                if target.attribute.extension
                else Target(keys, target.attribute, part)
            )
            yield from _writes(op, into, item, reading)
