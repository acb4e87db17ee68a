"""What a process remembers of organisations' terms, so that each change need not read them."""

import threading
from collections import OrderedDict
from typing import Any
from uuid import UUID

LIMIT = 1_000
"""Organisations that one process remembers."""


class Memories:
    """The terms of the organisations that this process changed last, by their version."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[int, dict[str, Any]]] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, organisation_id: UUID, version: int) -> dict[str, Any]:
        """Return the memory of exactly this version; an older one is forgotten."""
        with self._guard:
            kept = self._kept.get(organisation_id)
            if kept is None or kept[0] != version:
                kept = (version, {})
                self._kept[organisation_id] = kept
            self._kept.move_to_end(organisation_id)
            if len(self._kept) > LIMIT:
                self._kept.popitem(last=False)
            return kept[1]
