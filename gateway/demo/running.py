"""`gateway demo`: everything started, the play played, and then there to be used."""

import contextlib
import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import rich.progress
from pydantic import HttpUrl, SecretStr
from sqlalchemy.exc import ArgumentError

from gateway import logs
from gateway.app import (
    build_allowances,
    build_courier,
    build_errands,
    build_work,
    create_app,
)
from gateway.delivery.mail import Mailer
from gateway.delivery.worker import Worker, run_until_told
from gateway.demo import stage as staging
from gateway.demo.catcher import Catcher
from gateway.demo.identity_providers import IdentityProviders
from gateway.demo.options import DemoFailed, FileClock, Options
from gateway.demo.place import Place, place
from gateway.demo.play import FEWEST, Play
from gateway.demo.processes import STOP_SIGNALS, Processes
from gateway.demo.sign_on import SignOn
from gateway.demo.stage import Stage
from gateway.demo.telling import Story, Told
from gateway.serving import Supervisor, listen
from gateway.settings import Settings
from gateway.storage import schema
from gateway.storage.unit_of_work import Work

HOST = "127.0.0.1"
START_PATIENCE = 60.0


def run(options: Options) -> None:
    """Run the demo until it is told to stop.

    :raises DemoFailed: it cannot start or go on; the message says why.
    """
    staging.require_preset(options)
    story = Story(on_stderr=options.json)
    with place(options) as here, _interruptible():
        _run(options, here, story)


def _run(options: Options, here: Place, story: Story) -> None:
    listener = listen(HOST, options.port)
    catcher = Catcher.open()
    clock = FileClock(options.clock)
    providers = IdentityProviders(HOST, here.provider_keys, clock)
    outbound = (providers.address, *options.outbound)
    settings = _settings(here, listener.getsockname()[1], catcher.smtp_port, outbound)
    stage, is_new = _stage(settings, options, here)
    processes = Processes()
    allowances = build_allowances(settings)
    processes.start(
        "server",
        _logged(
            here,
            lambda is_orphan: Supervisor(
                settings,
                listener,
                lambda: create_app(settings, build_work(settings, clock), allowances),
                1 if settings.on_sqlite else 2,
                is_orphan,
            ).run(),
        ),
    )
    processes.start(
        "worker",
        _logged(
            here,
            lambda is_orphan: _work(settings, build_work(settings, clock), is_orphan),
        ),
    )
    listener.close()
    try:
        with catcher.running(), providers.running():
            _wait_until_ready(settings, processes)
            ways = _connect(stage, settings, providers)
            if options.play and is_new:
                _play(ways, options, story)
            told = Told(stage.operator_key, settings.origin, ways, catcher.url, providers.url)
            _tell(told, options, story)
            _stay(processes)
    except DemoFailed as failure:
        raise DemoFailed("\n".join((str(failure), *_last_words(here)))) from failure
    finally:
        processes.stop()


def _work(settings: Settings, work: Work, is_orphan: Callable[[], bool]) -> None:
    """Run the product's worker with its errands."""
    worker = Worker(work, Mailer.of(settings))
    beside = (build_errands(work, settings), build_courier(work, settings))
    run_until_told(worker, is_orphan, beside)


def _last_words(here: Place) -> list[str]:
    """Return the worst that the log has, for the log itself may go with its folder."""
    lines = here.log.read_text().splitlines() if here.log.exists() else []
    return [line for line in lines if '"level": "critical"' in line][-1:]


def _stage(settings: Settings, options: Options, here: Place) -> tuple[Stage, bool]:
    """Set the stage, or find the one that an earlier run left in the same folder."""
    kept = here.stage()
    if kept is not None:
        return kept, False
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
    here.keep(stage)
    return stage, True


def _connect(stage: Stage, settings: Settings, providers: IdentityProviders) -> list[SignOn]:
    """Let each company's administrator connect its provider."""
    ways = [
        SignOn(each, providers.by_slug[each.slug], settings.origin) for each in stage.organisations
    ]
    for way in ways:
        way.connect()
    return ways


def _play(ways: Sequence[SignOn], options: Options, story: Story) -> None:
    roles = staging.below_owner(options.preset)
    plays = [Play(way, roles) for way in ways]
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


def _tell(told: Told, options: Options, story: Story) -> None:
    story.warn_of_plain_http()
    if not options.json:
        story.addresses(told)
        return
    sys.stdout.write(json.dumps(told.document()) + "\n")
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


def _settings(here: Place, port: int, smtp_port: int, outbound: Sequence[str]) -> Settings:
    """Return the demo's settings; the environment's GATEWAY_ variables do not reach it."""
    return Settings.model_construct(
        base_url=HttpUrl(f"http://{HOST}:{port}"),
        database_url=SecretStr(here.database),
        encryption_keys=SecretStr(here.encryption_key),
        plain_http_cookies=True,
        outbound_allow=tuple(outbound),
        smtp_host=HOST,
        smtp_port=smtp_port,
        smtp_security="none",
        mail_from="gateway@demo.test",
        scim_rate=5_000,
        scim_burst=50_000,
    )


def _logged(
    here: Place, program: Callable[[Callable[[], bool]], None]
) -> Callable[[Callable[[], bool]], None]:
    """Return the program with its log in a file: the terminal is for the story."""

    def run(is_orphan: Callable[[], bool]) -> None:
        file = here.log.open("a", buffering=1)
        os.dup2(file.fileno(), sys.stderr.fileno())
        logs.set_up("info", "json")
        program(is_orphan)

    return run


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
