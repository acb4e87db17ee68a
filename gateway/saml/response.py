"""Judging one Response: bytes, a connection, what was expected and the time go in.

Size → gate → signature of the envelope → own decryption → gate again on the plain tree → the
library and the assertion's signature → exact checks. Nothing is stored here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.errors import SignInFailed
from gateway.domain.judging import Unacceptable, step
from gateway.domain.signin import AssertedIdentity, SAMLAddresses, SAMLConnection, Trace
from gateway.saml import attributes, decrypt, gate, verify
from gateway.saml.checks import Expected, Judge
from gateway.saml.gate import Message
from gateway.saml.verify import Signed
from gateway.saml.xml import Element

__all__ = ["Accepted", "Expected", "judge"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who it is, and what makes the message unique."""

    identity: AssertedIdentity
    assertion_id: str


def judge(
    field: str,
    connection: SAMLConnection,
    addresses: SAMLAddresses,
    expected: Expected,
    now: datetime,
    trace: Trace,
) -> Accepted:
    """Return who has signed in, if every check passes; each leaves its tick or cross.

    :raises SignInFailed: the first that does not; its code is the trace's too.
    """
    with step(trace, "message") as said:
        document = gate.decoded(field)
        said.detail = f"{len(document)} bytes"
    with step(trace, "gate") as said:
        received = gate.response(document, allow_cbc=connection.allow_cbc)
        said.detail = f"{len(received.signatures)} signatures, encrypted: {_encrypted(received)}"
    with step(trace, "encryption"):
        _require_encryption(received, connection)
    with step(trace, "response_signature") as said:
        outer = verify.response_signature(received.root, connection.certificates)
        said.detail = outer or "none"
    with _hidden(received, trace):
        plain, signed = _opened(received, outer, connection, trace)
    judge_ = Judge(connection, addresses, expected, now)
    return _checked(plain, signed, judge_, trace)


@contextmanager
def _hidden(received: Message, trace: Trace) -> Iterator[None]:
    """Give one code to whatever a changed ciphertext became, where it can be changed unseen."""
    try:
        yield
    except SignInFailed as error:
        if received.encrypted is None or not decrypt.is_malleable(received.encrypted):
            raise
        trace.code = "decryption_failed"
        raise SignInFailed("decryption_failed") from error


def _opened(
    received: Message, outer: str | None, connection: SAMLConnection, trace: Trace
) -> tuple[Message, Signed]:
    """Return the plain message, and whose signatures cover its assertion."""
    plain = received
    if received.encrypted is not None:
        with step(trace, "decryption"):
            document = decrypt.plain_response(received.root, received.encrypted, connection.keys)
        with step(trace, "gate_after_decryption"):
            plain = _gated_again(document)
    with step(trace, "library"):
        verify.require_library_rules(plain.root)
    with step(trace, "assertion_signature") as said:
        inner = verify.assertion_signature(plain.root, connection.certificates)
        said.detail = inner or "none"
    with step(trace, "signed") as said:
        signed = Signed(outer, inner)
        _require_signatures(signed, connection)
        said.detail = signed.by
    return plain, signed


def _encrypted(message: Message) -> str:
    return "no" if message.encrypted is None else "yes"


def _require_encryption(message: Message, connection: SAMLConnection) -> None:
    if message.encrypted is None and connection.require_encrypted:
        raise Unacceptable("encryption_refused", "the assertion is not encrypted")
    if message.encrypted is not None and not connection.allow_encrypted:
        raise Unacceptable("encryption_refused", "the assertion is encrypted")


def _gated_again(document: bytes) -> Message:
    try:
        return gate.response(document, plain=True)
    except Unacceptable as refusal:
        raise Unacceptable("decryption_failed", refusal.detail) from None


def _require_signatures(signed: Signed, connection: SAMLConnection) -> None:
    if signed.response is None and signed.assertion is None:
        raise Unacceptable("signature_missing", "neither the Response nor the assertion")
    if connection.want_response_signed and signed.response is None:
        raise Unacceptable("signature_missing", "the Response")
    if connection.want_assertions_signed and signed.assertion is None:
        raise Unacceptable("signature_missing", "the assertion")


def _checked(plain: Message, signed: Signed, judge_: Judge, trace: Trace) -> Accepted:
    root, assertion = plain.root, plain.assertion
    assert assertion is not None  # noqa: S101 - the gate saw exactly one
    with step(trace, "version"):
        judge_.version(root, assertion)
    with step(trace, "issuer"):
        judge_.issuers(root, assertion)
    with step(trace, "destination"):
        judge_.destination(root)
    with step(trace, "request"):
        judge_.request(root)
    with step(trace, "issued"):
        judge_.issued(root, assertion)
    with step(trace, "conditions"):
        judge_.conditions(assertion)
    with step(trace, "audience"):
        judge_.audience(assertion)
    with step(trace, "confirmation"):
        judge_.confirmation(assertion)
    identity = _identity(assertion, signed, judge_, trace)
    return Accepted(identity, assertion.get("ID", ""))


def _identity(assertion: Element, signed: Signed, judge_: Judge, trace: Trace) -> AssertedIdentity:
    connection = judge_.connection
    mapping = connection.attributes
    with step(trace, "authentication"):
        at, ends, index = judge_.authentication(assertion)
    with step(trace, "subject") as said:
        values = attributes.read(assertion)
        name_id, form = judge_.name_id(assertion)
        if mapping.subject is None:
            subject = name_id or ""
        else:
            subject, form = attributes.subject(values, mapping.subject), None
        said.detail = subject
    with step(trace, "attributes") as said:
        groups = attributes.groups(values, mapping)
        email = attributes.one(values, mapping.email)
        display_name = attributes.one(values, mapping.display_name)
        said.detail = f"{len(values)} attributes, groups: {groups.said}"
    return AssertedIdentity(
        connection_id=connection.id,
        issuer=connection.idp_entity_id,
        subject=subject,
        subject_format=form,
        name_id=name_id,
        session_index=index,
        email=email,
        display_name=display_name,
        attributes=attributes.kept(values),
        groups=groups,
        authenticated_at=at,
        session_expires_at=ends,
        signed_by=signed.by,
    )
