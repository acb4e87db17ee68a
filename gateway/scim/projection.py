"""`attributes` and `excludedAttributes` (RFC 7644 §3.9), applied to resources as they are read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scim2_models import InvalidPathException, InvalidValueException

from gateway.scim import operations
from gateway.scim.attributes import SCHEMAS, Schema
from gateway.scim.dialects import Reading
from gateway.scim.rendering import RELATED

ALWAYS = ("schemas", "id")
Choice = Mapping[str, Any]
"""Names chosen at one level: None stands for the whole attribute."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What of a resource a client wants to see: only, or all but, what `chosen` names by type."""

    only: bool
    chosen: Mapping[str, Choice]

    def needs_related(self, kind: str) -> bool:
        """Whether a user's groups or a group's members are shown at all."""
        name = RELATED[kind]
        chosen = self.chosen[kind]
        return name in chosen if self.only else chosen.get(name, "kept") is not None

    def needs_names(self, kind: str) -> bool:
        """Whether the names of members are asked for; they are shown on request only."""
        members = self.chosen[kind].get("members")
        return self.only and isinstance(members, Mapping) and "display" in members

    def apply(self, kind: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is left of a resource."""
        chosen = self.chosen[kind]
        left = _only(resource, chosen) if self.only else _without(resource, chosen)
        absent = {each.name for each in SCHEMAS[kind].extensions} - left.keys()
        schemas = [urn for urn in resource["schemas"] if urn not in absent]
        rest = {name: value for name, value in left.items() if name not in ALWAYS}
        return {"schemas": schemas, "id": resource["id"], **rest}


def read_projection(
    kinds: Iterable[str], attributes: str | None, excluded: str | None
) -> Projection | None:
    """Return the projection that a request asks for, or None.

    Names that no schema declares are passed over, as §3.9 leaves open.

    :raises InvalidValueException: both are given. :raises InvalidPathException: no names.
    """
    if attributes and excluded:
        raise InvalidValueException(detail="Use 'attributes' or 'excludedAttributes', not both.")
    text = attributes or excluded
    if not text:
        return None
    names = [name for part in text.split(",") if (name := part.strip())]
    return Projection(bool(attributes), {kind: _chosen(SCHEMAS[kind], names) for kind in kinds})


def _chosen(schema: Schema, names: Iterable[str]) -> Choice:
    chosen: dict[str, Any] = {}
    for name in names:
        target = operations.find_target(schema, name, Reading())
        if target is None:
            continue
        if target.entries is not None:
            raise InvalidPathException(detail=f"'{name}' is not an attribute's name.")
        _add(chosen, target.keys)
    return chosen


def _add(chosen: dict[str, Any], keys: tuple[str, ...]) -> None:
    *parents, last = keys
    for key in parents:
        inner = chosen.setdefault(key, {})
        if inner is None:
            return
        chosen = inner
    chosen[last] = None


def _only(value: Mapping[str, Any], chosen: Choice) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for name, item in value.items():
        if name in chosen:
            kept = _each(_only, item, chosen[name])
            if kept not in (None, [], {}):
                left[name] = kept
    return left


def _without(value: Mapping[str, Any], chosen: Choice) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for name, item in value.items():
        if name in chosen and name not in ALWAYS and chosen[name] is None:
            continue
        kept = _each(_without, item, chosen[name]) if name in chosen else item
        if kept not in (None, [], {}):
            left[name] = kept
    return left


def _each(step: Any, item: Any, chosen: Choice | None) -> Any:
    if chosen is None or not isinstance(item, dict | list):
        return item
    if isinstance(item, dict):
        return step(item, chosen)
    return [kept for each in item if (kept := step(each, chosen))]
