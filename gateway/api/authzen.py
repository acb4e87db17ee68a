"""OpenID AuthZEN Authorization API 1.0: a platform asks, the enforcing code answers.

The paths and shapes are the specification's, not the management API's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import sqlalchemy
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request

from gateway.api import problems
from gateway.api.problems import Unreadable
from gateway.domain.errors import GatewayError, InvalidRequest, NotPermitted
from gateway.domain.gates import Record
from gateway.domain.permissions import BOT_ATOMS, SECTION_ATOMS
from gateway.logs import logger
from gateway.services import decisions, principals
from gateway.services.decisions import Asked, Found, Verdict
from gateway.services.uses import Uses
from gateway.settings import Settings
from gateway.storage import tables as t
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.wsgi import ORGANISATION, respond

PREFIX = "/access/v1"
WELL_KNOWN = "/.well-known/authzen-configuration"
ATOM = "decisions.evaluate"
EVALUATIONS = 100
"""Questions in one request."""

PAGE = 100
BODY = 256 * 1024
MEMBER, SESSION = "member", "session"
SUBJECTS = (MEMBER, SESSION, "platform_token")
"""No platform token is issued yet: each is one that nobody knows."""

RESOURCES = ("organisation", "chatbot", "conversation", "contact", "campaign", "template")
_log = logger("authzen")

Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Properties = dict[str, Any]


class Part(BaseModel):
    """AuthZEN lets callers add members of their own: they are carried, and decide nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Subject(Part):
    """Whose access is asked about; a search for subjects leaves the id out."""

    type: Text
    id: Text | None = None
    properties: Properties = Field(default_factory=dict)


class Action(Part):
    """What they would do: an atom, or `<section>.read` and `<section>.write`."""

    name: Text
    properties: Properties = Field(default_factory=dict)


class Resource(Part):
    """Where; `properties` may carry chatbot, assignee and team."""

    type: Text
    id: Text | None = None
    properties: Properties = Field(default_factory=dict)


class Evaluation(Part):
    """One question."""

    subject: Subject
    action: Action
    resource: Resource


class Options(Part):
    """How the questions of one request are worked off."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = (
        "execute_all"
    )


class Partial(Part):
    """A question whose missing parts are the request's own."""

    subject: Subject | None = None
    action: Action | None = None
    resource: Resource | None = None


class Evaluations(Partial):
    """Several questions; without any it is one question by itself."""

    evaluations: Annotated[list[Partial], Field(max_length=EVALUATIONS)] = Field(
        default_factory=list
    )
    options: Options = Field(default_factory=Options)


class PageWish(Part):
    """Where a search goes on."""

    token: Text | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE


class Search(Part):
    """A question with one part left open."""

    subject: Subject
    action: Action | None = None
    resource: Resource
    page: PageWish = Field(default_factory=PageWish)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """Where a platform's questions arrive."""

    work: Work
    settings: Settings
    uses: Uses

    def serves(self, path: str) -> bool:
        """Whether a path is this application's."""
        return path == WELL_KNOWN or path.removeprefix(f"{PREFIX}/") in _REPLIES

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        request = Request(environ)
        answer = self._answer(request)
        content = (answer.media_type, answer.body)
        return respond(request, start_response, answer.status, answer.headers, content)

    def _answer(self, request: Request) -> Answer:
        """Authenticate, read, ask and write one request, or refuse it as a problem."""
        try:
            if request.path == WELL_KNOWN:
                _require_method(request, "GET", "HEAD")
                return _json(self._configuration())
            _require_method(request, "POST")
            model, reply = _REPLIES[request.path.removeprefix(f"{PREFIX}/")]
            with (
                self.work.platform() as database,
                self.work.beside(database, self._organisation(database, request)) as uow,
            ):
                return _json(reply(uow, _read(request, model)))
        except InvalidRequest as wrong:
            return _refused(problems.unreadable(Unreadable(400, "invalid_request", wrong.message)))
        except GatewayError as error:
            return _refused(problems.refused(error))
        except Unreadable as wrong:
            return _refused(problems.unreadable(wrong))
        except ClientDisconnected:
            return _refused(problems.unreadable(Unreadable(400, "invalid_request", "Cut off.")))
        except Exception as bug:
            _log.error("unexpected", exc_info=bug)
            return _refused(problems.broken())

    def _configuration(self) -> dict[str, str]:
        """Name the endpoints (AuthZEN §9)."""
        base = f"{self.settings.origin}{PREFIX}"
        return {
            "policy_decision_point": self.settings.origin,
            "access_evaluation_endpoint": f"{base}/evaluation",
            "access_evaluations_endpoint": f"{base}/evaluations",
            "search_subject_endpoint": f"{base}/search/subject",
            "search_resource_endpoint": f"{base}/search/resource",
            "search_action_endpoint": f"{base}/search/action",
        }

    def _organisation(self, database: sqlalchemy.Connection, request: Request) -> UUID:
        """Return the caller's organisation: nobody asks about another's."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        now = self.work.clock()
        bearer = secret.strip() if scheme.lower() == "bearer" else ""
        principal = principals.authenticate(database, now, bearer)
        organisation_id = principal.organisation_id
        if organisation_id is None:
            raise NotPermitted(
                "Decisions are asked with an organisation's own key.",
                levers=(f"Use an API key with the scope {ATOM}.",),
            )
        request.environ[ORGANISATION] = organisation_id
        self.uses.note(t.api_keys.c.last_used_at, organisation_id, principal.key_id, now)
        if principal.access is None:
            with self.work.beside(database, organisation_id) as uow:
                principal = principals.timely(uow, principal)
        principal.require(ATOM)
        return organisation_id


def _evaluation(uow: UnitOfWork, wish: Evaluation) -> Any:
    member_id = _member(uow, wish.subject)
    asked = _asked(uow, member_id, wish.action.name, wish.resource)
    return _said(decisions.judge(uow, asked))


def _evaluations(uow: UnitOfWork, wish: Evaluations) -> Any:
    if not wish.evaluations:
        return _evaluation(uow, _completed(wish, Partial()))
    answers = []
    stops_at = {"deny_on_first_deny": False, "permit_on_first_permit": True}.get(
        wish.options.evaluations_semantic
    )
    for partial in wish.evaluations:
        answer = _evaluation(uow, _completed(wish, partial))
        answers.append(answer)
        if answer["decision"] is stops_at:
            break
    return {"evaluations": answers}


def _search_subject(uow: UnitOfWork, wish: Search) -> Any:
    if wish.subject.type != MEMBER:
        raise InvalidRequest("Subjects of type member can be searched for.")
    asked = _asked(uow, None, _action(wish).name, wish.resource)
    if not asked.known:
        return _results(MEMBER, Found([], None))
    found = decisions.members_who_may(uow, asked, _after(wish.page), wish.page.limit)
    return _results(MEMBER, found)


def _search_resource(uow: UnitOfWork, wish: Search) -> Any:
    if wish.resource.type != "chatbot":
        raise InvalidRequest("Resources of type chatbot can be searched for.")
    action = _action(wish)
    if action.name not in BOT_ATOMS and action.name not in SECTION_ATOMS:
        raise InvalidRequest(f"{action.name} is not an action on a chatbot.")
    asked = Asked(_member(uow, wish.subject), action.name)
    found = decisions.chatbots_for(uow, asked, _after(wish.page), wish.page.limit)
    return _results("chatbot", found)


def _search_action(uow: UnitOfWork, wish: Search) -> Any:
    asked = _asked(uow, _member(uow, wish.subject), "org.read", wish.resource)
    names = decisions.actions_on(uow, asked)
    return {"results": [{"name": name} for name in names], "page": {"next_token": ""}}


def _asked(uow: UnitOfWork, member_id: UUID | None, action: str, resource: Resource) -> Asked:
    if resource.type not in RESOURCES:
        raise InvalidRequest(f"A resource is one of {', '.join(RESOURCES)}.")
    if resource.type == "organisation":
        known = _uuid(resource.id) == uow.organisation_id
        return Asked(member_id, action, known=known)
    if resource.type == "chatbot":
        chatbot_id = _uuid(resource.id)
        return Asked(member_id, action, chatbot_id, known=chatbot_id is not None)
    return _asked_of_record(uow, member_id, action, resource)


def _asked_of_record(
    uow: UnitOfWork, member_id: UUID | None, action: str, resource: Resource
) -> Asked:
    """Read where a record lies from its properties, or from the gateway's own row of it."""
    said = resource.properties
    chatbot_id, assignee, team = (_property(said, name) for name in ("chatbot", "assignee", "team"))
    if resource.type == "conversation" and "chatbot" not in said:
        row_id = _uuid(resource.id)
        row = decisions.conversation(uow, row_id) if row_id else None
        if row is None:
            return Asked(member_id, action, known=False)
        chatbot_id, assignee, team = row.chatbot_id, row.assignee_id, row.team_id
    kind = decisions.KINDS.get(resource.type)
    record = Record(kind, assignee, team) if kind else None
    return Asked(member_id, action, chatbot_id, record)


def _member(uow: UnitOfWork, subject: Subject) -> UUID | None:
    """Return the member whom a subject stands for; None where it is unknown."""
    if subject.type not in SUBJECTS:
        raise InvalidRequest("A subject is of type member, session or platform_token.")
    if subject.id is None:
        raise InvalidRequest("A subject needs an id.")
    subject_id = _uuid(subject.id)
    if subject_id is None or subject.type == MEMBER:
        return subject_id
    return decisions.of_session(uow, subject_id) if subject.type == SESSION else None


def _completed(wish: Partial, partial: Partial) -> Evaluation:
    parts = {
        name: getattr(partial, name) or getattr(wish, name)
        for name in ("subject", "action", "resource")
    }
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        raise InvalidRequest(f"A question lacks {', '.join(missing)}.")
    return Evaluation(**parts)


def _action(wish: Search) -> Action:
    if wish.action is None:
        raise InvalidRequest("A search for subjects or resources names an action.")
    return wish.action


def _said(verdict: Verdict) -> dict[str, Any]:
    context: dict[str, Any] = {"code": verdict.code}
    if verdict.decision_id:
        context["decision_id"] = verdict.decision_id
    if verdict.levers:
        context["levers"] = list(verdict.levers)
    return {"decision": verdict.allowed, "context": context}


def _results(kind: str, found: Found) -> dict[str, Any]:
    return {
        "results": [{"type": kind, "id": str(each)} for each in found.ids],
        "page": {"next_token": str(found.after) if found.after else ""},
    }


def _after(page: PageWish) -> UUID | None:
    if page.token is None:
        return None
    after = _uuid(page.token)
    if after is None:
        raise InvalidRequest("That page token was not given by this search.")
    return after


def _property(properties: Mapping[str, Any], name: str) -> UUID | None:
    value = properties.get(name)
    if isinstance(value, Mapping):
        value = value.get("id")
    if value is None:
        return None
    found = _uuid(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidRequest(f"The property {name} is an id.")
    return found


def _uuid(value: str | None) -> UUID | None:
    try:
        return UUID(value or "")
    except ValueError:
        return None


def _read(request: Request, model: type[BaseModel]) -> BaseModel:
    if request.mimetype != "application/json":
        raise Unreadable(415, "unsupported_media_type", "A body is application/json.")
    request.max_content_length = BODY
    if (request.content_length or 0) > BODY:
        raise Unreadable(413, "too_large", f"A body has at most {BODY} bytes.")
    try:
        return model.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Unreadable(400, "invalid_request", f"{place or 'body'}: {first['msg']}.") from None


def _require_method(request: Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = {"Allow": ", ".join(methods)}
        raise Unreadable(405, "method_not_allowed", "Method Not Allowed", headers=allowed)


def _json(value: Any) -> Answer:
    return Answer(200, orjson.dumps(value))


def _refused(refusal: problems.Refusal) -> Answer:
    return Answer(refusal.status, refusal.body, problems.MEDIA_TYPE, refusal.headers)


_REPLIES: Mapping[str, tuple[type[BaseModel], Callable[[UnitOfWork, Any], Any]]] = {
    "evaluation": (Evaluation, _evaluation),
    "evaluations": (Evaluations, _evaluations),
    "search/subject": (Search, _search_subject),
    "search/resource": (Search, _search_resource),
    "search/action": (Search, _search_action),
}
"""What is asked at each path, and who answers it."""
