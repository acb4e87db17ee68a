"""`gateway person`: what only an operator may do to people, across organisations."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from gateway.cli.opening import open_settings, open_work, operator
from gateway.cli.printing import answer, as_json
from gateway.services import erasure
from gateway.storage import person_work
from gateway.storage.unit_of_work import UnitOfWork


@click.group()
def person() -> None:
    """People, across organisations."""


@person.command("erase")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing.")
@as_json
def erase_person(name: str, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001
    """Erase somebody who is a member nowhere any more, and report what stays.

    NAME is an address, or the id of an account. Names, addresses, proofs and traces go; the audit
    keeps what was done under a pseudonym and still verifies. Nothing of it can be undone. One that
    was interrupted goes on when it is asked for again, by any of the person's addresses.
    """
    work = open_work(open_settings())
    with work.platform() as database:
        sought = erasure.find(database, name)
    for each in sought.organisations:
        with work.read(each) as uow:
            erasure.require_no_member(uow, sought)
    of_house = erasure.rehearse if dry_run else erasure.erase
    of_account = erasure.rehearse_account if dry_run else erasure.erase_account
    if not dry_run:
        person_work.run(work, lambda here: erasure.begin(here, sought))

    def erase(uow: UnitOfWork) -> erasure.Erased:
        return of_house(uow, sought)

    done = {str(each): work.run(each, operator(), erase) for each in sought.organisations}
    account = person_work.run(work, lambda here: of_account(here, sought))
    document = {
        "dry_run": dry_run,
        "resumed": sought.begun,
        "persons": sorted(map(str, sought.persons)),
        "addresses": sorted(sought.addresses) if dry_run else [],
        "organisations": [{"id": each, **asdict(found)} for each, found in done.items()],
        "account": asdict(account),
    }
    answer(document, _lines(document), machine=as_json)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    erased = "would be erased:" if document["dry_run"] else "erased"
    if document["resumed"]:
        yield "An erasure of this person was begun before and did not come to its end."
    for address in document["addresses"]:
        yield f"Address: {address}."
    for each in document["organisations"]:
        yield f"Organisation {each['id']}: {_counts(erased, each['erased'])}."
        yield f"  {_counts('without a name stay', each['remains'])}."
    yield f"Account: {_counts(erased, document['account']['erased'])}."
    if document["dry_run"]:
        yield "Nothing was erased: this was a dry run."


def _counts(what: str, counts: dict[str, int]) -> str:
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return f"{what} {said or 'nothing'}"
