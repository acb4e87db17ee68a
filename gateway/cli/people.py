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
@as_json
def erase_person(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Erase somebody who is a member nowhere any more, and report what stays.

    NAME is an address, or the id of an account. Names, addresses, proofs and traces go; the audit
    keeps what was done under a pseudonym and still verifies. Nothing of it can be undone.
    """
    work = open_work(open_settings())
    with work.platform() as database:
        sought = erasure.find(database, name)
    for each in sought.organisations:
        with work.read(each) as uow:
            erasure.require_no_member(uow, sought)

    def erase(uow: UnitOfWork) -> erasure.Erased:
        return erasure.erase(uow, sought)

    done = {str(each): work.run(each, operator(), erase) for each in sought.organisations}
    account = person_work.run(work, lambda here: erasure.erase_account(here, sought))
    document = {
        "persons": sorted(map(str, sought.persons)),
        "organisations": [{"id": each, **asdict(found)} for each, found in done.items()],
        "account": asdict(account),
    }
    answer(document, _lines(document), machine=as_json)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for each in document["organisations"]:
        yield f"Organisation {each['id']}: {_counts('erased', each['erased'])}."
        yield f"  {_counts('without a name stay', each['remains'])}."
    yield f"Account: {_counts('erased', document['account']['erased'])}."


def _counts(what: str, counts: dict[str, int]) -> str:
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return f"{what} {said or 'nothing'}"
