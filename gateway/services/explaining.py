"""Why somebody may or may not, now or at an instant: the enforcing derivation with its trace."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.domain.errors import InvalidRequest, NotFound
from gateway.domain.explain import Inquiry, explain
from gateway.services import access
from gateway.services.terms import held_at
from gateway.storage import tables as t
from gateway.storage.types import canonical
from gateway.storage.unit_of_work import UnitOfWork

_PREFIX = "dec_"


@dataclass(frozen=True, slots=True)
class Question:
    """Whose access, to do what, on which chatbot, and when it was asked."""

    member_id: UUID
    action: str
    chatbot_id: UUID | None = None
    at: datetime | None = None


def answer(uow: UnitOfWork, question: Question) -> dict[str, Any]:
    """Return decision, code, gates, role and its source, grants, counterfactuals and levers.

    Run it in a snapshot, so that all facts are of one instant.

    :raises NotFound: no such member, or none yet at that instant.
    :raises InvalidRequest: an unknown action, or an instant in the future.
    """
    if question.at is not None and question.at > uow.now:
        raise InvalidRequest("Nobody knows what will be; `at` lies in the past.", field="at")
    facts = access.load(uow, [question.member_id], question.at)
    if question.member_id not in facts:
        raise NotFound("No such member.")
    inquiry = Inquiry(question.action, question.chatbot_id)
    said = explain(facts[question.member_id], inquiry).document()
    if said["decision"] and question.chatbot_id is not None and not _chatbot_exists(uow, question):
        said |= {"decision": False, "code": "not_visible"}
    at = question.at or uow.now
    return {
        **said,
        "member": str(question.member_id),
        "action": question.action,
        "chatbot": str(question.chatbot_id) if question.chatbot_id else None,
        "at": at.isoformat(),
        "decision_id": decision_id(
            Question(question.member_id, question.action, question.chatbot_id, at)
        ),
    }


def decision_id(question: Question) -> str:
    """Return an id that says no more than what was asked, so that nothing need be stored."""
    parts = [
        str(question.member_id),
        question.action,
        str(question.chatbot_id) if question.chatbot_id else None,
        question.at.isoformat() if question.at else None,
    ]
    return _PREFIX + base64.urlsafe_b64encode(canonical(parts).encode()).decode().rstrip("=")


def opened(decision: str) -> Question:
    """Return the question that a decision id stands for.

    :raises InvalidRequest: not a decision id.
    """
    try:
        text = decision.removeprefix(_PREFIX)
        member, action, chatbot, at = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        return Question(
            UUID(member),
            str(action),
            UUID(chatbot) if chatbot else None,
            datetime.fromisoformat(at) if at else None,
        )
    except (ValueError, TypeError, AttributeError):
        raise InvalidRequest("That is no decision id.", field="decision_id") from None


def _chatbot_exists(uow: UnitOfWork, question: Question) -> bool:
    history = t.chatbot_versions.history
    living = uow.own(history, history.c.id).where(
        history.c.id == question.chatbot_id,
        held_at(history, question.at),
        ~history.c.deleted,
    )
    return uow.one(living) is not None
