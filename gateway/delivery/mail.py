"""Mail: a message of the outbox, as text and HTML, handed to an SMTP server."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from gateway.services.outbox import Message, one_line
from gateway.settings import Settings

PERMANENT = range(500, 600)
"""SMTP replies after which trying again cannot help (RFC 5321 §4.2.1)."""

NOT_ABOUT_THE_MESSAGE = frozenset({530, 534, 535, 538})
"""Replies to our own sign-in: an operator can mend that, so the message waits."""


class Undelivered(Exception):
    """The mail server did not take a message; `permanent` if it never will."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason, self.permanent = reason, permanent


@dataclass(frozen=True, slots=True)
class Mailer:
    """Hands messages to one mail server, each in a conversation of its own."""

    server: str
    port: int
    security: str
    user: str | None
    password: str | None
    timeout: timedelta
    sender: str
    name: str

    @classmethod
    def of(cls, settings: Settings) -> "Mailer | None":
        """Return the mailer that the settings describe; None where they name no server."""
        if settings.smtp_host is None:
            return None
        secret = settings.smtp_password
        return cls(
            server=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=secret.get_secret_value() if secret else None,
            timeout=settings.smtp_timeout,
            sender=settings.sender,
            name=settings.host,
        )

    def send(self, message: Message) -> None:
        """Hand one message over; the server has it when this returns.

        :raises Undelivered: it has not, or did not say so.
        """
        try:
            mail = compose(message, self.sender, self.name)
        except (KeyError, TypeError, ValueError) as error:
            raise Undelivered(f"cannot be written as mail: {error!r}", permanent=True) from error
        try:
            with self._connect() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            raise _refused(code, reason) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"{type(error).__name__}: {error}", permanent=False) from error

    def _connect(self) -> smtplib.SMTP:
        seconds = self.timeout.total_seconds()
        server: smtplib.SMTP
        if self.security == "tls":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(self.server, self.port, timeout=seconds, context=context)
        else:
            server = smtplib.SMTP(self.server, self.port, timeout=seconds)
        if self.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if self.user is not None:
            server.login(self.user, self.password or "")
        return server


def compose(message: Message, sender: str, name: str) -> EmailMessage:
    """Return a message as mail: text, HTML where it has some, and an id that every attempt shares.

    Receivers that keep ids therefore drop a second copy. No header can carry a line break.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr(("", sender))
    mail["To"] = one_line(message.payload["to"])
    mail["Subject"] = one_line(message.payload["subject"])
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{name}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.payload["text"])
    if "html" in message.payload:
        mail.add_alternative(message.payload["html"], subtype="html")
    return mail


def _refused(code: int, reason: bytes | str) -> Undelivered:
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
    permanent = code in PERMANENT and code not in NOT_ABOUT_THE_MESSAGE
    return Undelivered(f"{code} {text}", permanent=permanent)
