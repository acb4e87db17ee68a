"""The organisations of one person, and what each asks of somebody who proves who they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, select

from gateway.domain.memberships import MemberState
from gateway.domain.sessions import HouseRules, Standing
from gateway.services import domains
from gateway.storage import tables as t
from gateway.storage.person_work import PersonWork

_SSO = t.sso_connections.alias("enforcing")
_HERE = t.connections.alias("enforcing_connection")
_MFA = t.policies.alias("mfa_policy")
_HOURS = t.policies.alias("hours_policy")
_AGREED = t.subscriptions.alias("agreed_subscription")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One organisation of a person: who they are there, and what it asks."""

    organisation_id: UUID
    organisation_name: str
    member_id: UUID
    member_name: str
    access_epoch: int
    rules: HouseRules
    standing: Standing


def enforces_sso(organisation_id: Any) -> ColumnElement[bool]:
    """Whether an organisation closes itself to proofs that are not its provider's."""
    return exists(
        select(_SSO.c.id)
        .join(
            _HERE,
            and_(_HERE.c.organisation_id == _SSO.c.organisation_id, _HERE.c.id == _SSO.c.id),
        )
        .where(
            _SSO.c.organisation_id == organisation_id,
            _SSO.c.enforced,
            _HERE.c.state == "active",
        )
    )


def is_break_glass(organisation_id: Any, member_id: Any) -> ColumnElement[bool]:
    """Whether a member is a break-glass owner now."""
    b = t.break_glass_owners.c
    return exists(
        select(b.member_id).where(
            b.organisation_id == organisation_id,
            b.member_id == member_id,
            b.valid_to.is_(None),
        )
    )


def with_rules(query: Select[Any], organisation_id: Any) -> Select[Any]:
    """Add what an organisation asks of proofs, for `rules_of`."""
    query = query.add_columns(
        enforces_sso(organisation_id).label("enforces_sso"),
        _AGREED.c.features.label("plan_features"),
        _MFA.c.value.label("require_mfa"),
        _HOURS.c.value.label("session_hours"),
    )
    query = query.outerjoin(
        _AGREED,
        and_(_AGREED.c.organisation_id == organisation_id, _AGREED.c.valid_to.is_(None)),
    )
    for policy, name in ((_MFA, "require_mfa"), (_HOURS, "session_hours")):
        query = query.outerjoin(
            policy,
            and_(
                policy.c.organisation_id == organisation_id,
                policy.c.name == name,
                policy.c.valid_to.is_(None),
            ),
        )
    return query


def rules_of(row: Row[Any]) -> HouseRules:
    """Return the rules of a row that `with_rules` selected.

    A plan without single sign-on enforces none: nobody could come in any more.
    """
    asked: Mapping[str, Any] = {
        name: getattr(row, name)
        for name in ("require_mfa", "session_hours")
        if getattr(row, name) is not None
    }
    enforces = row.enforces_sso and "sso" in (row.plan_features or ())
    return HouseRules.of(asked, enforces_sso=enforces)


def of_person(here: PersonWork, person_id: UUID) -> Sequence[House]:
    """Return the live organisations in which a person is a member who is not removed."""
    rows = here.all(_OF_PERSON, person=person_id)
    proved = _proved(here, [row.organisation_id for row in rows])
    return [
        House(
            organisation_id=row.organisation_id,
            organisation_name=row.organisation_name,
            member_id=row.id,
            member_name=row.display_name,
            access_epoch=row.access_epoch,
            rules=rules_of(row),
            standing=standing_of(
                row,
                break_glass=row.break_glass,
                guest=not domains.lies_in(row.email, proved.get(row.organisation_id, _NONE)),
            ),
        )
        for row in rows
    ]


def standing_of(row: Any, *, break_glass: bool, guest: bool) -> Standing:
    """Return what a member's row says of the person's right to come in."""
    return Standing(
        active=row.state == MemberState.ACTIVE,
        admin_hold=row.admin_hold,
        contained=row.contained,
        break_glass=break_glass,
        guest=guest,
    )


def is_guest(here: PersonWork, organisation_id: UUID, email: str | None) -> bool:
    """Whether an address lies outside of the organisation's proved domains."""
    return not domains.lies_in(email, _proved(here, [organisation_id]).get(organisation_id, _NONE))


_NONE: frozenset[str] = frozenset()


def _proved(here: PersonWork, organisations: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    d = t.domains.c
    found: dict[UUID, set[str]] = {}
    query = select(d.organisation_id, d.name).where(
        d.organisation_id.in_(organisations), d.state == "verified"
    )
    for row in here.all(query) if organisations else ():
        found.setdefault(row.organisation_id, set()).add(row.name)
    return {organisation: frozenset(names) for organisation, names in found.items()}


def _of_person() -> Select[Any]:
    m, o = t.members, t.organisations.c
    query = (
        select(
            m.c.organisation_id,
            m.c.id,
            m.c.display_name,
            m.c.email,
            m.c.state,
            m.c.admin_hold,
            m.c.contained,
            m.c.access_epoch,
            o.name.label("organisation_name"),
            is_break_glass(m.c.organisation_id, m.c.id).label("break_glass"),
        )
        .join_from(m, t.organisations, o.id == m.c.organisation_id)
        .where(
            m.c.person_id == bindparam("person"),
            m.c.state != MemberState.REMOVED,
            o.state == "live",
        )
        .order_by(m.c.organisation_id)
    )
    return with_rules(query, m.c.organisation_id)


_OF_PERSON = _of_person()
