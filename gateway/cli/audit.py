"""`gateway audit`: the hash chain verified, and events or sign-ins as a file."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO
from uuid import UUID

import click

from gateway.cli import finding
from gateway.cli.opening import open_settings, open_work, operator
from gateway.cli.printing import Instant, answer, as_json, progress
from gateway.domain.errors import InvalidRequest
from gateway.domain.events import is_known
from gateway.domain.exports import Format
from gateway.domain.identity import ActorType
from gateway.services import audit, exports, login_history, organisations
from gateway.services.exports import Download, Kind, Wanted
from gateway.storage.unit_of_work import UnitOfWork, Work

FORMS = [str(each) for each in Format]
ACTORS = [str(each) for each in ActorType]


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


@audit_trail.command("export")
@click.option("--organisation", "slug", required=True, help="Slug or id.")
@click.option("--login-history", "sign_ins", is_flag=True, help="Sign-ins instead of events.")
@click.option("--format", "form", type=click.Choice(FORMS), default="jsonl", show_default=True)
@click.option("--action", help="An action, or a family of them such as `member.`.")
@click.option("--actor-type", type=click.Choice(ACTORS))
@click.option("--actor", "actor_id", help="Id of whoever acted.")
@click.option("--target", type=click.UUID, help="Id of what it was done to.")
@click.option("--member", help="Address or id: what they did and what was done to them.")
@click.option("--outcome", type=click.Choice(["success", "refused"]))
@click.option("--since", type=Instant(), help="First instant that is wanted.")
@click.option("--until", type=Instant(), help="First instant that no longer is.")
@click.option("--output", type=click.File("wb"), default="-", help="A file. Default: stdout.")
def export_audit(
    slug: str,
    sign_ins: bool,  # noqa: FBT001 - click passes options by name
    form: str,
    output: BinaryIO,
    **wish: Any,
) -> None:
    """Write events or sign-ins as CSV or JSON lines, the newest first; an audited act.

    No cell of the CSV is a formula: one that would be begins with an apostrophe.
    """
    work = open_work(open_settings())
    kind = Kind.LOGIN_HISTORY if sign_ins else Kind.AUDIT

    def begin(uow: UnitOfWork) -> Download:
        return exports.begin(uow, work, Wanted(kind, Format(form), _filters(uow, kind, **wish)))

    download = work.run(finding.organisation(work, slug), operator(), begin)
    for chunk in download.chunks:
        output.write(chunk)


def _filters(
    uow: UnitOfWork,
    kind: Kind,
    *,
    action: str | None,
    target: UUID | None,
    member: str | None,
    **same: Any,
) -> audit.Filters:
    if action is not None and not is_known(action):
        raise InvalidRequest(f"There is no action {action!r}.")
    if kind is Kind.LOGIN_HISTORY:
        if action is not None:
            raise InvalidRequest("Sign-ins have no other action; leave --action out.")
        action = login_history.FAMILY
    involved = () if member is None else audit.actors_of(uow, finding.member(uow, member).id)
    targets = () if target is None else (target,)
    return audit.Filters(action=action, target_ids=targets, involved=involved, **same)


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
        "erased": verdict.erased,
        "checkpoint": verdict.checkpoint and asdict(verdict.checkpoint),
        "first_break": broken
        and {"seq": broken.seq, "event": broken.event_id, "reason": broken.reason},
    }


def _line(verdict: dict[str, Any]) -> str:
    broken = verdict["first_break"]
    if broken is None:
        gone = verdict["checkpoint"]
        behind = f", {gone['dropped']} dropped until {gone['until'].isoformat()}" if gone else ""
        erased = verdict["erased"]
        nameless = f", names erased in {erased}" if erased else ""
        return (
            f"{verdict['organisation']}: intact, {verdict['sealed']} events sealed,"
            f" {verdict['unsealed']} waiting for the sealer{behind}{nameless}"
        )
    return (
        f"{verdict['organisation']}: BROKEN at {broken['seq']}"
        f" (event {broken['event']}): {broken['reason']}"
    )
