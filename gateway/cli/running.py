"""`gateway serve`, `gateway worker` and `gateway migrate`: what an installation runs."""

import os
from functools import partial

import click

from gateway.app import build_allowances, build_courier, build_errands, create_app
from gateway.cli.opening import open_any_work, open_settings, open_work
from gateway.delivery.mail import Mailer
from gateway.delivery.worker import Worker, run_until_told
from gateway.serving import StartFailed, Supervisor, listen
from gateway.settings import Settings
from gateway.storage import schema


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Server processes. Default: one for each processor; SQLite takes one.",
)
def serve(host: str, port: int, workers: int | None) -> None:
    """Serve requests until told to stop; requests in flight are finished."""
    settings = open_settings()
    _require_safe(settings)
    processes = workers or (1 if settings.on_sqlite else os.cpu_count() or 1)
    if settings.on_sqlite and processes > 1:
        raise StartFailed("SQLite has one writer: serve it by one process, or use PostgreSQL.")
    open_work(settings).engines.dispose()
    listener = listen(host, port)
    allowances = build_allowances(settings)
    build = partial(create_app, settings, allowances=allowances)
    Supervisor(settings, listener, build, processes).run()


def _require_safe(settings: Settings) -> None:
    if settings.plain_http_cookies:
        raise StartFailed("GATEWAY_PLAIN_HTTP_COOKIES is for demos; cookies need https here.")
    if settings.outbound_allow and not settings.not_production:
        raise StartFailed(
            "GATEWAY_OUTBOUND_ALLOW opens a way past the guard of outgoing requests; where that "
            "is meant, set GATEWAY_NOT_PRODUCTION too."
        )


@click.command()
def worker() -> None:
    """Send mail and events, seal the audit and record what time has ended, until told to stop."""
    settings = open_settings()
    work = open_work(settings)
    beside = (build_errands(work, settings), build_courier(work, settings))
    run_until_told(Worker(work, Mailer.of(settings)), beside=beside)


@click.command()
def migrate() -> None:
    """Bring the database to this release's schema; one that is there is left alone."""
    work = open_any_work(open_settings())
    before = schema.is_current(work.engines)
    if not before:
        schema.migrate(work.engines)
    click.echo("The schema was current already." if before else "The schema is current now.")
