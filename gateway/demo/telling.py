"""Telling the story: tables and bars on the terminal, or on stderr where stdout is a machine's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.demo.play import Offboarding, Play, Rule
from gateway.demo.sign_on import SignOn


@dataclass(frozen=True, slots=True)
class Told:
    """Where everything is and what opens it."""

    operator_key: str
    base_url: str
    ways: Sequence[SignOn]
    mail_url: str
    idp_url: str

    def document(self) -> dict[str, Any]:
        """Return what `gateway demo --json` prints."""
        return {
            "base_url": self.base_url,
            "operator_key": self.operator_key,
            "organisations": [
                way.organisation.document(self.base_url) | way.told for way in self.ways
            ],
            "mail": {"url": self.mail_url},
            "idp": {"url": self.idp_url},
        }


class Story:
    """Says what happens."""

    def __init__(self, *, on_stderr: bool) -> None:
        self._console = Console(stderr=on_stderr, highlight=False)

    def say(self, text: str) -> None:
        """Print one line, with rich's markup."""
        self._console.print(text)

    def note(self, text: str) -> None:
        """Print one line of somebody else's words, exactly as they are."""
        self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show bars while something takes its time."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            yield bars

    def rules(self, name: str, rules: Sequence[Rule]) -> None:
        """Print what each group gives."""
        table = Table(title=f"{name}: what its groups give")
        table.add_column("group")
        table.add_column("gives")
        for rule in rules:
            table.add_row(rule.group, rule.gives)
        self._console.print(table)

    def access(self, play: Play) -> None:
        """Print what everybody may do, and why, as the management API tells it."""
        admin, names = play.admin, _names(play)
        alike: dict[tuple[str, str, str], list[str]] = {}
        for member in admin.everything("/members"):
            access = admin.get(f"/members/{member['id']}")["access"]
            role = (access["role"] or {}).get("key", "none")
            kind = (role, _because(access["source"], names), _reach(access, names))
            alike.setdefault(kind, []).append(member["display_name"])
        table = Table(title=f"{play.organisation.name}: who got what, and why", show_lines=True)
        table.add_column("people", ratio=2)
        table.add_column("role")
        table.add_column("because", ratio=1)
        table.add_column("chatbots", ratio=1)
        for (role, because, reach), people in alike.items():
            count = f"[bold]{len(people)}[/bold]: " if len(people) > 1 else ""
            table.add_row(f"{count}{', '.join(people)}", role, because, reach)
        self._console.print(table)

    def offboarding(self, play: Play, told: Offboarding) -> None:
        """Print how one person's access ended."""
        idp = play.organisation.idp
        before, after = told.before["access"], told.after["access"]
        open_before = _reach(before, _names(play))
        self.say(f"\n[bold]{told.name} leaves {play.organisation.name}.[/bold]")
        self.say(f"  before: {told.before['state']}, {open_before}")
        self.say(
            f"  {idp} sends active: false; the gateway has done it"
            f" [bold]{told.acknowledged_ms:.1f} ms[/bold] later."
        )
        self.say(
            f"  read over the API [bold]{told.proved_ms:.1f} ms[/bold] after {idp} began:"
            f" {told.after['state']}, {_emptiness(after)}"
        )
        verdict = "may" if told.answer["decision"] else "may not"
        self.say(f"  explain: {verdict} {told.question} ({told.answer['code']})")

    def warn_of_plain_http(self) -> None:
        """Print loudly what a demo without https gives up."""
        warning = (
            "[bold]NOT FOR PRODUCTION.[/bold] This demo speaks plain http, so its cookies have"
            " lost Secure and the __Host- prefix. `gateway serve` never does that."
        )
        self._console.print(Panel(warning, border_style="red", expand=False))

    def addresses(self, told: Told) -> None:
        """Print where everything is and what opens it."""
        self.say(f"\n[bold]The gateway is at {told.base_url}; sign in at /login[/bold]")
        self.say(f"  mail that it sent    {told.mail_url}")
        self.say(f"  identity providers   {told.idp_url}")
        self.say(f"  API description      {told.base_url}/api/v1/openapi.json")
        self.note(f"  operator key         {told.operator_key}")
        for way in told.ways:
            self._organisation(way, told.base_url)
        self.say("\nCtrl-C ends it.")

    def _organisation(self, way: SignOn, base_url: str) -> None:
        each = way.organisation
        self.say(f"[bold]{each.name}[/bold] ({each.idp}), organisation {each.id}")
        self.note(f"  owner                {each.owner_email}  {each.owner_password}")
        self.note(f"  authenticator        {each.owner_totp}")
        self.note(f"  API key              {each.api_key}")
        self.note(f"  SCIM base URL        {each.scim_url(base_url)}")
        self.note(f"  SCIM bearer token    {each.token}")
        for protocol, name in (("saml", "SAML sign-in"), ("oidc", "OpenID sign-in")):
            if protocol in way.told:
                self.note(f"  {name:<20} {way.told[protocol]['login_url']}")


def _names(play: Play) -> dict[str, str]:
    """Names of chatbots and groups by id."""
    groups = {x["id"]: x["display_name"] for x in play.admin.everything("/groups")}
    return {**groups, **{x: name for name, x in play.organisation.chatbots.items()}}


def _because(source: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if source["group"] is not None:
        return f"group {names.get(source['group'], source['group'])}"
    return str(source["origin"]).replace("_", " ")


def _reach(access: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if access["standing"] is not None:
        return f"nothing ({access['standing']})"
    if access["scope"] == "all":
        if not access["ceiling"]:
            return "nothing"
        return f"every chatbot, {_sections(access['ceiling'])}"
    parts = (
        f"{names.get(chatbot, chatbot)} ({_sections(levels)})"
        for chatbot, levels in access["chatbots"].items()
    )
    return "; ".join(parts) or "no chatbot"


def _sections(levels: Mapping[str, str]) -> str:
    if len(set(levels.values())) == 1 and len(levels) == 8:
        return f"all sections: {next(iter(levels.values()))}"
    return ", ".join(f"{section}: {level}" for section, level in levels.items())


def _emptiness(access: Mapping[str, Any]) -> str:
    left: Iterable[str] = (
        name for name in ("org_atoms", "ceiling", "bot_atoms", "chatbots") if access[name]
    )
    return f"still there: {', '.join(left)}" if any(access[x] for x in _PARTS) else "access empty"


_PARTS = ("org_atoms", "ceiling", "bot_atoms", "chatbots")
