"""Test sign-ins: what would have become of somebody, check by check; nothing comes of it."""

from dataclasses import replace
from typing import Any

from gateway.domain.access import AccessFacts, MemberFacts, derive, resolve
from gateway.domain.events import Fact, Target
from gateway.domain.mapping import Group, Scope
from gateway.domain.memberships import MemberState
from gateway.domain.signin import (
    AssertedIdentity,
    Attempt,
    Groups,
    Landing,
    TestResult,
    Trace,
)
from gateway.services import access, certificates, group_facts, traces
from gateway.services.sso_connections import Rules
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork

SHOWN = 100
"""Attributes, values and groups that a trace shows."""


def finish(
    uow: UnitOfWork,
    rules: Rules,
    attempt: Attempt,
    asserted: AssertedIdentity,
    landing: Landing,
    trace: Trace,
) -> TestResult:
    """Keep what the sign-in would have done, and note that the connection was tested."""
    good = landing.refusal is None or landing.proposed
    if landing.refusal is None:
        trace.tick("person", f"would sign in ({landing.link})")
    elif landing.proposed:
        trace.tick("person", f"would be asked to prove an account here ({landing.refusal})")
    else:
        trace.cross("person", landing.refusal)
        trace.code = landing.refusal
    more = {
        "landing": {
            "link": landing.link,
            "member": str(landing.member_id) if landing.member_id else None,
            "refusal": landing.refusal,
            "proposed": landing.proposed,
        },
        "claims": _claims(asserted),
        "groups": _groups(asserted.groups),
        "access": _access(uow, rules, asserted, landing),
        "difference": _difference(uow, asserted, landing),
    }
    trace_id = traces.keep(
        uow, rules.id, trace, test=True, started_by=attempt.started_by, more=more
    )
    if good:
        uow.update(t.sso_connections, {"id": rules.id}, tested_at=uow.now)
        if asserted.signed_by is not None:
            certificates.prove(uow, rules.id, asserted.signed_by)
    uow.record(
        Fact(
            "sso.test_finished",
            (Target("connection", str(rules.id), rules.name),),
            after={"trace": str(trace_id), "code": trace.code},
        )
    )
    return TestResult(trace_id, {**trace.document(), **more})


def _claims(asserted: AssertedIdentity) -> dict[str, Any]:
    return {
        "issuer": asserted.issuer,
        "subject": asserted.subject,
        "subject_format": asserted.subject_format,
        "email": asserted.email,
        "email_verified": asserted.email_verified,
        "display_name": asserted.display_name,
        "attributes": {
            name[:SHOWN]: [value[:255] for value in values[:SHOWN]]
            for name, values in list(asserted.attributes.items())[:SHOWN]
        },
    }


def _groups(groups: Groups) -> dict[str, Any]:
    return {"said": groups.said, "names": list(groups.names[:SHOWN]), "count": len(groups.names)}


def _access(
    uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity, landing: Landing
) -> dict[str, Any]:
    """Return claims → groups → rules → role and chatbots, from the code that decides them."""
    facts = _facts(uow, rules, asserted, landing)
    derivation, found = derive(facts), resolve(facts)
    winner = derivation.winner
    return {
        "decided_by": "sign_in" if _decides(facts, rules) else "elsewhere",
        "groups_known": [{"id": str(x.id), "name": x.display_name} for x in facts.groups[:SHOWN]],
        "rules": [
            {"id": str(rule.id), "group": str(rule.group_id), "kind": str(rule.kind)}
            for group in facts.groups
            for rule in facts.rules.get(group.id, ())
        ][:SHOWN],
        "winner": str(winner.id) if winner else None,
        "role": found.role.key if found.role else None,
        "source": str(derivation.source.origin),
        "scope": str(found.scope),
        "chatbots": dict(found.chatbots),
        "teams": sorted(found.teams),
    }


def _decides(facts: AccessFacts, rules: Rules) -> bool:
    return facts.member.managed_by == rules.id


def _facts(
    uow: UnitOfWork, rules: Rules, asserted: AssertedIdentity, landing: Landing
) -> AccessFacts:
    if landing.member_id is not None:
        facts = access.load(uow, [landing.member_id])[landing.member_id]
    else:
        nobody = MemberFacts(
            id=uow.new_id(),
            state=MemberState.ACTIVE,
            admin_hold=False,
            contained=False,
            owner_of_record=False,
            bot_scope=Scope.ALL,
            managed_by=rules.id,
        )
        facts = access.of_newcomer(uow, nobody)
        if facts.connection is not None:
            # As it will be: a draft decides nothing yet.
            facts = replace(facts, connection=replace(facts.connection, live=True))
    if not _decides(facts, rules) or asserted.groups.said != "named":
        return facts
    groups = _known_groups(uow, rules, asserted.groups)
    return replace(facts, groups=groups, rules=group_facts.rules_of(uow, {x.id for x in groups}))


def _known_groups(uow: UnitOfWork, rules: Rules, groups: Groups) -> tuple[Group, ...]:
    g = t.directory_groups.c
    rows = uow.all(
        uow.own(t.directory_groups, g.id, g.display_name)
        .where(
            g.connection_id == rules.id,
            g.external_id.in_(groups.names[:500]),
            g.deleted_at.is_(None),
        )
        .order_by(g.id)
    )
    return tuple(Group(row.id, row.display_name) for row in rows)


def _difference(
    uow: UnitOfWork, asserted: AssertedIdentity, landing: Landing
) -> dict[str, Any] | None:
    """Return where the sign-in and the provisioned state disagree; None without provisioning."""
    u = t.directory_users.c
    if landing.member_id is None:
        return None
    user = uow.one(
        uow.own(t.directory_users)
        .where(u.member_id == landing.member_id, u.deleted_at.is_(None))
        .order_by(u.id)
        .limit(1)
    )
    if user is None:
        return None
    provisioned = _provisioned_groups(uow, landing, user)
    said = set(asserted.groups.names)
    values = {
        "email": [asserted.email, user.email],
        "display_name": [asserted.display_name, user.display_name],
    }
    return {
        "values": {name: pair for name, pair in values.items() if pair[0] != pair[1]},
        "active": user.active,
        "groups_only_in_sign_in": sorted(said - provisioned)[:SHOWN],
        "groups_only_provisioned": sorted(provisioned - said)[:SHOWN],
    }


def _provisioned_groups(uow: UnitOfWork, landing: Landing, user: Any) -> set[str]:
    if landing.member_id is None:
        return set()
    found = group_facts.groups_of(uow, {landing.member_id: user.connection_id})
    return {group.display_name for group in found.get(landing.member_id, {}).values()}
