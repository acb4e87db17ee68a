"""Renders docs/reference from the declarations; `make docs` writes what a test compares."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import click
from pydantic import ByteSize, HttpUrl, SecretStr

from gateway import cli
from gateway.api import ENDPOINTS
from gateway.api.endpoint import PREFIX, Allow
from gateway.api.openapi import INTRODUCTION, statuses
from gateway.api.problems import STATUSES, WIRE_CODES
from gateway.domain import events, permissions
from gateway.domain.errors import GatewayError
from gateway.domain.sessions import LONGEST_SESSION, STEP_UP
from gateway.domain.signin import (
    ATTEMPT_LIFETIME,
    MAX_AGE,
    MAX_SKEW,
    TRACE_LIFETIME,
    OIDCAddresses,
    SAMLAddresses,
)
from gateway.domain.signin_failures import FAILURES
from gateway.scim.errors import SCIM_ERRORS
from gateway.settings import Settings
from tests.architecture.conformance import conformance_page
from tests.architecture.markdown import code, table
from tests.architecture.preset_pages import plans_page, policies_page, roles_page
from tests.architecture.requirements import requirements_page, write_waiting

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Rendered from the code by `make docs`: change the declaration, not this page. -->\n\n"


def prose(documented: object) -> str:
    """Return a docstring as one paragraph."""
    return " ".join((inspect.getdoc(documented) or "").split())


def refusals(family: type[GatewayError] = GatewayError) -> list[type[GatewayError]]:
    """Every refusal of the product, by code."""
    found = {cls for child in family.__subclasses__() for cls in (child, *refusals(child))}
    ours = {cls for cls in found if cls.__module__.startswith("gateway.")}
    return sorted(ours, key=lambda cls: cls.code)


def events_page() -> str:
    """Return the page of every audit action and feed type."""
    rows = [
        (code(name), "feed" if name in events.FEED_ONLY else "audit, feed", meaning)
        for name, meaning in sorted(events.CATALOGUE.items())
    ]
    return (
        "# Events\n\n"
        "Facts in the past tense. Each is written in the commit of the change it tells of: as an"
        " audit event, and as an entry of the organisation's ordered feed.\n\n"
        + table(("type", "told in", "what happened"), rows)
        + "\n## Targets\n\n"
        "What a fact is about: `targets` of an audit event, each with `type`, `id` and `name`.\n\n"
        + table(
            ("type", "what it is"),
            [(code(name), meaning) for name, meaning in sorted(events.TARGETS.items())],
        )
    )


def permissions_page() -> str:
    """Return the page of every atom that a decision can be asked about."""
    sections = [
        (code(f"{section}.read"), code(f"{section}.write")) for section in permissions.SECTIONS
    ]
    return (
        "# Permissions\n\n"
        "An atom is one name that a decision can be asked about. Roles list atoms of the"
        " organisation, atoms of a chatbot, and a level for each section of a chatbot.\n\n"
        "## Of the organisation\n\n"
        + "".join(f"- {code(atom)}{_remarks(atom)}\n" for atom in sorted(permissions.ORG_ATOMS))
        + "\n## Of a chatbot\n\n"
        + "".join(f"- {code(atom)}\n" for atom in sorted(permissions.BOT_ATOMS))
        + "\n## Of a chatbot's sections\n\nWriting includes reading.\n\n"
        + table(("read", "write"), sections)
    )


def _remarks(atom: str) -> str:
    remarks = []
    if atom in permissions.BASE_ATOMS:
        remarks.append("every role carries it")
    if atom in permissions.FORBIDDEN_IN_CUSTOM_ROLES:
        remarks.append("no custom role holds it")
    if features := permissions.FEATURES_OF_ATOM.get(atom):
        remarks.append(f"needs the plan's {' or '.join(sorted(features))}")
    if atom in permissions.PLATFORM_ATOMS:
        remarks.append("closed while the subscription is expired")
    return f": {'; '.join(remarks)}" if remarks else ""


def errors_page() -> str:
    """Return the page of every refusal with its form in each protocol."""
    rows = [
        (code(cls.code), str(STATUSES[cls]), _scim_form(*SCIM_ERRORS[cls]), prose(cls))
        for cls in refusals()
    ]
    wire = [(code(name), str(status), meaning) for name, (status, meaning) in WIRE_CODES.items()]
    return (
        "# Errors\n\n"
        "A refusal carries a stable `code`; statuses are chosen where it leaves the house: as"
        " problem+json (RFC 9457) in the management API, as an Error (RFC 7644 §3.12) in SCIM.\n\n"
        "## Refusals\n\n"
        + table(("code", "API", "SCIM", "meaning"), rows)
        + "\n## Requests that reach no rule\n\n"
        + table(("code", "API", "meaning"), wire)
    )


def _scim_form(status: int, scim_type: str | None) -> str:
    return f"{status} {code(scim_type)}".strip()


EVERYWHERE = frozenset({400, 401, 413, 415, 422, 500, 503})
"""Statuses that the page says once for all calls."""


def api_page() -> str:
    """Return the page of every endpoint of the management API."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for endpoint in ENDPOINTS:
        answers = [endpoint.status, *(x for x in statuses(endpoint) if x not in EVERYWHERE)]
        row = (
            code(f"{endpoint.method} {endpoint.path}"),
            _allowed(endpoint.allow),
            ", ".join(map(str, answers)),
            endpoint.summary,
        )
        rows.setdefault(endpoint.tag, []).append(row)
    return (
        f"# Management API\n\n{INTRODUCTION}\n\n"
        f"Every path lies below `{PREFIX}`; `GET {PREFIX}/openapi.json` describes bodies and"
        " answers (OpenAPI 3.1). Calls carry `Authorization: Bearer` with an API key of the"
        " organisation or of an operator. Beside the answers listed, every call may end in 401,"
        " 413, 422 or 500, one with a body in 400 or 415, and a change in 503;"
        " [errors](errors.md) explains them all.\n"
        + "".join(
            f"\n## {tag.capitalize()}\n\n" + table(("call", "for", "answers", "effect"), found)
            for tag, found in rows.items()
        )
    )


def _allowed(allow: Allow) -> str:
    """Who may call, in words."""
    if allow.anyone:
        return "every key"
    holders = [code(allow.atom)] if allow.atom else []
    return " or ".join([*holders, "operators"] if allow.operator else holders)


def settings_page() -> str:
    """Return the page of every setting."""
    prefix = Settings.model_config.get("env_prefix", "")
    rows = [
        (
            code(f"{prefix}{name}".upper()),
            _type_name(field.annotation),
            "required" if field.is_required() else code(_default(field.default)) or "none",
            " ".join((field.description or "").split()),
        )
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\n\n"
        "Read once from the environment when a command starts. A missing or wrong one stops the"
        " start with a line that names it; its value is never shown or logged.\n\n"
        + table(("variable", "type", "default", "meaning"), rows)
    )


TYPES = {
    str: "text",
    int: "integer",
    bool: "true or false",
    float: "number",
    timedelta: "ISO 8601 duration or seconds",
    HttpUrl: "URL",
    ByteSize: "size",
    SecretStr: "secret text",
}


def _type_name(annotation: object) -> str:
    """A setting's type in words."""
    if get_origin(annotation) is Literal:
        return " or ".join(code(choice) for choice in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type_name(x) for x in get_args(annotation) if x is not type(None))
    if get_origin(annotation) is Annotated:
        return _type_name(get_args(annotation)[0])
    if get_origin(annotation) in (tuple, list, frozenset):
        return f"list of {_type_name(get_args(annotation)[0])}"
    return TYPES[annotation]  # type: ignore[index]


def _default(value: object) -> str:
    """A setting's default as the environment would spell it."""
    if isinstance(value, ByteSize):
        return value.human_readable()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, ()) else str(value)


def cli_page() -> str:
    """Return the page of every command."""
    return (
        "# Command line\n\n"
        "A refusal is one line on stderr and exit status 1; a wrong call is exit status 2."
        " Options in brackets may be left out.\n"
        + "".join(_command(path, command) for path, command in _commands("gateway", cli.commands))
    )


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield each command with what calls it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in sorted(command.commands):
        yield from _commands(f"{path} {name}", command.commands[name])


def _command(path: str, command: click.Command) -> str:
    with click.Context(command, info_name=path, help_option_names=[]) as context:
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        described = [
            record
            for parameter in command.get_params(context)
            if isinstance(parameter, click.Option)
            and (record := parameter.get_help_record(context))
        ]
    text = " ".join((command.help or "").replace("\b", "").split())
    page = f"\n## `{path}`\n\n{text}\n\n```\n{usage}\n```\n"
    if described:
        rows = [(code(option), " ".join(said.split())) for option, said in described]
        page += "\n" + table(("option", "meaning"), rows)
    return page


def sign_in_page() -> str:
    """Return the page of addresses, limits and failures of sign-in."""
    limits = [
        ("An attempt at the identity provider", ATTEMPT_LIFETIME),
        ("The oldest message that is taken", MAX_AGE),
        ("The furthest that a provider's clock may be off", MAX_SKEW),
        ("A session, at most", LONGEST_SESSION),
        ("A proof that counts as fresh", STEP_UP),
        ("The trace of a sign-in", TRACE_LIFETIME),
    ]
    origin, slug = "https://gateway.example.com", "{connection}"
    addresses = [
        *vars_of(SAMLAddresses.of(origin, slug)),
        *vars_of(OIDCAddresses.of(origin, slug)),
    ]
    return (
        "# Sign-in\n\n"
        "Addresses come from the settings, never from a request; the last part but one is"
        " unguessable and names the connection.\n\n"
        + table(("address", "where"), [(code(name), code(url)) for name, url in addresses])
        + "\n## Limits\n\n"
        + table(("what", "how long"), [(what, str(length)) for what, length in limits])
        + "\n## Failures\n\n"
        "The person sees one page with the code; admins see its meaning and the checks.\n\n"
        + table(("code", "meaning"), [(code(name), said) for name, said in FAILURES.items()])
    )


def vars_of(addresses: SAMLAddresses | OIDCAddresses) -> list[tuple[str, str]]:
    """Return the addresses by their names."""
    return [(each.name, getattr(addresses, each.name)) for each in fields(addresses)]


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "cli.md": cli_page,
    "errors.md": errors_page,
    "events.md": events_page,
    "permissions.md": permissions_page,
    "plans.md": plans_page,
    "policies.md": policies_page,
    "requirements.md": requirements_page,
    "roles.md": roles_page,
    "scim-conformance.md": conformance_page,
    "settings.md": settings_page,
    "sign-in.md": sign_in_page,
}


def rendered() -> dict[str, str]:
    """Return each page's name and text."""
    return {name: NOTE + page() for name, page in PAGES.items()}


def main() -> None:
    """Write every page."""
    write_waiting()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
