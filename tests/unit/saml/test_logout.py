"""Single logout: signed, fresh, for us, about somebody; by both bindings, both ways."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
from lxml import etree

from gateway.domain.errors import SignInFailed
from gateway.domain.sessions import SSOProof
from gateway.domain.signin import Trace
from gateway.saml import bindings
from gateway.saml.logout import Desk, LogoutRequest
from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.messages import SAML, SAMLP, child
from idp_fixtures.saml_idp.provider import SAMLProvider, unpacked
from tests.clock import NOON
from tests.unit.saml.bench import ADDRESSES, SERVICE, connection, key, provider

S, M = timedelta(seconds=1), timedelta(minutes=1)
SKEW = connection().clock_skew
Change = Callable[[Any], None]
BINDINGS = pytest.mark.parametrize("posted", [False, True], ids=["redirect", "post"])


def desk(**settings: Any) -> Desk:
    return Desk(connection(**settings), ADDRESSES, NOON)


def fields_of(idp: SAMLProvider, name: str, root: Any, *, posted: bool) -> bindings.Fields:
    if posted:
        return bindings.from_form(urlencode(idp.by_post(name, root, "relay")).encode())
    address = idp.by_redirect(ADDRESSES.logout_url, name, root, "relay")
    return bindings.from_query(urlsplit(address).query.encode())


def asked(
    change: Change = lambda _: None,
    *,
    posted: bool = True,
    idp: SAMLProvider | None = None,
    indexes: tuple[str, ...] = ("_s1",),
) -> LogoutRequest:
    idp = idp or provider()
    root = idp.logout_request(SERVICE, "mia", *indexes)
    change(root)
    fields = fields_of(idp, "SAMLRequest", root, posted=posted)
    return desk().request(fields, Trace(), posted=posted)


def refused(code: str, verb: Callable[[], Any]) -> None:
    with pytest.raises(SignInFailed) as refusal:
        verb()
    assert refusal.value.reason == code


@BINDINGS
def test_a_signed_request_names_whose_sessions_end(posted: bool) -> None:
    found = asked(posted=posted, indexes=("_s1", "_s2"))
    assert (found.name_id, found.session_indexes) == ("mia", ("_s1", "_s2"))
    assert found.replay_key == f"logout {found.id}"


def _set(name: str, value: str | None) -> Change:
    def change(root: Any) -> None:
        if value is None:
            del root.attrib[name]
        else:
            root.set(name, value)

    return change


def _issuer(value: str) -> Change:
    return lambda root: setattr(root.find(f"{{{SAML}}}Issuer"), "text", value)


def _name(value: str) -> Change:
    return lambda root: setattr(root.find(f"{{{SAML}}}NameID"), "text", value)


def _no_name(root: Any) -> None:
    root.remove(root.find(f"{{{SAML}}}NameID"))


def _encrypted_name(root: Any) -> None:
    root.find(f"{{{SAML}}}NameID").tag = f"{{{SAML}}}EncryptedID"


def _extensions(root: Any) -> None:
    child(root, SAMLP, "Extensions")


def _at(offset: timedelta) -> str:
    return messages.written(NOON + offset)


@BINDINGS
@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(_set("Destination", None), "destination_mismatch", id="no-destination"),
        pytest.param(
            _set("Destination", f"{ADDRESSES.logout_url}0"), "destination_mismatch", id="continued"
        ),
        pytest.param(
            _set("Destination", ADDRESSES.acs_url), "destination_mismatch", id="another-of-ours"
        ),
        pytest.param(_set("IssueInstant", _at(SKEW + S)), "not_yet_valid", id="in-future"),
        pytest.param(_set("IssueInstant", _at(-10 * M - SKEW - S)), "expired", id="too-old"),
        pytest.param(_set("IssueInstant", None), "malformed", id="no-instant"),
        pytest.param(_set("NotOnOrAfter", _at(-SKEW)), "expired", id="ended"),
        pytest.param(_set("Version", "1.1"), "malformed", id="saml-1.1"),
        pytest.param(_issuer("https://x.example"), "issuer_mismatch", id="another-issuer"),
        pytest.param(_name(""), "subject_missing", id="empty-name"),
        pytest.param(_name("m" * 256), "subject_missing", id="long-name"),
        pytest.param(_no_name, "malformed", id="no-name"),
        pytest.param(_encrypted_name, "malformed", id="encrypted-name"),
        pytest.param(_extensions, "malformed", id="extensions"),
    ],
)
def test_a_signed_request_that_says_something_else_is_refused(
    change: Change, code: str, posted: bool
) -> None:
    refused(code, lambda: asked(change, posted=posted))


@BINDINGS
@pytest.mark.parametrize(
    "change",
    [
        _set("IssueInstant", _at(SKEW)),
        _set("IssueInstant", _at(-10 * M - SKEW)),
        _set("NotOnOrAfter", _at(-SKEW + S)),
        _set("NotOnOrAfter", None),
        _set("Reason", "urn:oasis:names:tc:SAML:2.0:logout:user"),
    ],
)
def test_a_signed_request_within_the_rules_is_taken(change: Change, posted: bool) -> None:
    assert asked(change, posted=posted).name_id == "mia"


def test_without_a_signature_nobody_is_signed_out() -> None:
    idp = provider()
    root = idp.logout_request(SERVICE, "mia", "_s1")
    address = idp.by_redirect(ADDRESSES.logout_url, "SAMLRequest", root, "relay", None)
    bare = bindings.from_query(urlsplit(address).query.encode())
    refused("signature_missing", lambda: desk().request(bare, Trace(), posted=False))
    form = {"SAMLRequest": base64.b64encode(etree.tostring(root)).decode()}
    plain = bindings.from_form(urlencode(form).encode())
    refused("signature_missing", lambda: desk().request(plain, Trace(), posted=True))


@BINDINGS
def test_a_stranger_signs_nobody_out(posted: bool) -> None:
    stranger = provider(keys=[key("attacker")])
    refused("signature_invalid", lambda: asked(posted=posted, idp=stranger))


@BINDINGS
def test_a_weak_signature_signs_nobody_out(posted: bool) -> None:
    idp = provider(style=security.Style(method=f"{security.DS}rsa-sha1"))
    root = idp.logout_request(SERVICE, "mia")
    if posted:
        fields = bindings.from_form(urlencode(idp.by_post("SAMLRequest", root)).encode())
    else:
        weak = f"{security.DS}rsa-sha1"
        address = idp.by_redirect(ADDRESSES.logout_url, "SAMLRequest", root, "", weak)
        fields = bindings.from_query(urlsplit(address).query.encode())
    refused("algorithm_refused", lambda: desk().request(fields, Trace(), posted=posted))


def test_a_name_changed_after_signing_signs_nobody_out() -> None:
    idp = provider()
    root = idp.logout_request(SERVICE, "mia")
    security.sign(root, idp.key)
    _name("owner")(root)
    form = {"SAMLRequest": base64.b64encode(etree.tostring(root)).decode()}
    fields = bindings.from_form(urlencode(form).encode())
    refused("signature_invalid", lambda: desk().request(fields, Trace(), posted=True))


def test_a_signature_inside_a_message_by_redirect_is_refused() -> None:
    """One message, one signature: the inner one would not have been read."""
    idp = provider()
    root = idp.logout_request(SERVICE, "mia")
    security.sign(root, idp.key)
    fields = fields_of(idp, "SAMLRequest", root, posted=False)
    refused("malformed", lambda: desk().request(fields, Trace(), posted=False))


@pytest.mark.parametrize("improper", [None, "", "7"])
def test_a_request_without_an_id_of_its_own_is_refused(improper: str | None) -> None:
    """What is used once needs a name."""
    refused("malformed", lambda: asked(_set("ID", improper), posted=False))


def test_a_response_is_no_request() -> None:
    idp = provider()
    root = idp.logout_response(SERVICE, "_asked")
    fields = fields_of(idp, "SAMLRequest", root, posted=True)
    refused("malformed", lambda: desk().request(fields, Trace(), posted=True))


# -- our own side -------------------------------------------------------------------------


PROOF = SSOProof(
    organisation_id=UUID(int=1),
    session_id=UUID(int=2),
    member_id=UUID(int=3),
    name_id="mia",
    name_id_format=messages.EMAIL,
    session_index="_s1",
)


@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_our_request_names_the_session_and_is_signed(binding: str) -> None:
    letter = desk(slo_binding=binding).ask(PROOF, "_asked", "handle")
    assert letter is not None
    root = _read(letter, "SAMLRequest")
    assert root.get("ID") == "_asked"
    assert root.get("Destination") == connection().slo_url
    assert root.findtext(f"{{{SAML}}}NameID") == "mia"
    assert root.find(f"{{{SAML}}}NameID").get("Format") == messages.EMAIL
    assert root.findtext(f"{{{SAMLP}}}SessionIndex") == "_s1"


def test_a_provider_without_a_logout_address_is_not_asked() -> None:
    assert desk(slo_url=None).ask(PROOF, "_asked", "handle") is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_our_answer_says_whether_a_session_ended(known: bool, binding: str) -> None:
    letter = desk(slo_binding=binding).answer("_theirs", "relay", known=known)
    assert letter is not None
    root = _read(letter, "SAMLResponse")
    assert root.get("InResponseTo") == "_theirs"
    status = root.find(f".//{{{SAMLP}}}StatusCode").get("Value").rpartition(":")[2]
    assert status == ("Success" if known else "Requester")


def test_our_answer_goes_where_the_provider_wants_answers() -> None:
    letter = desk(slo_response_url="https://idp.example/done").answer("_t", "", known=True)
    assert letter is not None
    assert letter.address.startswith("https://idp.example/done?SAMLResponse=")


def _read(letter: bindings.Letter, name: str) -> Any:
    """Read a letter as the provider would, its signature included."""
    certificate = key("sp-new").certificate
    if letter.form is not None:
        root = etree.fromstring(unpacked(letter.form[name], posted=True))
        assert security.verified(root, certificate)
        return root
    fields = bindings.from_query(urlsplit(letter.address).query.encode())
    assert bindings.query_signature(fields, name, (certificate,))
    return etree.fromstring(unpacked(fields.values[name], posted=False))


@BINDINGS
def test_the_providers_answer_is_taken_for_our_request_alone(posted: bool) -> None:
    idp = provider()
    fields = fields_of(idp, "SAMLResponse", idp.logout_response(SERVICE, "_asked"), posted=posted)
    assert desk().response(fields, Trace(), "_asked", posted=posted)
    refused("request_mismatch", lambda: desk().response(fields, Trace(), "_o", posted=posted))
    stranger = provider(keys=[key("attacker")])
    forged = fields_of(
        stranger, "SAMLResponse", stranger.logout_response(SERVICE, "_asked"), posted=posted
    )
    refused("signature_invalid", lambda: desk().response(forged, Trace(), "_asked", posted=posted))
