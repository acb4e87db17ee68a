"""Mail of any words, for tests of how mail is kept and carried."""

from html import escape

from gateway.services import outbox
from gateway.services.messages import Letter
from gateway.storage.unit_of_work import UnitOfWork


def send(uow: UnitOfWork, type: str, to: str, subject: str, text: str) -> None:
    """Put a mail into the outbox, in the commit of the unit."""
    letter = Letter(subject, text, f"<html><p>{escape(text.strip())}</p></html>")
    uow.send("mail", type, outbox.payload(to, letter))
