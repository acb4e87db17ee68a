"""`gateway demo`: see the product at work, or give a test something to talk to."""

from pathlib import Path
from typing import Any

import click

from gateway.demo.options import DEFAULT_PRESET, Options, require_address
from gateway.demo.running import run


def _address(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Any:
    for text in given:
        try:
            require_address(text)
        except ValueError as error:
            raise click.BadParameter(
                f"{text!r} is no address with or without a port: {error}"
            ) from error
    return given


@click.command()
@click.option("--json", is_flag=True, help="Print exactly one line on stdout, once ready.")
@click.option("--play/--no-play", default=True, help="Let the identity providers onboard people.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Default: a free one.")
@click.option("--database", help="URL of an empty database. Default: SQLite in a new folder.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps everything; a later demo goes on there. Default: nothing is kept.",
)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, help="The product it plays.")
@click.option("--plan", help="The plan of both organisations. Default: the first, without limit.")
@click.option(
    "--clock",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that holds an offset in seconds from the present.",
)
@click.option(
    "--allow-outbound",
    "outbound",
    multiple=True,
    callback=_address,
    metavar="ADDR[:PORT]",
    help="Address that discovery, key sets and metadata may be read from, by plain http too.",
)
def demo(**wish: Any) -> None:
    """Start a gateway, let Okta and Entra ID provision people into it, and show what they got."""
    run(Options(**wish))
