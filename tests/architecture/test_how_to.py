"""The pages about identity providers name what the presets expect."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.domain.sso_presets import PRESETS, SSOPreset
from gateway.domain.sso_settings import DEFAULTS
from tests.architecture.markdown import code, table

FOLDER = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = {
    "okta": "okta.md",
    "entra": "entra-id.md",
    "google": "google-workspace.md",
    "onelogin": "onelogin.md",
    "jumpcloud": "jumpcloud.md",
    "ping": "ping.md",
    "generic": "generic.md",
}
"""Preset → its page."""

MATCHES = {"user_name": "userName", "external_id": "externalId"}
ROWS = (("e-mail", "email"), ("name", "display_name"), ("groups", "groups"))


def names(key: str) -> str:
    """Return the table of what a preset expects, as its page holds it."""
    saml, oidc = (PRESETS[protocol][key] for protocol in ("saml", "oidc"))
    rows = [(label, _attribute(saml, name), _attribute(oidc, name)) for label, name in ROWS]
    rows.append(("groups in one text, split by", _separator(saml), _separator(oidc)))
    rows.append(("who it is", _subject(saml, "the NameID"), _subject(oidc, "`sub`")))
    scopes = {**DEFAULTS["oidc"], **oidc.settings}["scopes"]
    rows.append(("asked for", code(saml.settings.get("name_id_format")), code(" ".join(scopes))))
    return table(("", "SAML", "OpenID Connect"), rows)


def _attributes(preset: SSOPreset) -> Mapping[str, str | None]:
    found: Mapping[str, str | None] = preset.settings["attributes"]
    return found


def _attribute(preset: SSOPreset, name: str) -> str:
    return code(_attributes(preset).get(name)) or "not sent"


def _separator(preset: SSOPreset) -> str:
    return code(_attributes(preset).get("group_separator"))


def _subject(preset: SSOPreset, otherwise: str) -> str:
    said = code(preset.subject_claim) or otherwise
    return f"{said} = {code(MATCHES[preset.subject_match])}"


@pytest.mark.parametrize("key", sorted(set(PRESETS["saml"]) | set(PRESETS["oidc"])))
def test_each_preset_has_a_page_with_the_names_that_it_expects(key: str) -> None:
    text = (FOLDER / PAGE[key]).read_text()
    assert text.endswith(names(key)), names(key)
    assert f"the preset `{key}`" in text


@pytest.mark.parametrize("key", sorted(PAGE))
def test_each_name_is_also_where_it_is_clicked(key: str) -> None:
    """A name that a preset expects and that nobody is told to enter would never arrive."""
    text = (FOLDER / PAGE[key]).read_text().split("## What the preset expects")[0]
    parts = re.split(r"^## ", text, flags=re.M)
    told = next(part for part in parts if part.startswith("SAML"))
    if key in ("entra", "generic"):  # Entra names its claims itself; the standard names none.
        return
    wanted = [
        x for name, x in _attributes(PRESETS["saml"][key]).items() if name != "group_separator"
    ]
    assert [name for name in wanted if f"`{name}`" not in told] == []
