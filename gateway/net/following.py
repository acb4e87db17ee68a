"""Providers' own descriptions, read again where they are due, so that settings follow them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.domain.errors import GatewayError
from gateway.domain.identity import SYSTEM, Context
from gateway.services import metadata_refresh
from gateway.storage.unit_of_work import Work


def follow_due(work: Work, protocol: str, read: Callable[[Any], Mapping[str, Any]]) -> int:
    """Read again what is due of a protocol, let settings follow; return how many there were.

    Nothing is open while a provider is asked, and one that fails takes nothing from another.
    """
    with work.platform() as database:
        rows = metadata_refresh.due(database, protocol, work.clock())
    for row in rows:
        try:
            _run(work, row, partial(metadata_refresh.follow, described=read(row)))
        except GatewayError as refused:
            _run(work, row, partial(metadata_refresh.failed, reason=refused.message))
    return len(rows)


def _run(work: Work, row: Any, verb: Callable[..., None]) -> None:
    here = Context(cause="metadata")
    work.run(row.organisation_id, SYSTEM, partial(verb, connection_id=row.id), here)
