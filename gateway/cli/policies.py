"""`gateway policies`: how an organisation's switches stand, and overriding them by the operator."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gateway.cli import finding
from gateway.cli.opening import open_settings, open_work, operator
from gateway.cli.printing import answer, as_json
from gateway.domain.errors import InvalidRequest
from gateway.domain.policies import Layer, keeper, require_policy
from gateway.services import policies as services
from gateway.services.policies import Policy
from gateway.storage.unit_of_work import UnitOfWork

of_organisation = click.option("--organisation", "slug", required=True, help="Slug or id.")


@click.group()
def policies() -> None:
    """Policies of an organisation, and who says how they stand."""


@policies.command("list")
@of_organisation
@as_json
def list_policies(slug: str, as_json: bool) -> None:  # noqa: FBT001
    """Show how every policy stands, who says so, and what others say.

    The organisation's own word decides before the plan's, the plan's before the preset's, and that
    before the one for all.
    """
    work = open_work(open_settings())
    with work.snapshot(finding.organisation(work, slug)) as uow:
        found = services.listing(uow)
    _show(found, machine=as_json)


@policies.command("set")
@click.argument("wishes", metavar="NAME=VALUE...", nargs=-1, required=True)
@of_organisation
@as_json
def set_policies(wishes: tuple[str, ...], slug: str, as_json: bool) -> None:  # noqa: FBT001
    """Override policies; roles, access and the waiting list follow at once.

    Values are written as in JSON, texts without quotes: `require_mfa=true`, `invite_ttl_days=14`,
    `owners=multi`. All of them change or none.
    """
    _change(slug, dict(map(_wish, wishes)), machine=as_json)


@policies.command("unset")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@of_organisation
@as_json
def unset_policies(names: tuple[str, ...], slug: str, as_json: bool) -> None:  # noqa: FBT001
    """End overrides: what the plan, the preset or the rule for all says holds again.

    One that the organisation does not override stays as it is.
    """
    _change(slug, dict.fromkeys(names), machine=as_json)


def _change(slug: str, wishes: Mapping[str, object], *, machine: bool) -> None:
    work = open_work(open_settings())

    def change(uow: UnitOfWork) -> Sequence[Policy]:
        services.change(uow, wishes)
        return services.listing(uow)

    found = work.run(finding.organisation(work, slug), operator(), change)
    _show([each for each in found if each.name in wishes], machine=machine)


def _wish(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    require_policy(name)
    if not equals:
        raise InvalidRequest(f"Write {name}=VALUE.", field=name)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _show(found: Sequence[Policy], *, machine: bool) -> None:
    document: dict[str, Any] = {
        "policies": [
            {
                "name": each.name,
                "value": each.value,
                "source": each.source,
                "said": dict(each.said),
                "overridden_by": keeper(each.name),
            }
            for each in found
        ]
    }
    answer(document, _lines(found), machine=machine)


def _lines(found: Sequence[Policy]) -> Iterator[str]:
    for each in found:
        below = [
            f"; {layer} says {_written(each.said[layer])}"
            for layer in Layer
            if layer in each.said and layer is not each.source
        ]
        yield f"{each.name}={_written(each.value)} by {each.source}{''.join(below)}"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
