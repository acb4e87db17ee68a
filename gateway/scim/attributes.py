"""The attributes of our schemas as one tree, so that bodies, filters and documents agree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from inspect import isclass
from types import MappingProxyType
from typing import Any

from scim2_models import CaseExact, ComplexAttribute, Extension, Mutability, Required, Returned

from gateway.scim.limits import MAX_MEMBERS, MAX_VALUES
from gateway.scim.models import (
    GROUP_SCHEMA,
    USER_SCHEMA,
    GroupModel,
    UserModel,
)


class Kind(Enum):
    """What a value is; references, binaries and labels travel as text."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name as the RFC spells it and its characteristics (RFC 7643 §2.2).

    `children` is keyed by lower-case names; `extension` marks a schema extension, whose name
    is its URN.
    """

    name: str
    kind: Kind
    multi: bool = False
    exact: bool = False
    read_only: bool = False
    write_only: bool = False
    required: bool = False
    returned: Returned = Returned.default
    extension: bool = False
    children: Mapping[str, "Attribute"] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def most(self) -> int:
        """How many values it holds in one request; of members only the change is counted."""
        return MAX_MEMBERS if self.key == "members" else MAX_VALUES

    @property
    def key(self) -> str:
        """The name under which the search document keeps the attribute."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Schema:
    """The attributes of one resource type, by lower-case name, extensions by their URN."""

    name: str
    urn: str
    model: Any
    attributes: Mapping[str, Attribute]

    @property
    def extensions(self) -> Iterator[Attribute]:
        """The schema extensions of the type."""
        return (each for each in self.attributes.values() if each.extension)

    def find(self, uri: str | None, name: str) -> Attribute | None:
        """Return the attribute of a schema URN, or of the type itself without one.

        A name that only an extension declares is found without its URN too: Entra asks for
        `manager` so.
        """
        name = name.lower()
        if uri is None or uri.lower() == self.urn.lower():
            return self.attributes.get(name) or (self._extended(name) if uri is None else None)
        extension = self.attributes.get(uri.lower())
        return extension.children.get(name) if extension and extension.extension else None

    def home(self, attribute: Attribute) -> tuple[str, ...]:
        """Return the keys that lead to an attribute: none, or the URN of its extension."""
        for extension in self.extensions:
            if extension.children.get(attribute.key) is attribute:
                return (extension.name,)
        return ()

    def _extended(self, name: str) -> Attribute | None:
        return next((found for each in self.extensions if (found := each.children.get(name))), None)


def _tree(model: Any) -> Mapping[str, Attribute]:
    nodes = (_attribute(model, name) for name in model.model_fields)
    return MappingProxyType({node.key: node for node in nodes})


def _attribute(model: Any, field_name: str) -> Attribute:
    target = model.get_field_root_type(field_name)
    mutability = model.get_field_annotation(field_name, Mutability)
    extension = isclass(target) and issubclass(target, Extension)
    nested = extension or (isclass(target) and issubclass(target, ComplexAttribute))
    children = _tree(target) if nested else MappingProxyType({})
    own = ("schemas", "id", "externalid", "meta") if extension else ()
    return Attribute(
        name=str(target.__schema__) if extension else model._scim_name(field_name),
        kind=Kind.COMPLEX if nested else _KINDS.get(target, Kind.TEXT),
        multi=bool(model.get_field_multiplicity(field_name)),
        exact=model.get_field_annotation(field_name, CaseExact) == CaseExact.true,
        read_only=mutability == Mutability.read_only,
        write_only=mutability == Mutability.write_only,
        required=model.get_field_annotation(field_name, Required) == Required.true,
        returned=model.get_field_annotation(field_name, Returned),
        extension=extension,
        children=MappingProxyType({k: v for k, v in children.items() if k not in own}),
    )


_KINDS: dict[Any, Kind] = {bool: Kind.BOOLEAN, datetime: Kind.INSTANT}

USERS = Schema("User", USER_SCHEMA, UserModel, _tree(UserModel))
GROUPS = Schema("Group", GROUP_SCHEMA, GroupModel, _tree(GroupModel))
SCHEMAS = {"User": USERS, "Group": GROUPS}
