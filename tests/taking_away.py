"""Takes a route or a permission out of the product, to see which tests notice."""

import pytest

import gateway.api
from gateway.domain.decisions import Access
from gateway.domain.errors import NotPermitted


def take_away(patch: pytest.MonkeyPatch, what: str) -> None:
    """Take away `METHOD /path` of the management API, or a permission by its name."""
    if " " in what:
        _without_route(patch, what)
    else:
        _without_atom(patch, what)


def _without_route(patch: pytest.MonkeyPatch, route: str) -> None:
    left = [each for each in gateway.api.ENDPOINTS if f"{each.method} {each.path}" != route]
    if len(left) != len(gateway.api.ENDPOINTS) - 1:
        raise ValueError(f"there is no route {route}")
    patch.setattr(gateway.api, "ENDPOINTS", tuple(left))


def _without_atom(patch: pytest.MonkeyPatch, atom: str) -> None:
    """Nobody holds the permission: every decision about it is a denial."""
    allows, require = Access.allows, Access.require

    def never(self: Access, action: str, *rest: object) -> bool:
        return action != atom and allows(self, action, *rest)  # type: ignore[arg-type]

    def refuse(self: Access, action: str, *rest: object) -> None:
        if action == atom:
            raise NotPermitted(f"{atom} was taken away.")
        require(self, action, *rest)  # type: ignore[arg-type]

    patch.setattr(Access, "allows", never)
    patch.setattr(Access, "require", refuse)
