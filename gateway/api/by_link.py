"""Requests by an invitation's link: the link is the key, and names its organisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Request

from gateway.api import reading
from gateway.api.callers import Callers
from gateway.api.calls import Answer, Call
from gateway.api.endpoint import LINK_NAME, Endpoint
from gateway.domain.errors import NotPermitted, Refused
from gateway.domain.identity import INVITED, Actor, Context
from gateway.services import answering, sessions
from gateway.services.principals import Principal
from gateway.settings import Settings
from gateway.storage.person_work import PersonWork
from gateway.storage.unit_of_work import UnitOfWork, Work
from gateway.wsgi import REQUEST_ID


@dataclass(frozen=True)
class LinkDispatcher:
    """Carries out endpoints that a link opens, some of them for somebody who is signed in."""

    work: Work
    settings: Settings
    callers: Callers

    def answer(self, endpoint: Endpoint, request: Request, ids: Mapping[str, Any]) -> Answer:
        """Return what the endpoint answers to the request.

        :raises NotFound: no invitation has this link. :raises GatewayError: another refusal.
        """
        principal = self._principal(endpoint, request)
        reading.wish(endpoint, request, int(self.settings.max_body))
        token = str(ids[LINK_NAME])
        with self.work.platform() as database:
            organisation_id = answering.organisation_of(database, token)
        context = Context(
            request_id=request.environ.get(REQUEST_ID, ""),
            ip=request.remote_addr,
            user_agent=request.user_agent.string or None,
        )
        call = Call(self.work, self.settings, principal, context)

        def verb(uow: UnitOfWork) -> Answer | Refused:
            if principal.token is not None:
                sessions.require(PersonWork.beside(uow), principal.token)
            given = {"uow": uow, "call": call, LINK_NAME: token}
            return _written(
                endpoint, endpoint.function(**{name: given[name] for name in endpoint.wants})
            )

        if not endpoint.writes:
            with self.work.read(organisation_id, principal.actor, context) as uow:
                done = verb(uow)
        else:
            done = self.work.run(organisation_id, principal.actor, verb, context)
        if isinstance(done, Refused):
            raise done.error
        return done

    def _principal(self, endpoint: Endpoint, request: Request) -> Principal:
        if not endpoint.allow.person:
            return _Bearer(UUID(int=0), "")
        principal = self.callers.principal(request, endpoint, {})
        if principal.session is None:
            raise NotPermitted("Only people do this, in a session of their own.")
        return principal


class _Bearer(Principal):
    """Whoever has the link, and nothing else."""

    __slots__ = ()

    @property
    def is_operator(self) -> bool:
        """Never: a link opens its invitation alone."""
        return False

    @property
    def actor(self) -> Actor:
        """Nobody by name."""
        return INVITED


def _written(endpoint: Endpoint, value: Any) -> Answer:
    body = b"" if value is None else value.model_dump_json(by_alias=True).encode()
    return Answer(endpoint.status, body, None)
