"""`gateway demo`: everything started, the play played, and then there to be used."""

import contextlib
import http.client
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import rich.progress
from pydantic import HttpUrl, SecretStr
from sqlalchemy.exc import ArgumentError

from gateway import logs
from gateway.app import build_work, create_app
from gateway.delivery.mail import Mailer
from gateway.delivery.worker import Worker, run_until_told
from gateway.demo import stage as staging
from gateway.demo.catcher import Catcher
from gateway.demo.options import DemoFailed, FileClock, Options
from gateway.demo.play import FEWEST, Play
from gateway.demo.processes import STOP_SIGNALS, Processes
from gateway.demo.stage import Stage
from gateway.demo.telling import Story
from gateway.serving import Supervisor, listen
from gateway.settings import Settings
from gateway.storage import schema

HOST = "127.0.0.1"
KEPT = "demo.json"
START_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where this demo keeps its database, its log and, if asked to, its credentials."""

    folder: Path
    database: str
    kept: Path | None

    @property
    def log(self) -> Path:
        """The log of server and worker."""
        return self.folder / "gateway.log"


def run(options: Options) -> None:
    """Run the demo until it is told to stop.

    :raises DemoFailed: it cannot start or go on; the message says why.
    """
    staging.require_preset(options)
    story = Story(on_stderr=options.json)
    with _place(options) as place, _interruptible():
        _run(options, place, story)


def _run(options: Options, place: Place, story: Story) -> None:
    listener = listen(HOST, options.port)
    catcher = Catcher.open()
    settings = _settings(place, listener.getsockname()[1], catcher.smtp_port)
    stage, is_new = _stage(settings, options, place)
    processes = Processes()
    clock = FileClock(options.clock)
    processes.start(
        "server",
        _logged(
            place,
            lambda is_orphan: Supervisor(
                settings,
                listener,
                lambda: create_app(settings, build_work(settings, clock)),
                1 if settings.on_sqlite else 2,
                is_orphan,
            ).run(),
        ),
    )
    processes.start(
        "worker",
        _logged(
            place,
            lambda is_orphan: run_until_told(
                Worker(build_work(settings, clock), Mailer.of(settings)), is_orphan
            ),
        ),
    )
    listener.close()
    try:
        with catcher.running():
            _wait_until_ready(settings, processes)
            if options.play and is_new:
                _play(stage, settings, options, story)
            _tell(stage, settings, catcher, options, story)
            _stay(processes)
    except DemoFailed as failure:
        raise DemoFailed("\n".join((str(failure), *_last_words(place)))) from failure
    finally:
        processes.stop()


def _last_words(place: Place) -> list[str]:
    """Return the worst that the log has, for the log itself may go with its folder."""
    lines = place.log.read_text().splitlines() if place.log.exists() else []
    return [line for line in lines if '"level": "critical"' in line][-1:]


def _stage(settings: Settings, options: Options, place: Place) -> tuple[Stage, bool]:
    """Set the stage, or find the one that an earlier run left in the same folder."""
    if place.kept is not None and place.kept.exists():
        return Stage.found(json.loads(place.kept.read_text())), False
    try:
        work = build_work(settings, FileClock(options.clock))
    except (ValueError, ArgumentError) as error:
        raise DemoFailed(f"--database: {error}") from error
    try:
        schema.migrate(work.engines)
        stage = staging.set_up(work, options)
    finally:
        # The processes are forked from this one and must not share its connections.
        work.engines.dispose()
    if place.kept is not None:
        place.kept.touch(mode=0o600)
        place.kept.write_text(json.dumps(stage.kept()))
    return stage, True


def _play(stage: Stage, settings: Settings, options: Options, story: Story) -> None:
    roles = staging.below_owner(options.preset)
    plays = [Play(each, settings.origin, roles) for each in stage.organisations]
    ready = [(play, size) for play in plays if (size := play.size()) >= FEWEST]
    for play in plays:
        if play not in [one for one, _ in ready]:
            story.say(f"{play.organisation.name} has too few seats for an onboarding.")
    with story.progress() as bars:
        for play, size in ready:
            name = f"{play.organisation.idp} provisions {play.organisation.name}"
            play.onboard(size, partial(_show, bars, bars.add_task(name, total=None)))
    for play, _ in ready:
        story.rules(play.organisation.name, play.map_groups())
        story.access(play)
    for play, _ in ready:
        story.offboarding(play, play.offboard())
        play.admin.close()


def _show(bars: rich.progress.Progress, task: rich.progress.TaskID, done: int, total: int) -> None:
    bars.update(task, completed=done, total=total)


def _tell(
    stage: Stage, settings: Settings, catcher: Catcher, options: Options, story: Story
) -> None:
    if not options.json:
        story.addresses(stage, settings.origin, catcher.url)
        return
    document: dict[str, Any] = {
        "base_url": settings.origin,
        "operator_key": stage.operator_key,
        "organisations": [each.document(settings.origin) for each in stage.organisations],
        "mail": {"url": catcher.url},
    }
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _stay(processes: Processes) -> None:
    while True:
        processes.require_alive()
        time.sleep(0.5)


def _wait_until_ready(settings: Settings, processes: Processes) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        processes.require_alive()
        connection = http.client.HTTPConnection(HOST, settings.base_url.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                connection.close()
                return
        connection.close()
        time.sleep(0.05)
    raise DemoFailed("The gateway did not become ready within a minute.")


def _settings(place: Place, port: int, smtp_port: int) -> Settings:
    """Return the demo's settings; the environment's GATEWAY_ variables do not reach it."""
    return Settings.model_construct(
        base_url=HttpUrl(f"http://{HOST}:{port}"),
        database_url=SecretStr(place.database),
        smtp_host=HOST,
        smtp_port=smtp_port,
        smtp_security="none",
        mail_from="gateway@demo.test",
        scim_rate=5_000,
        scim_burst=50_000,
    )


def _logged(
    place: Place, program: Callable[[Callable[[], bool]], None]
) -> Callable[[Callable[[], bool]], None]:
    """Return the program with its log in a file: the terminal is for the story."""

    def run(is_orphan: Callable[[], bool]) -> None:
        file = place.log.open("a", buffering=1)
        os.dup2(file.fileno(), sys.stderr.fileno())
        logs.set_up("info", "json")
        program(is_orphan)

    return run


@contextlib.contextmanager
def _place(options: Options) -> Iterator[Place]:
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True)
        database = options.database or f"sqlite:///{(options.data / 'gateway.db').absolute()}"
        yield Place(options.data, database, options.data / KEPT)
        return
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as name:
        folder = Path(name)
        yield Place(folder, options.database or f"sqlite:///{folder / 'gateway.db'}", None)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the demo the same quiet way, whatever it is doing."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
