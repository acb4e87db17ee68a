"""The gates of every decision, in their order; explaining walks the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from gateway.domain.errors import InvalidRequest
from gateway.domain.mapping import Scope
from gateway.domain.permissions import (
    BOT_ATOMS,
    PLATFORM_ATOMS,
    READING_ATOMS,
    SECTION_ATOMS,
    Level,
    require_action,
)

if TYPE_CHECKING:
    from gateway.domain.decisions import Access


class RecordKind(StrEnum):
    """Kinds of rows that a role may be limited to some of."""

    CONVERSATION = "conversations"
    CONTACT = "contacts"


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation or contact that an action is about."""

    kind: RecordKind
    assignee_id: UUID | None = None
    team_id: UUID | None = None


class Gate(NamedTuple):
    """One check of a decision: its name, and the refusal's code where it stays shut."""

    name: str
    code: str | None


class Question(NamedTuple):
    """What is asked: an action, on a chatbot where it concerns one, on a record where it does."""

    action: str
    chatbot: str | None
    record: Record | None


Check = Callable[["Access", Question], Gate]


def ask(action: str, chatbot_id: UUID | None, record: Record | None) -> Question:
    """Return the question, understood.

    :raises InvalidRequest: an unknown action, or one on chatbots without a chatbot.
    """
    require_action(action)
    if chatbot_id is None and _is_on_chatbot(action):
        raise InvalidRequest(f"{action} is asked about a chatbot.", action=action)
    return Question(action, None if chatbot_id is None else str(chatbot_id), record)


def _standing(name: str, code: str) -> Check:
    passed, shut = Gate(name, None), Gate(name, code)
    return lambda access, _question: shut if access.standing == code else passed


def _chatbot(access: "Access", question: Question) -> Gate:
    chatbot = question.chatbot
    if chatbot is None or question.action not in _CHATBOT_ACTIONS:
        return _CHATBOT_OPEN
    if not access.opens_chatbots():
        return _NO_CHATBOTS
    return _CHATBOT_OPEN if access.knows(chatbot) else _CHATBOT_HIDDEN


def _subscription(access: "Access", question: Question) -> Gate:
    if access.suspended is None or question.action not in _CHATBOT_ACTIONS:
        return _SUBSCRIPTION_OPEN
    needed = _needed_level(question.action)
    return _SUBSCRIPTION_OPEN if access.suspended_ceiling() >= needed else _SUBSCRIPTION_SHUT


def _permission(access: "Access", question: Question) -> Gate:
    return _PERMITTED if _holds(access, question) else _NOT_PERMITTED


def _holds(access: "Access", question: Question) -> bool:
    action, chatbot, record = question
    if action in SECTION_ATOMS:
        section, level = SECTION_ATOMS[action]
        return access.granted(chatbot or "", section) >= level
    if action in BOT_ATOMS:
        return action == "chatbot.read" or action in access.bot_atoms
    if action in access.org_atoms:
        return True
    if action == "contacts.read_assigned":
        return "contacts.read" in access.org_atoms
    return (
        action == "contacts.read"
        and "contacts.read_assigned" in access.org_atoms
        and record is not None
        and record.kind is RecordKind.CONTACT
    )


def _feature(access: "Access", question: Question) -> Gate:
    return _FEATURE_MISSING if question.action in access.unavailable else _FEATURE_THERE


def _scope(access: "Access", question: Question) -> Gate:
    narrow = access.scope is not Scope.ALL
    return _TOO_NARROW if narrow and question.action in _UNNARROWED else _SCOPE_WIDE


def _record(access: "Access", question: Question) -> Gate:
    record = question.record
    if record is None:
        return _RECORD_OPEN
    limit = access.record_scope.get(record.kind.value)
    if limit is None and record.kind is RecordKind.CONTACT:
        limit = None if "contacts.read" in access.org_atoms else "assigned"
    if limit is None or record.assignee_id == access.member_id:
        return _RECORD_OPEN
    own_queue = (
        limit == "assigned_or_team_queue"
        and record.assignee_id is None
        and str(record.team_id) in access.teams
    )
    return _RECORD_OPEN if own_queue else _RECORD_HIDDEN


def _is_on_chatbot(action: str) -> bool:
    return action in BOT_ATOMS or action in SECTION_ATOMS


def _needed_level(action: str) -> Level:
    if action in SECTION_ATOMS:
        return SECTION_ATOMS[action][1]
    return Level.READ if action == "chatbot.read" or action in READING_ATOMS else Level.WRITE


CHECKS: tuple[Check, ...] = (
    _standing("organisation", "not_visible"),
    _standing("member", "member_inactive"),
    _standing("hold", "on_hold"),
    _standing("containment", "contained"),
    _standing("role", "no_role"),
    _chatbot,
    _subscription,
    _permission,
    _feature,
    _scope,
    _record,
)
"""The gates of every decision, in their order; explaining walks the same ones."""

_CHATBOT_ACTIONS = BOT_ATOMS | frozenset(SECTION_ATOMS) | PLATFORM_ATOMS
_UNNARROWED = BOT_ATOMS - {"chatbot.read"}
_CHATBOT_OPEN = Gate("chatbot", None)
_CHATBOT_HIDDEN = Gate("chatbot", "not_visible")
# A role that opens no chatbot at all hides none: the answer is the same for every id.
_NO_CHATBOTS = Gate("chatbot", "not_permitted")
_SUBSCRIPTION_OPEN = Gate("subscription", None)
_SUBSCRIPTION_SHUT = Gate("subscription", "subscription_expired")
_PERMITTED = Gate("permission", None)
_NOT_PERMITTED = Gate("permission", "not_permitted")
_FEATURE_THERE = Gate("plan", None)
_FEATURE_MISSING = Gate("plan", "plan_feature")
_SCOPE_WIDE = Gate("scope", None)
_TOO_NARROW = Gate("scope", "not_permitted")
_RECORD_OPEN = Gate("record", None)
_RECORD_HIDDEN = Gate("record", "not_visible")
