"""Setting up sign-on connections: drawn up, tested, activated, enforced, disabled, deleted."""

import secrets
from collections.abc import Mapping, Set
from typing import Any
from uuid import UUID

from gateway.domain import sso_settings
from gateway.domain.errors import (
    InvalidRequest,
    InvalidTransition,
    SuccessorRequired,
)
from gateway.domain.events import Fact, Target
from gateway.domain.sso_presets import PRESETS
from gateway.domain.sso_states import SSOState, require_transition
from gateway.services import (
    acting,
    attempts,
    break_glass,
    certificates,
    connections,
    managed,
    session_ends,
    successors,
    terms,
)
from gateway.services.secrets import Issued
from gateway.services.sso_connections import CLIENT_SECRET
from gateway.services.sso_views import COMMON, load, missing
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Record, UnitOfWork

SLUG_BYTES = 24
"""Bytes of an address's secret part: nobody guesses one, and all are equally long."""

RULES = ("issuer", "jit", "subject_claim", "subject_match", "directory_id", "metadata_url")
"""What lies beside the protocol's settings."""

UNBOUNDED_RANK = 1_000
"""Rank of the operator's and the product's own settings: above every role."""

MATCHES = ("external_id", "user_name")
NULLABLE = frozenset({"subject_claim", "directory_id", "metadata_url", "bot_scope"})


def create(uow: UnitOfWork, protocol: str, name: str, preset: str, **wish: Any) -> UUID:
    """Draw up a connection with its preset's settings; nobody signs in through it yet.

    `wish` names settings of the protocol, what is common to all connections, `client_secret`, and
    `certificates`.

    :raises PlanFeature: the plan has no single sign-on.
    :raises InvalidRequest: an unknown preset or setting, or a value that it cannot have.
    """
    terms.current(uow).require("sso")
    if preset not in PRESETS[protocol]:
        raise InvalidRequest(f"The presets are {', '.join(PRESETS[protocol])}.", field="preset")
    chosen = PRESETS[protocol][preset]
    connections.require_may_configure(uow, None, wish.get("unmapped", "default_role"))
    connection_id = uow.new_id()
    agreed = terms.current(uow)
    uow.create(
        t.connection_versions,
        id=connection_id,
        kind=protocol,
        name=connections.proper_name(name),
        state=str(SSOState.DRAFT),
        unmapped="default_role",
        bot_scope=None,
        seat_overage=agreed.policies["scim_overage"],
        last_owner="refuse_and_contain",
        successor_id=None,
        dialect="auto",
        detected_dialect=None,
        members_clearable=False,
        token_without_bearer=False,
        allowed_networks=[],
        created_at=uow.now,
    )
    uow.insert(
        t.sso_connections,
        id=connection_id,
        slug=secrets.token_hex(SLUG_BYTES),
        protocol=protocol,
        preset=preset,
        issuer="",
        settings=sso_settings.complete(protocol, chosen.settings),
        client_secret=None,
        subject_claim=chosen.subject_claim,
        subject_match=chosen.subject_match,
        directory_id=None,
        jit=False,
        enforced=False,
        metadata_url=None,
        refreshed_at=None,
        refresh_error=None,
        tested_at=None,
        owner_proved_at=None,
        trust_rank=_own_rank(uow),
    )
    uow.terms_changed()
    target = _target(connection_id, name)
    after = {"name": name, "kind": protocol, "preset": preset}
    uow.record(Fact("connection.created", (target,), after=after))
    update(uow, connection_id, **wish)
    if uow.vault.is_open:
        certificates.add_key(uow, connection_id)
    return connection_id


def update(uow: UnitOfWork, connection_id: UUID, **wish: Any) -> None:
    """Change settings; what is left out stays. What people get follows at once.

    A change of the protocol's settings needs a new good test before the next activation.

    :raises InvalidRequest: an unknown setting, or a value that it cannot have.
    """
    row = load(uow, connection_id)
    wish = dict(wish)
    added = wish.pop("certificates", None) or ()
    secret = wish.pop("client_secret", None)
    own = {name: wish.pop(name) for name in COMMON if name in wish}
    rules = {name: wish.pop(name) for name in RULES if name in wish}
    if isinstance(wish.get("attributes"), Mapping):
        wish["attributes"] = {**row.settings.get("attributes", {}), **wish["attributes"]}
    settings = sso_settings.complete(row.protocol, wish, row.settings)
    _require_rules(uow, rules)
    _change_own(uow, row, own)
    changed = {name: value for name, value in rules.items() if getattr(row, name) != value}
    if settings != row.settings:
        changed["settings"] = settings
    if secret is not None:
        changed["client_secret"] = _sealed(uow, connection_id, secret)
    if changed.keys() & {"issuer", "settings", "client_secret"}:
        changed |= {"tested_at": None, "owner_proved_at": None}
    rank = min(row.trust_rank, _own_rank(uow)) if changed or added else row.trust_rank
    if changed or rank < row.trust_rank:
        uow.update(t.sso_connections, {"id": connection_id}, **changed, trust_rank=rank)
        uow.terms_changed()
        _tell_changed(uow, row, changed.keys() - {"tested_at", "owner_proved_at"}, rank)
    for text in added:
        certificates.add(uow, connection_id, text)


def add_certificate(uow: UnitOfWork, connection_id: UUID, text: str) -> None:
    """Stage one more certificate of the provider, by the author's rank."""
    update(uow, connection_id, certificates=[text])


def approve(uow: UnitOfWork, connection_id: UUID) -> None:
    """Let people up to the author's own role sign in with the settings as they are now.

    Whoever sets whom a connection trusts could otherwise sign in as somebody stronger.
    """
    row = load(uow, connection_id)
    own = _own_rank(uow)
    if own <= row.trust_rank:
        return
    uow.update(t.sso_connections, {"id": connection_id}, trust_rank=own)
    target = _target(connection_id, row.name)
    uow.record(
        Fact(
            "sso.approved",
            (target,),
            before={"rank": row.trust_rank},
            after={"rank": own},
        )
    )


def begin_test(uow: UnitOfWork, connection_id: UUID) -> Issued:
    """Return a ticket for one test sign-in; a draft that lacks nothing is in testing from now on.

    :raises InvalidRequest: something is missing. :raises InvalidTransition: it is disabled.
    """
    terms.current(uow).require("sso")
    row = load(uow, connection_id)
    _require_whole(uow, row)
    if row.state == SSOState.DRAFT:
        _move(uow, connection_id, SSOState.TESTING)
    elif row.state not in (SSOState.TESTING, SSOState.ACTIVE):
        raise InvalidTransition("A disabled connection is not tested; activate it first.")
    return attempts.issue_test_ticket(uow, connection_id)


def activate(uow: UnitOfWork, connection_id: UUID) -> None:
    """Let people sign in through a connection; one that decides about members decides again.

    :raises InvalidRequest: something is missing, or no test of these settings was good.
    """
    terms.current(uow).require("sso")
    row = load(uow, connection_id)
    if row.state == SSOState.ACTIVE:
        return
    connections.require_may_configure(uow, connection_id, row.unmapped)
    _require_whole(uow, row)
    if row.tested_at is None:
        raise InvalidRequest(
            "Make a good test sign-in with these settings first.",
            levers=("Start a test sign-in and look at its checks.",),
        )
    was = row.state
    _move(uow, connection_id, SSOState.ACTIVE)
    if was == SSOState.DISABLED:
        managed.end_conversions(uow, connection_id)
    uow.record(Fact("sso.activated", (_target(connection_id, row.name),)))
    managed.recompute(uow, connection_id)


def disable(uow: UnitOfWork, connection_id: UUID) -> None:
    """Let nobody sign in through a connection; its people's roles become manual.

    Sessions that it proved end. Disabling twice changes nothing.
    """
    row = load(uow, connection_id)
    if row.state == SSOState.DISABLED:
        return
    require_transition(SSOState(row.state), SSOState.DISABLED)
    connections.require_may_configure(uow, connection_id, row.unmapped)
    managed.convert(uow, connection_id)
    _move(uow, connection_id, SSOState.DISABLED)
    if row.enforced:
        uow.update(t.sso_connections, {"id": connection_id}, enforced=False)
    session_ends.end_by_connection(uow, connection_id, "connection_disabled")
    target = _target(connection_id, row.name)
    uow.record(Fact("connection.disabled", (target,), *_enforcement_ended(row)))
    managed.recompute(uow, connection_id)


def delete(uow: UnitOfWork, connection_id: UUID, people: str = "keep_members") -> None:
    """End a connection: its sessions die first, then its people become manual or deactivated."""
    if people not in connections.PEOPLE_AFTER_DELETION:
        allowed = " or ".join(connections.PEOPLE_AFTER_DELETION)
        raise InvalidRequest(f"People: {allowed}.", field="people")
    row = load(uow, connection_id)
    connections.require_may_configure(uow, connection_id, row.unmapped)
    session_ends.end_by_connection(uow, connection_id, "connection_deleted")
    managed.release(uow, connection_id, deactivate=people == "deactivate_members")
    i = t.identities.c
    uow.apply(
        t.identities.delete().where(
            i.organisation_id == uow.organisation_id, i.connection_id == connection_id
        )
    )
    _move(uow, connection_id, SSOState.DELETED)
    gone = {"enforced": False, "client_secret": None}
    uow.update(t.sso_connections, {"id": connection_id}, **gone)
    target = _target(connection_id, row.name)
    uow.record(Fact("connection.deleted", (target,), *_enforcement_ended(row)))


def set_enforced(uow: UnitOfWork, connection_id: UUID, *, enforced: bool) -> None:
    """Make a connection the only way in for people of the proved domains, or no longer so.

    Break-glass owners, and guests from outside of these domains, keep their own factors.

    :raises InvalidRequest: it is not active, or no owner has signed in through it.
    :raises SuccessorRequired: nobody could come in if the provider failed.
    """
    row = load(uow, connection_id)
    if row.enforced == enforced:
        return
    if enforced:
        terms.current(uow).require("sso")
        _require_enforceable(uow, row)
    uow.update(t.sso_connections, {"id": connection_id}, enforced=enforced)
    uow.terms_changed()
    uow.record(
        Fact(
            "sso.enforced",
            (_target(connection_id, row.name),),
            before={"enforced": row.enforced},
            after={"enforced": enforced},
        )
    )


# -- inside ------------------------------------------------------------------------


def _own_rank(uow: UnitOfWork) -> int:
    author = acting.author(uow)
    return UNBOUNDED_RANK if author is None else author.role.rank


def _require_enforceable(uow: UnitOfWork, row: Record) -> None:
    if row.state != SSOState.ACTIVE:
        raise InvalidRequest("Only an active connection can be enforced.")
    if row.owner_proved_at is None:
        raise InvalidRequest(
            "An owner has to sign in through this connection first, so that none is locked out.",
            levers=("Sign in as an owner through this connection.",),
        )
    if not break_glass.exist(uow) and not successors.exist(uow):
        raise SuccessorRequired(
            "Appoint a break-glass owner first, who can come in whatever the provider does.",
            levers=("Appoint an owner with two factors as break-glass owner.",),
        )


def _require_rules(uow: UnitOfWork, rules: Mapping[str, Any]) -> None:
    for name, value in rules.items():
        if value is None and name in NULLABLE:
            continue
        if name == "jit":
            fits = isinstance(value, bool)
        elif name == "subject_match":
            fits = value in MATCHES
        elif name == "directory_id":
            connections.get(uow, value)
            fits = True
        else:
            fits = isinstance(value, str) and 0 < len(value) <= 1_000 and value.isprintable()
        if not fits:
            raise InvalidRequest(f"{name} cannot have this value.", field=name)
        if name == "metadata_url":
            sso_settings.require_web_address(name, value)


def _change_own(uow: UnitOfWork, row: Record, own: dict[str, Any]) -> None:
    if not own:
        return
    if "name" in own:
        own["name"] = connections.proper_name(own["name"])
    connections.require_settings(
        {name: value for name, value in own.items() if name != "name"}, terms.current(uow)
    )
    connections.require_may_configure(uow, row.id, own.get("unmapped", row.unmapped))
    common = uow.load(t.connections, row.id)
    if uow.change(t.connection_versions, common, **own):
        uow.terms_changed()
        changed = {name: value for name, value in own.items() if getattr(common, name) != value}
        before = {name: getattr(common, name) for name in changed}
        target = _target(row.id, own.get("name", row.name))
        uow.record(Fact("connection.updated", (target,), before=before, after=changed))
        if own.keys() & {"unmapped", "bot_scope"}:
            managed.recompute(uow, row.id)


def _tell_changed(uow: UnitOfWork, row: Record, names: Set[str], rank: int) -> None:
    """Tell which settings changed, whose values may be secret, and how far they are trusted now."""
    fell = rank != row.trust_rank
    before = {"rank": row.trust_rank} if fell else None
    after = {"changed": sorted(names), **({"rank": rank} if fell else {})}
    uow.record(Fact("connection.updated", (_target(row.id, row.name),), before, after))


def _enforcement_ended(row: Record) -> tuple[dict[str, bool] | None, dict[str, bool] | None]:
    """Return what to tell, before and after, of an enforcement that ends with something else."""
    return ({"enforced": True}, {"enforced": False}) if row.enforced else (None, None)


def _sealed(uow: UnitOfWork, connection_id: UUID, secret: str) -> str:
    if not uow.vault.is_open:
        raise InvalidRequest("This installation has no encryption key to keep a secret sealed.")
    if not 0 < len(secret) <= 1_000:
        raise InvalidRequest("A client secret has 1 to 1000 characters.", field="client_secret")
    return uow.vault.seal(secret, uow.organisation_id, connection_id, CLIENT_SECRET)


def _require_whole(uow: UnitOfWork, row: Record) -> None:
    lacking = missing(uow, row)
    if lacking:
        raise InvalidRequest(
            f"The connection lacks {', '.join(lacking)}.", field=lacking[0], missing=lacking
        )


def _move(uow: UnitOfWork, connection_id: UUID, state: SSOState) -> None:
    row = uow.load(t.connections, connection_id)
    require_transition(SSOState(row.state), state)
    uow.change(t.connection_versions, row, state=str(state))
    uow.terms_changed()


def _target(connection_id: UUID, name: str) -> Target:
    return Target("connection", str(connection_id), name)
