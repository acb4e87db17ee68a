"""`gateway member explain` and `gateway audit verify`: questions that change nothing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from gateway.cli import finding
from gateway.cli.opening import open_settings, open_work
from gateway.cli.printing import Instant, answer, as_json, progress
from gateway.services import audit, explaining, organisations
from gateway.storage.unit_of_work import Work

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


@click.group("audit")
def audit_trail() -> None:
    """The audit and its hash chain."""


@audit_trail.command("verify")
@click.option("--organisation", "slug", help="Slug or id. Default: every organisation.")
@as_json
def verify_audit(slug: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Recompute every hash of the audit; exit status 1 where it is broken."""
    work = open_work(open_settings())
    named = list(_organisations(work, slug))
    verdicts: list[dict[str, Any]] = []
    with progress() as bars:
        for name, organisation_id in named:
            task = bars.add_task(name, total=None)
            with work.snapshot(organisation_id) as uow:
                verdict = audit.verify(
                    uow,
                    lambda done, total, task=task: bars.update(  # type: ignore[misc]
                        task, completed=done, total=total
                    ),
                )
            verdicts.append(_verdict(name, organisation_id, verdict))
    intact = all(verdict["intact"] for verdict in verdicts)
    answer(
        {"intact": intact, "organisations": verdicts},
        [_line(verdict) for verdict in verdicts],
        machine=as_json,
    )
    if not intact:
        raise SystemExit(1)


def _organisations(work: Work, slug: str | None) -> Iterator[tuple[str, UUID]]:
    if slug is not None:
        yield slug, finding.organisation(work, slug)
        return
    after: UUID | None = None
    while True:
        with work.platform() as database:
            page = organisations.listing(database, after)
        if not page:
            return
        yield from ((row.slug, row.id) for row in page)
        after = page[-1].id


def _verdict(name: str, organisation_id: UUID, verdict: audit.Verdict) -> dict[str, Any]:
    broken = verdict.first_break
    return {
        "organisation": name,
        "id": organisation_id,
        "intact": broken is None,
        "sealed": verdict.sealed,
        "unsealed": verdict.unsealed,
        "first_break": broken
        and {"seq": broken.seq, "event": broken.event_id, "reason": broken.reason},
    }


def _line(verdict: dict[str, Any]) -> str:
    broken = verdict["first_break"]
    if broken is None:
        return (
            f"{verdict['organisation']}: intact, {verdict['sealed']} events sealed,"
            f" {verdict['unsealed']} waiting for the sealer"
        )
    return (
        f"{verdict['organisation']}: BROKEN at {broken['seq']}"
        f" (event {broken['event']}): {broken['reason']}"
    )


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
