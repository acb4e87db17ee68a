"""The worker: seals, sends and records ends by time, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.delivery.mail import Mailer, Undelivered
from gateway.domain.errors import GatewayError, NotFound
from gateway.domain.identity import SYSTEM, Context
from gateway.logs import logger
from gateway.services import (
    certificate_warnings,
    closures,
    expiry,
    feed_retention,
    idempotency,
    invited,
    letters,
    outbox,
    own_signin,
    page_ends,
    request_log,
    retention,
    sealing,
    shipping,
    sign_in_upkeep,
    subscriptions,
    token_warnings,
)
from gateway.services.outbox import Message
from gateway.storage import person_work
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.storage.vault import VaultError

TICK = timedelta(milliseconds=500)
"""How often the worker looks: the audit is sealed well within a second of its commit."""

EXPIRY_EVERY = timedelta(seconds=20)
"""How often ends by time are looked for: platforms hear of them within a minute."""

WARNINGS_EVERY = timedelta(minutes=5)
"""How often tokens that end soon are looked for."""

PURGE_EVERY = timedelta(hours=1)
"""How often what is kept long enough is dropped."""

CLOSURES_EVERY = timedelta(minutes=1)
"""How often organisations that nothing brings back are looked for."""

UPKEEP_EVERY = timedelta(minutes=10)
"""How often what is over of sign-in is forgotten."""

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_log = logger("worker")


@dataclass
class Worker:
    """Does what no request does. Any number of them may run side by side."""

    work: Work
    mailer: Mailer | None
    stopping: threading.Event = field(default_factory=threading.Event)
    _seen_to: dict[str, datetime] = field(default_factory=dict)

    def run(self) -> None:
        """Work until told to stop; a mail being sent is finished, what is only claimed returned.

        A database that is away for a while is waited for.
        """
        if self.mailer is None:
            _log.warning("no mail server is set: mail waits in the outbox")
        _log.info("started")
        while not self.stopping.is_set():
            busy = self.tick()
            if not busy:
                self.stopping.wait(TICK.total_seconds())
        _log.info("stopped")

    def tick(self) -> bool:
        """Do everything that is due; True if there was so much that more may be."""
        more = False
        for task in (
            self.seal,
            self.send_mail,
            self.send_letters,
            self.tell_failures,
            self.record_ends,
            self.expire_invitations,
            self.settle_subscriptions,
            self.warn_of_subscriptions,
            self.warn,
            self.warn_of_certificates,
            self.purge,
            self.drop_old_events,
            self.drop_old_feed,
            self.purge_organisations,
            self.keep_up,
        ):
            try:
                more = task() or more
            except (SQLAlchemyError, GatewayError) as error:
                _log.error("failed", task=task.__name__, exc_info=error)
                self.stopping.wait(1)
        return more

    def seal(self) -> bool:
        """Seal every organisation's new facts; True if a bound was reached."""
        with self.work.platform() as connection:
            waiting = sealing.waiting(connection)
        passes = [self.work.run_unlocked(x, SYSTEM, sealing.seal) for x in waiting]
        return any(sealed.is_partial for sealed in passes)

    def send_mail(self) -> bool:
        """Send what is due; True if there was any."""
        if self.mailer is None:
            return False
        with self.work.platform() as connection:
            if not outbox.is_due(connection, self.work.clock()):
                return False
        claimed = list(self.work.run_platform(outbox.claim))
        while claimed and not self.stopping.is_set():
            self._send(self.mailer, claimed.pop(0))
        for message in claimed:
            self._settle(partial(outbox.release, message=message))
        return True

    def send_letters(self) -> bool:
        """Send the letters that are due; True if there were any."""
        if self.mailer is None:
            return False
        with self.work.platform() as connection:
            if not letters.is_due(connection, self.work.clock()):
                return False
        claimed = list(self.work.run_platform(letters.claim))
        while claimed and not self.stopping.is_set():
            self._send(self.mailer, claimed.pop(0))
        for message in claimed:
            self._settle(partial(letters.release, message=message))
        return True

    def tell_failures(self) -> bool:
        """Tell organisations of wrong passwords of their members; True if there were any."""
        with self.work.platform() as connection:
            if connection.execute(t.failed_proofs.select().limit(1)).first() is None:
                return False
        return person_work.run(self.work, own_signin.tell_failures) > 0

    def keep_up(self) -> bool:
        """Forget what is over of sign-in."""
        now = self._time_for("upkeep", UPKEEP_EVERY)
        if now is None:
            return False
        person_work.run(self.work, sign_in_upkeep.forget)
        with self.work.platform() as connection:
            waiting = sign_in_upkeep.organisations(connection)
        for organisation_id in waiting:
            self._in_time(organisation_id, sign_in_upkeep.settle)
        self._seen_to["upkeep"] = now
        return False

    def record_ends(self) -> bool:
        """Recompute the access that time alone has ended since the last look."""
        since, now = self._seen_to.get("ends"), self._time_for("ends", EXPIRY_EVERY)
        if now is None:
            return False
        with self.work.platform() as connection:
            overdue = expiry.overdue(connection, now, since)
        for organisation_id, members in overdue.items():
            self._in_time(organisation_id, partial(expiry.settle, member_ids=members))
        self._seen_to["ends"] = now
        return False

    def expire_invitations(self) -> bool:
        """Record that invitations ended by time alone; who waits gets their seats."""
        with self.work.platform() as connection:
            organisations = invited.overdue(connection, self.work.clock())
        for organisation_id in organisations:
            self._in_time(organisation_id, expiry.end_invitations)
        return False

    def settle_subscriptions(self) -> bool:
        """Invoice periods that begin, and end what was not paid in time."""
        with self.work.platform() as connection:
            organisations = subscriptions.due(connection, self.work.clock())
        for organisation_id in sorted(organisations):
            self._in_time(organisation_id, subscriptions.settle)
        return False

    def warn_of_subscriptions(self) -> bool:
        """Tell of seats and periods that run out."""
        now = self._time_for("subscriptions", WARNINGS_EVERY)
        if now is None:
            return False
        with self.work.platform() as connection:
            organisations = subscriptions.to_warn(connection, now)
        for organisation_id in organisations:
            self._in_time(organisation_id, subscriptions.warn)
        self._seen_to["subscriptions"] = now
        return False

    def warn(self) -> bool:
        """Tell of tokens that end soon."""
        return self._warn_of("tokens", token_warnings.due, token_warnings.warn)

    def warn_of_certificates(self) -> bool:
        """Tell of identity providers' certificates that end soon."""
        return self._warn_of("certificates", certificate_warnings.due, certificate_warnings.warn)

    def purge(self) -> bool:
        """Drop what is kept long enough: requests, answers to retries, deliveries, mail."""
        now = self._time_for("purge", PURGE_EVERY)
        if now is None:
            return False
        request_log.purge(self.work)
        self.work.run_platform(idempotency.purge)
        self.work.run_platform(shipping.purge)
        self.work.run_platform(page_ends.forget)
        self.work.run_platform(retention.forget_mail)
        self.work.run_platform(retention.forget_sessions)
        self._seen_to["purge"] = now
        return False

    def drop_old_events(self) -> bool:
        """Drop a pass of the audit that is kept long enough; True if there is more."""
        return self._drop("retention", retention.due, retention.drop)

    def drop_old_feed(self) -> bool:
        """Drop a pass of the feed that is kept long enough; True if there is more."""
        return self._drop("feed", feed_retention.due, feed_retention.drop)

    def purge_organisations(self) -> bool:
        """Delete a pass of each organisation that nothing brings back; True if there is more."""
        now = self._time_for("closures", CLOSURES_EVERY)
        if now is None:
            return False
        with self.work.platform() as connection:
            gone = closures.due(connection, now)
        left = [each for each in gone if self._purge(each)]
        if left:
            return True
        self._seen_to["closures"] = now
        return False

    def _purge(self, organisation_id: UUID) -> bool:
        with suppress(NotFound):  # its names are dropped already
            self._in_time(organisation_id, closures.begin_purge)
        more = self.work.run_platform(partial(closures.purge, organisation_id=organisation_id))
        if not more:
            _log.info("organisation purged", organisation=str(organisation_id))
        return more

    def _time_for(self, task: str, every: timedelta) -> datetime | None:
        """Return the present instant if the task is due; a clock that was moved counts as time.

        Whoever has seen to it says so: what failed is due again at once.
        """
        now, since = self.work.clock(), self._seen_to.get(task)
        return now if since is None or abs(now - since) >= every else None

    def _in_time(self, organisation_id: UUID, verb: Callable[[UnitOfWork], object]) -> None:
        """Run a verb that nobody but time causes."""
        self.work.run(organisation_id, SYSTEM, verb, Context(cause="time"))

    def _warn_of(
        self,
        task: str,
        due: Callable[[Connection, datetime], Mapping[UUID, Sequence[UUID]]],
        warn: Callable[[UnitOfWork, Sequence[UUID]], None],
    ) -> bool:
        now = self._time_for(task, WARNINGS_EVERY)
        if now is None:
            return False
        with self.work.platform() as connection:
            ending = due(connection, now)
        for organisation_id, ids in ending.items():
            self._in_time(organisation_id, lambda uow, ids=ids: warn(uow, ids))  # type: ignore[misc]
        self._seen_to[task] = now
        return False

    def _drop(
        self,
        task: str,
        due: Callable[[Connection, datetime], Sequence[retention.Due]],
        drop: Callable[..., int],
    ) -> bool:
        now = self._time_for(task, PURGE_EVERY)
        if now is None:
            return False
        with self.work.platform() as connection:
            old = due(connection, now)
        dropped = [
            self.work.run_unlocked(
                each.organisation_id, SYSTEM, partial(drop, kept_since=each.kept_since)
            )
            for each in old
        ]
        if retention.PASS in dropped:
            return True
        self._seen_to[task] = now
        return False

    def _send(self, mailer: Mailer, message: Message) -> None:
        log = _log.bind(message=str(message.id), type=message.type, attempt=message.attempts)
        try:
            mailer.send(self._opened(message))
        except Undelivered as refusal:
            log.warning("mail not taken", reason=refusal.reason, final=refusal.permanent)
            box = letters if message.organisation_id is None else outbox
            verdict = box.give_up if refusal.permanent else box.retry
            # First what it means for its invitation: whoever dies in between does both again.
            if refusal.permanent or outbox.is_last(message):
                self._note_bounce(message, refusal.reason)
            self._settle(partial(verdict, message=message, reason=refusal.reason))
            return
        box = letters if message.organisation_id is None else outbox
        self._settle(partial(box.finish, message=message))
        log.info("mail sent")

    def _opened(self, message: Message) -> Message:
        """Return a message with what it says; one whose key is missing waits for it."""
        try:
            return outbox.opened(self.work.vault, message)
        except VaultError as error:
            raise Undelivered(f"sealed: {error}", permanent=False) from error

    def _note_bounce(self, message: Message, reason: str) -> None:
        """Let the invitation whose mail never arrives show it."""
        if message.organisation_id is not None and message.type in outbox.INVITING:
            verb = partial(invited.note_bounce, message_id=message.id, reason=reason)
            self.work.run(message.organisation_id, SYSTEM, verb)

    def _settle(self, verb: Callable[[Connection, datetime], bool]) -> None:
        if not self.work.run_platform(verb):
            _log.warning("a lease ended before its mail was sent; it may arrive twice")


class Walker(Protocol):
    """Something that works until it is told to stop."""

    stopping: threading.Event

    def run(self) -> None:
        """Work until told to stop."""


def run_until_told(
    worker: Worker,
    is_orphan: Callable[[], bool] = lambda: False,
    beside: Sequence[Walker] = (),
) -> None:
    """Run a worker until SIGTERM, Ctrl-C, its own failure, or the end of whoever started it.

    Others walk `beside` it. The signals are waited for rather than handled: a handler would
    interrupt the worker anywhere, in the middle of a lock too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    walkers: list[Walker] = [worker, *beside]
    with ThreadPoolExecutor(len(walkers), "worker") as pool:
        running = [pool.submit(each.run) for each in walkers]
        while not any(each.done() for each in running) and not is_orphan():
            if signal.sigtimedwait(STOP_SIGNALS, 0.5) is not None:
                break
        for walker in walkers:
            walker.stopping.set()
    for each in running:
        each.result()
