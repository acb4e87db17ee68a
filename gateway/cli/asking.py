"""`gateway member explain`: a question that changes nothing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from gateway.cli import finding
from gateway.cli.opening import open_settings, open_work
from gateway.cli.printing import Instant, answer, as_json
from gateway.services import explaining

MARKS = {True: "yes", False: "NO ", None: "-  "}
"""How a gate stands: passed, closed, or not reached."""


@click.group()
def member() -> None:
    """Members of an organisation."""


@member.command("explain")
@click.argument("name")
@click.option("--organisation", "slug", required=True, help="Slug or id.")
@click.option("--action", required=True, help="A permission, for example `analytics.read`.")
@click.option("--chatbot", help="Name or id, for permissions on chatbots.")
@click.option("--at", type=Instant(), help="An earlier instant. Default: now.")
@as_json
def explain_member(
    name: str,
    slug: str,
    action: str,
    chatbot: str | None,
    at: datetime | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Say whether a member may do something, and why.

    NAME is the member's address or id.
    """
    work = open_work(open_settings())
    with work.snapshot(finding.organisation(work, slug)) as uow:
        found = finding.member(uow, name)
        chatbot_id = None if chatbot is None else finding.chatbot(uow, chatbot)
        question = explaining.Question(found.id, action, chatbot_id, at)
        said = explaining.answer(uow, question)
    answer(said, _told(found.display_name, said), machine=as_json)


def _told(name: str, said: dict[str, Any]) -> Iterator[str]:
    """The explanation in a few lines; `--json` has all of it."""
    verdict = "may" if said["decision"] else "may not"
    on = f" on chatbot {said['chatbot']}" if said["chatbot"] else ""
    yield f"{name} {verdict} {said['action']}{on} ({said['code']}), as of {said['at']}."
    for gate in said["gates"]:
        yield f"  {MARKS[gate['passed']]} {gate['gate']}: {gate['detail']}"
    for other in said["counterfactuals"]:
        subject = other.get("group", {}).get("name") or other.get("grant", {}).get("id") or ""
        change = f"{other['change']} {subject}".replace("_", " ").strip()
        yield f"  {change}: {other['effect'].replace('_', ' ')}"
    for lever in said["levers"]:
        yield f"  to change this: {lever['text']}"
