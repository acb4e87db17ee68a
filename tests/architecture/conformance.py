"""How far SCIM is kept, section by section, each with what proves it.

A proof is a scenario of `idp_fixtures/sequences`, every step of which is a test, or the name
of a test.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from gateway.scim.dialects import DEVIATIONS, DIALECTS, Dialect
from gateway.scim.limits import (
    MAX_BODY,
    MAX_DEPTH,
    MAX_FILTER,
    MAX_KEY,
    MAX_MEMBERS,
    MAX_OPERATIONS,
    MAX_PATH,
    MAX_TERMS,
    MAX_VALUES,
    MAX_WALKS,
    SEARCH_SECONDS,
)
from gateway.scim.models import CURSOR_LIFE, MAX_PAGE_SIZE
from tests.architecture.markdown import code, table

ROOT = Path(__file__).parents[2]
SEQUENCES = ROOT / "idp_fixtures" / "sequences"
KEPT = "kept"
NARROWED = "narrowed"
ABSENT = "absent"


@dataclass(frozen=True)
class Section:
    """One part of an RFC: what we make of it, and what shows it."""

    rfc: str
    subject: str
    status: str
    remark: str
    proofs: tuple[str, ...]


SECTIONS = (
    Section(
        "7643 §2.1-2.5",
        "attributes, types, null and empty values",
        KEPT,
        "Names are read in any letter case. Null and empty values mean absent.",
        ("rfc-16-odd-users", "entra-11-odd-cased-names"),
    ),
    Section(
        "7643 §3.1",
        "common attributes",
        KEPT,
        "`id` and `meta` are ours, whatever the client sends; `externalId` is unique in its"
        " connection and compared exactly.",
        ("rfc-03-patch-errors", "entra-02-match-and-create"),
    ),
    Section(
        "7643 §4.1",
        "User",
        KEPT,
        "`userName` is kept as sent and unique in its connection after folding (NFC, casefold)."
        " `active` absent in POST means true, absent in PUT means unchanged.",
        ("rfc-13-user-names", "rfc-16-odd-users", "okta-10-wide-profile"),
    ),
    Section(
        "7643 §4.1.1",
        "password",
        NARROWED,
        "Accepted and dropped: people sign in elsewhere. Filtering by it is refused (403).",
        ("rfc-04-filters", "okta-09-credentials"),
    ),
    Section(
        "7643 §4.1.2",
        "multi-valued attributes of a User",
        NARROWED,
        "`groups` is derived. `roles` and `entitlements` are kept as data and never give access.",
        ("rfc-12-multi-valued", "rfc-11-groups", "okta-11-entitlements"),
    ),
    Section(
        "7643 §4.2",
        "Group",
        NARROWED,
        "Members are users: groups do not nest. `displayName` is unique in its connection after"
        " folding. A member id that nobody has is accepted and not stored.",
        ("rfc-11-groups", "rfc-18-odd-groups"),
    ),
    Section(
        "7643 §4.3",
        "EnterpriseUser",
        KEPT,
        "`manager` needs no `$ref`; a bare id is taken too.",
        ("entra-05-manager", "rfc-12-multi-valued"),
    ),
    Section(
        "7643 §5-7",
        "service provider configuration, resource types, schemas",
        KEPT,
        "",
        ("rfc-01-discovery", "test_scim2_tester_finds_nothing_to_object_to"),
    ),
    Section(
        "7644 §2",
        "authentication",
        KEPT,
        "Bearer tokens, several live ones for each connection. A wrong, missing or foreign one is"
        " answered 401 alike.",
        ("okta-01-credential-check", "rfc-14-isolation"),
    ),
    Section(
        "7644 §3.1",
        "media types",
        KEPT,
        "`application/scim+json` and `application/json` are taken; OneLogin is answered in the"
        " latter.",
        ("rfc-02-request-errors", "onelogin-01-connect"),
    ),
    Section(
        "7644 §3.3",
        "creating",
        KEPT,
        "Who is created again after leaving comes back under the same id.",
        ("okta-06-rehire", "entra-02-match-and-create", "entra-13-retry"),
    ),
    Section(
        "7644 §3.4.1",
        "reading one resource",
        KEPT,
        "",
        ("rfc-10-projections", "test_scim_sanity_finds_nothing_to_object_to"),
    ),
    Section(
        "7644 §3.4.2.2",
        "filters",
        NARROWED,
        "The whole grammar, as SQL. A missing value makes a comparison false and `ne` true; on a"
        " multi-valued attribute `ne` means that no value equals. An attribute that no schema"
        f" declares is `invalidFilter`. A filter has at most {MAX_FILTER} bytes and"
        f" {MAX_TERMS} comparisons.",
        (
            "rfc-04-filters",
            "test_a_filter_on_users_finds_whom_the_evaluator_finds",
            "test_a_filter_on_groups_finds_what_the_evaluator_finds",
        ),
    ),
    Section("7644 §3.4.2.3", "sorting", KEPT, "Ties are broken by id.", ("rfc-05-sorting",)),
    Section(
        "7644 §3.4.2.4",
        "paging by index",
        KEPT,
        f"At most {MAX_PAGE_SIZE} resources on a page.",
        ("okta-08-import", "entra-12-pull-windows"),
    ),
    Section(
        "9865",
        "paging by cursor",
        KEPT,
        "A cursor is sealed for its token, query and page size and opens the next page for"
        f" {CURSOR_LIFE} seconds.",
        ("rfc-06-cursors",),
    ),
    Section("7644 §3.4.3", "searching by POST", KEPT, "", ("rfc-07-search",)),
    Section(
        "7644 §3.5.1",
        "replacing by PUT",
        NARROWED,
        "Attributes left out are cleared, except `active`, and `members` of a group.",
        ("okta-03-wizard-profile", "onelogin-02-users"),
    ),
    Section(
        "7644 §3.5.2",
        "changing by PATCH",
        NARROWED,
        "All operations or none. A replace on a value filter that matches nothing creates the"
        " value where the filter is made of `eq` and `and`. Removing all members of a group needs"
        " the connection's leave. A group answers 204 to Entra ID, and where it is large.",
        (
            "rfc-03-patch-errors",
            "rfc-12-multi-valued",
            "rfc-17-odd-patches",
            "entra-04-compliant-patch",
            "entra-10-replace-creates",
        ),
    ),
    Section(
        "7644 §3.6",
        "deleting",
        KEPT,
        "204 once, 404 for ever after; the resource leaves every group.",
        ("rfc-11-groups", "entra-06-soft-delete"),
    ),
    Section(
        "7644 §3.7",
        "Bulk",
        KEPT,
        f"`bulkId` may refer forward. At most {MAX_OPERATIONS} operations in {MAX_BODY} bytes.",
        ("rfc-08-bulk",),
    ),
    Section(
        "7644 §3.9",
        "attributes and excludedAttributes",
        KEPT,
        "Also on the answers to POST, PUT and PATCH.",
        ("rfc-10-projections",),
    ),
    Section(
        "7644 §3.11",
        "/Me",
        ABSENT,
        "501: a connection's token stands for no user.",
        ("rfc-02-request-errors",),
    ),
    Section(
        "7644 §3.12",
        "errors",
        KEPT,
        "Every refusal has this form, defects of ours included. [All of them](errors.md).",
        ("rfc-02-request-errors", "rfc-15-odd-requests", "test_every_refusal_has_a_form_in_scim"),
    ),
    Section(
        "7644 §3.14",
        "versions",
        KEPT,
        "A request that changes nothing leaves version and `lastModified` alone.",
        ("rfc-09-versions",),
    ),
    Section("7644 §4", "discovery", KEPT, "", ("rfc-01-discovery",)),
    Section(
        "7644 §6",
        "several organisations",
        KEPT,
        "Each connection has its own base URL; another's ids are unknown.",
        ("any-04-tenant-isolation", "rfc-14-isolation"),
    ),
)


LIMITS = (
    ("body that lists members of a group", "`GATEWAY_SCIM_MAX_BODY`", "413"),
    ("any other body, and what a resource keeps", f"{MAX_BODY} bytes", "413"),
    ("operations of a Bulk request", str(MAX_OPERATIONS), "413"),
    ("values of a multi-valued attribute", str(MAX_VALUES), "400 `invalidValue`"),
    ("members that one request lists", str(MAX_MEMBERS), "400 `invalidValue`"),
    (
        "`userName`, `externalId`, `displayName` or name, `emails.value`, each folded",
        f"{MAX_KEY} bytes",
        "400 `invalidValue`",
    ),
    (
        "operations of one PATCH on multi-valued attributes, members named by id not counted",
        str(MAX_WALKS),
        "400 `invalidValue`",
    ),
    (
        "filter",
        f"{MAX_FILTER} bytes, {MAX_TERMS} comparisons, {MAX_DEPTH} inside each other",
        "400 `invalidFilter`",
    ),
    (
        "each statement of a search that looks at everybody",
        f"{SEARCH_SECONDS:g} seconds",
        "400 `tooMany`",
    ),
    ("path", f"{MAX_PATH} characters", "400 `invalidPath`"),
    ("nesting of a body", "200 levels", "400 `invalidSyntax`"),
    (
        "requests of a connection, each operation of a Bulk request counted",
        "`GATEWAY_SCIM_RATE` a second, `GATEWAY_SCIM_BURST` at once",
        "429 with `Retry-After`",
    ),
)


def scenarios() -> set[str]:
    """Return the name of every scenario of the request sequences."""
    return {
        json.loads(line)["scenario"]
        for path in SEQUENCES.glob("*.jsonl")
        for line in path.read_text().splitlines()
    }


def conformance_page() -> str:
    """Return the page of what is kept of SCIM 2.0, and of what is tolerated beyond it."""
    sections = [
        (x.rfc, x.subject, x.status, x.remark, ", ".join(map(code, x.proofs))) for x in SECTIONS
    ]
    deviations = [(code(x.name), x.meaning, code(_refusal(x.refusal))) for x in DEVIATIONS]
    return (
        "# SCIM conformance\n\n"
        "What shows it is a scenario of `idp_fixtures/sequences`, each step of which is a test on"
        " both databases, or a test by name.\n\n"
        + table(("RFC", "subject", "status", "remark", "shown by"), sections)
        + "\n## Deviations that are understood\n\n"
        "Identity providers depart from the RFCs. Each departure has a name, is counted for its"
        " connection, and is refused where the connection's dialect is `strict`.\n\n"
        + table(("name", "what is sent", "when strict"), deviations)
        + "\n## Limits\n\n"
        "Far above what providers send; beyond them one client would be served at the cost of"
        " others.\n\n" + table(("what", "at most", "beyond it"), LIMITS) + "\n## Dialects\n\n"
        "Told by the sender's name or the body's shape, unless the connection names one.\n\n"
        + table(
            ("dialect", "told by", "tolerates", "group PATCH", "answers in"),
            [_dialect(x) for x in DIALECTS.values()],
        )
    )


def _refusal(exception: type[Exception]) -> str:
    return str(getattr(exception, "scim_type", "") or exception.__name__)


def _dialect(dialect: Dialect) -> tuple[str, ...]:
    return (
        code(dialect.name),
        ", ".join(map(code, dialect.agents)),
        "all of them" if dialect.tolerates == frozenset(DEVIATIONS) else "nothing",
        "200 with the group" if dialect.group_patch_answers else "204",
        code(dialect.media_type),
    )
