"""The courier: carries events to their receivers, several at a time, one event after the other."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from standardwebhooks import Webhook

from gateway.domain.errors import GatewayError
from gateway.domain.identity import SYSTEM, Context
from gateway.logs import logger
from gateway.net.http import HTTPClient, Unreachable
from gateway.services import shipping
from gateway.services.shipping import Delivery
from gateway.storage.unit_of_work import Work

TICK = timedelta(milliseconds=500)
AT_ONCE = 8
"""Receivers that are served at the same time: one that is slow holds nobody else up."""

_log = logger("courier")


@dataclass
class Courier:
    """Delivers what is due until told to stop. Any number of them may run side by side."""

    work: Work
    client: HTTPClient
    stopping: threading.Event = field(default_factory=threading.Event)
    _serving: set[UUID] = field(default_factory=set)

    def run(self) -> None:
        """Carry until told to stop; what is only claimed then is handed back."""
        with ThreadPoolExecutor(AT_ONCE, "courier") as pool:
            while not self.stopping.is_set():
                try:
                    busy = self._set_out(pool)
                except (SQLAlchemyError, GatewayError) as error:
                    _log.error("failed", exc_info=error)
                    busy = False
                if not busy:
                    self.stopping.wait(TICK.total_seconds())

    def tick(self) -> int:
        """Deliver what is due now, and say how many deliveries were tried."""
        self._disable_failing()
        claimed = self._claim()
        for parcel in claimed.values():
            self._serve(parcel)
        return sum(map(len, claimed.values()))

    def _set_out(self, pool: ThreadPoolExecutor) -> bool:
        self._disable_failing()
        claimed = self._claim()
        for webhook_id, parcel in claimed.items():
            self._serving.add(webhook_id)
            pool.submit(self._serve, parcel)
        return bool(claimed)

    def _claim(self) -> dict[UUID, list[Delivery]]:
        found: dict[UUID, list[Delivery]] = {}
        serving = tuple(self._serving)
        with self.work.platform() as connection:
            if not shipping.is_due(connection, self.work.clock(), serving):
                return found
        verb = partial(shipping.claim, vault=self.work.vault, but=serving)
        for delivery in self.work.run_platform(verb):
            found.setdefault(delivery.webhook_id, []).append(delivery)
        return found

    def _serve(self, parcel: Sequence[Delivery]) -> None:
        """Send one receiver its events in order; after a failure the others wait."""
        failed = False
        try:
            for delivery in parcel:
                if failed or self.stopping.is_set() or delivery.is_late(self.work.clock()):
                    self._settle(partial(shipping.release, delivery=delivery))
                else:
                    failed = not self._send(delivery)
        except SQLAlchemyError as error:
            _log.error("failed", exc_info=error)
        finally:
            self._serving.discard(parcel[0].webhook_id)

    def _send(self, delivery: Delivery) -> bool:
        log = _log.bind(event=str(delivery.event.id), webhook=str(delivery.webhook_id))
        status, reason = self._exchange(delivery)
        if status is not None and 200 <= status < 300:
            self._settle(partial(shipping.finish, delivery=delivery, status=status))
            log.info("event delivered", attempt=delivery.attempts)
            return True
        self._settle(partial(shipping.retry, delivery=delivery, status=status, reason=reason))
        log.warning("event not taken", attempt=delivery.attempts, reason=reason)
        return False

    def _exchange(self, delivery: Delivery) -> tuple[int | None, str]:
        if not delivery.secrets:
            return None, "No key of this installation opens the secret."
        body = written(delivery)
        headers = headers_of(delivery, body, self.work.clock())
        try:
            reply = self.client.post_body(delivery.url, body, headers)
        except Unreachable as wrong:
            return None, str(wrong)
        return reply.status, f"The receiver answered {reply.status}."

    def _disable_failing(self) -> None:
        with self.work.platform() as connection:
            tired = shipping.tired_of(connection, self.work.clock())
        for organisation_id, webhook_id in tired:
            verb = partial(shipping.give_up, webhook_id=webhook_id)
            self.work.run(organisation_id, SYSTEM, verb, Context(cause="time"))

    def _settle(self, verb: Callable[[Connection, datetime], bool]) -> None:
        if not self.work.run_platform(verb):
            _log.warning("a lease ended before its event was sent; it may arrive twice")


def written(delivery: Delivery) -> bytes:
    """Return the envelope: the same bytes at every attempt, and what the feed shows."""
    created_at = delivery.event.created_at.isoformat().replace("+00:00", "Z")
    said = {**asdict(delivery.event), "created_at": created_at}
    return json.dumps(said, default=str, separators=(",", ":")).encode()


def headers_of(delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
    """Return what Standard Webhooks asks for: the event's id, the instant, each secret's mark."""
    event_id = str(delivery.event.id)
    marks = [Webhook(each).sign(event_id, now, body.decode()) for each in delivery.secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(marks),
    }
