"""What the library lets through: for whom, by whom, when, about whom. Each line has a good twin."""

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.domain.signin import AttributeMapping
from gateway.saml.response import Expected
from idp_fixtures.saml_idp import messages, security
from idp_fixtures.saml_idp.messages import SAML, child
from tests.clock import NOON
from tests.unit.saml.bench import (
    ADDRESSES,
    REQUEST_ID,
    accepts,
    connection,
    key,
    provider,
    recipe,
    refuses,
    response,
)

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SKEW = connection().clock_skew
ACS = ADDRESSES.acs_url
US = ADDRESSES.entity_id


def case(code: str, name: str, **says: Any) -> Any:
    return pytest.param(says, code, id=name)


@pytest.mark.parametrize(
    ("says", "code"),
    [
        case("destination_mismatch", "destination-missing", destination=None),
        case("destination_mismatch", "destination-empty", destination=""),
        case("destination_mismatch", "destination-other", destination="https://x.example/acs"),
        case("destination_mismatch", "destination-continued", destination=f"{ACS}0"),
        case("destination_mismatch", "destination-beginning", destination=ACS[:-1]),
        case("destination_mismatch", "destination-query", destination=f"{ACS}?x=1"),
        case("destination_mismatch", "destination-upper", destination=ACS.upper()),
        case("recipient_mismatch", "recipient-missing", recipient=None),
        case("recipient_mismatch", "recipient-continued", recipient=f"{ACS}0"),
        case("recipient_mismatch", "recipient-contains", recipient=f"https://x.example/?{ACS}"),
        case("recipient_mismatch", "recipient-other", recipient="https://x.example/acs"),
        case("recipient_mismatch", "holder-of-key", method=f"{messages.BEARER[:-6]}holder-of-key"),
        case("audience_mismatch", "audience-missing", audiences=()),
        case("audience_mismatch", "audience-other", audiences=(("https://x.example",),)),
        case("audience_mismatch", "audience-continued", audiences=((f"{US}0",),)),
        case("audience_mismatch", "one-restriction-of-two", audiences=((US,), ("urn:x",))),
        case("audience_mismatch", "the-other-restriction", audiences=(("urn:x",), (US,))),
        case("issuer_mismatch", "envelope-by-another", issuer="https://x.example"),
        case("issuer_mismatch", "assertion-by-another", assertion_issuer="https://x.example"),
        case("issuer_mismatch", "issuer-with-slash", assertion_issuer="https://idp.example/saml/"),
        case("malformed", "assertion-without-issuer", assertion_issuer=None),
        case("unsolicited", "envelope-answers-nothing", in_response_to=None),
        case(
            "unsolicited",
            "nothing-answers",
            in_response_to=None,
            confirmed_in_response_to=None,
        ),
        case("request_mismatch", "answers-another", in_response_to="_other"),
        case("request_mismatch", "assertion-answers-nothing", confirmed_in_response_to=None),
        case("request_mismatch", "assertion-answers-another", confirmed_in_response_to="_other"),
        case("expired", "confirmation-without-end", confirmed_until=None),
        case("expired", "confirmation-ended", confirmed_until=-SKEW),
        case("malformed", "confirmation-for-years", confirmed_until=timedelta(days=3650)),
        case("expired", "conditions-without-end", not_on_or_after=None),
        case("expired", "conditions-ended", not_on_or_after=-SKEW),
        case("malformed", "conditions-for-years", not_on_or_after=timedelta(days=3650)),
        case("not_yet_valid", "conditions-later", not_before=SKEW + S),
        case("expired", "no-conditions", conditions=False),
        case("malformed", "response-without-instant", issued=None),
        case("not_yet_valid", "response-in-future", issued=SKEW + S),
        case("expired", "response-too-old", issued=-(10 * M + SKEW + S)),
        case("malformed", "assertion-without-instant", assertion_issued=None),
        case("not_yet_valid", "assertion-in-future", assertion_issued=SKEW + S),
        case("expired", "assertion-too-old", assertion_issued=-(10 * M + SKEW + S)),
        case("malformed", "no-authn-statement", statement=False),
        case("malformed", "no-authn-instant", authenticated=None),
        case("not_yet_valid", "authn-in-future", authenticated=SKEW + S),
        case("expired", "session-ended", session_ends=-SKEW),
        case("malformed", "saml-1.1", version="1.1"),
        case("subject_missing", "no-name-id", name_id=None),
        case("subject_missing", "empty-name-id", name_id=""),
        case("subject_missing", "spaces", name_id="  "),
        case("subject_missing", "padded", name_id="mia "),
        case("subject_missing", "line-in-name", name_id="mia\nadmin"),
        case("subject_missing", "256-characters", name_id="m" * 256),
        case("subject_missing", "100000-characters", name_id="m" * 100_000),
        case("subject_transient", "transient", name_id_format=messages.TRANSIENT),
        case("provider_refused", "not-successful", status=("Responder", "AuthnFailed")),
        case("provider_refused", "success-taken-back", status=("Success", "AuthnFailed")),
        case("subject_missing", "long-session-index", session_index="i" * 256),
        case("malformed", "long-e-mail", attributes={"email": ["m" * 256]}),
        case("malformed", "e-mail-in-two-lines", attributes={"email": ["a@b.test\nc@d.test"]}),
        case("bad_groups", "group-in-two-lines", attributes={"groups": ["a\x85b"]}),
        case("bad_groups", "long-group", attributes={"groups": ["g" * 256]}),
        case(
            "bad_groups",
            "2001-groups",
            attributes={"groups": [str(x) for x in range(2001)]},
            typed=False,
        ),
    ],
)
def test_a_signed_message_that_says_something_else_is_refused(
    says: dict[str, Any], code: str
) -> None:
    both = frozenset({"response", "assertion"})
    refuses(response(**says), code)
    refuses(response(provider(signs=both), **says), code)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param({"issuer": None}, id="envelope-without-issuer"),
        pytest.param({"audiences": ((US, "urn:x"),)}, id="two-audiences"),
        pytest.param({"audiences": ((US,), ("urn:x", US))}, id="two-restrictions-with-us"),
        pytest.param({"confirmed_until": -SKEW + S}, id="confirmation-within-skew"),
        pytest.param({"not_on_or_after": -SKEW + S}, id="conditions-within-skew"),
        pytest.param({"not_before": SKEW}, id="begins-within-skew"),
        pytest.param({"not_before": None}, id="no-beginning"),
        pytest.param({"issued": SKEW, "assertion_issued": SKEW}, id="issued-within-skew"),
        pytest.param({"issued": -(10 * M + SKEW)}, id="issued-ten-minutes-ago"),
        pytest.param({"authenticated": -23 * H}, id="signed-in-at-the-provider-yesterday"),
        pytest.param({"session_ends": -SKEW + S}, id="session-ends-within-skew"),
        pytest.param({"session_index": None}, id="no-session-index"),
        pytest.param({"not_on_or_after": 24 * H, "confirmed_until": 24 * H}, id="valid-for-a-day"),
        pytest.param({"name_id": "m" * 255}, id="255-characters"),
        pytest.param({"name_id": "Мия 👩‍💻 @acme.test"}, id="any-script"),
        pytest.param({"name_id_format": None}, id="no-format"),
        pytest.param({"name_id_format": messages.EMAIL}, id="e-mail-format"),
        pytest.param({"attributes": {}}, id="no-attributes"),
        pytest.param({"attributes": {"x": ["y" * 10_000]}}, id="a-long-value-that-nobody-maps"),
        pytest.param(
            {"attributes": {"groups": ["g" * 255] + ["h"] * 3000}, "typed": False},
            id="groups-repeated",
        ),
    ],
)
def test_a_signed_message_within_the_rules_is_taken(says: dict[str, Any]) -> None:
    accepts(response(**says))


@pytest.mark.parametrize("assertion_id", ["1 2", "", "7", "a" * 256, None])
def test_an_improper_id_is_refused(assertion_id: str | None) -> None:
    idp = provider(signs=frozenset({"response"}))
    refuses(response(idp, assertion_id=assertion_id), "malformed")
    accepts(response(idp, assertion_id="a" * 255))


def test_the_skew_is_the_connections_own() -> None:
    patient = connection(clock_skew=timedelta(seconds=120))
    accepts(response(issued=120 * S, assertion_issued=120 * S), sso=patient)
    refuses(response(issued=121 * S), "not_yet_valid", sso=patient)


def _altered(change: Any) -> Any:
    """A message altered before it was signed."""
    root = messages.response(recipe())
    assertion = root.find(f"{{{SAML}}}Assertion")
    change(assertion)
    security.sign(assertion, key("idp"))
    return root


def _second_statement(assertion: Any) -> None:
    statement = assertion.find(f"{{{SAML}}}AuthnStatement")
    statement.addnext(etree.fromstring(etree.tostring(statement)))


def _unknown_condition(assertion: Any) -> None:
    child(assertion.find(f"{{{SAML}}}Conditions"), SAML, "Condition")


def _encrypted_name(assertion: Any) -> None:
    name_id = assertion.find(f".//{{{SAML}}}NameID")
    name_id.tag = f"{{{SAML}}}EncryptedID"


def _encrypted_attribute(assertion: Any) -> None:
    child(assertion.find(f"{{{SAML}}}AttributeStatement"), SAML, "EncryptedAttribute")


def _advice(assertion: Any) -> None:
    child(assertion, SAML, "Advice")


def _decision(assertion: Any) -> None:
    child(assertion, SAML, "AuthzDecisionStatement")


def _garbage_instant(assertion: Any) -> None:
    assertion.set("IssueInstant", "yesterday")


def _local_instant(assertion: Any) -> None:
    assertion.set("IssueInstant", "2026-01-05T14:00:00+02:00")


def _far_instant(assertion: Any) -> None:
    assertion.set("IssueInstant", "9999-12-31T23:59:59Z")


def _other_issuer_format(assertion: Any) -> None:
    assertion.find(f"{{{SAML}}}Issuer").set("Format", messages.PERSISTENT)


def _confirmation_later(assertion: Any) -> None:
    confirmed = assertion.find(f".//{{{SAML}}}SubjectConfirmationData")
    confirmed.set("NotBefore", messages.written(NOON + SKEW + S))


def _name_of_another(assertion: Any) -> None:
    assertion.find(f".//{{{SAML}}}NameID").set("SPNameQualifier", "https://x.example")


def _name_of_ours(assertion: Any) -> None:
    assertion.find(f".//{{{SAML}}}NameID").set("SPNameQualifier", US)


def _no_confirmation(assertion: Any) -> None:
    subject = assertion.find(f"{{{SAML}}}Subject")
    subject.remove(subject.find(f"{{{SAML}}}SubjectConfirmation"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_second_statement, "malformed"),
        (_unknown_condition, "malformed"),
        (_encrypted_name, "malformed"),
        (_encrypted_attribute, "malformed"),
        (_advice, "malformed"),
        (_decision, "malformed"),
        (_garbage_instant, "malformed"),
        (_local_instant, "malformed"),
        (_far_instant, "malformed"),
        (_other_issuer_format, "issuer_mismatch"),
        (_confirmation_later, "not_yet_valid"),
        (_no_confirmation, "recipient_mismatch"),
        (_name_of_another, "audience_mismatch"),
    ],
)
def test_a_signed_assertion_of_another_shape_is_refused(change: Any, code: str) -> None:
    refuses(_altered(change), code)


def _one_good_confirmation_of_two(assertion: Any) -> None:
    good = assertion.find(f".//{{{SAML}}}SubjectConfirmation")
    other = etree.fromstring(etree.tostring(good))
    other.find(f"{{{SAML}}}SubjectConfirmationData").set("Recipient", "https://x.example/acs")
    good.addprevious(other)


def _one_time_use(assertion: Any) -> None:
    child(assertion.find(f"{{{SAML}}}Conditions"), SAML, "OneTimeUse")


def _name_id_as_value(assertion: Any) -> None:
    value = assertion.find(f".//{{{SAML}}}AttributeValue")
    value.text = None
    child(value, SAML, "NameID", "opaque").set("Format", messages.PERSISTENT)


def _foreign_value(assertion: Any) -> None:
    value = assertion.find(f".//{{{SAML}}}AttributeValue")
    etree.SubElement(value, "{urn:example}photo").text = "x"


def _nil_value(assertion: Any) -> None:
    value = assertion.find(f".//{{{SAML}}}AttributeValue")
    value.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")


def _entity_format(assertion: Any) -> None:
    entity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
    assertion.find(f"{{{SAML}}}Issuer").set("Format", entity)


@pytest.mark.parametrize(
    "change",
    [
        _one_good_confirmation_of_two,
        _one_time_use,
        _name_id_as_value,
        _foreign_value,
        _nil_value,
        _entity_format,
        _name_of_ours,
    ],
)
def test_a_signed_assertion_within_the_grammar_is_taken(change: Any) -> None:
    accepts(_altered(change))


def test_a_fresh_proof_is_newer_than_the_request_for_it() -> None:
    expected = Expected(REQUEST_ID, asked_again_at=NOON)
    accepts(response(authenticated=-SKEW), expected=expected)
    refuses(response(authenticated=-SKEW - S), "authentication_too_old", expected=expected)


def test_an_unsolicited_message_is_taken_only_where_nothing_was_asked() -> None:
    nothing = {"in_response_to": None, "confirmed_in_response_to": None}
    accepts(response(**nothing), expected=Expected(None))
    refuses(response(), "request_mismatch", expected=Expected(None))
    half = response(in_response_to=None)
    refuses(half, "request_mismatch", expected=Expected(None))


def test_the_subject_may_be_an_attribute_with_exactly_one_value() -> None:
    own = connection(attributes=AttributeMapping(subject="employee", email="email"))
    said = {"employee": ["e1"], "email": ["mia@acme.test"]}
    taken = accepts(response(attributes=said, name_id_format=messages.TRANSIENT), sso=own)
    assert (taken.identity.subject, taken.identity.name_id) == ("e1", "mia")
    accepts(response(attributes=said, name_id=None), sso=own)
    for values in ([], ["e1", "e2"], [""]):
        refuses(response(attributes={"employee": values}), "subject_missing", sso=own)


def test_what_is_said_is_kept_whole() -> None:
    taken = accepts(response(session_ends=8 * H)).identity
    assert taken.issuer == connection().idp_entity_id
    assert (taken.email, taken.email_verified) == ("mia@acme.test", False)
    assert taken.display_name == "Mia Acme"
    assert taken.session_index is not None
    assert taken.authenticated_at == NOON - M
    assert taken.session_expires_at == NOON + 8 * H
    assert taken.attributes["lastName"] == ("Acme",)


def test_a_trace_names_every_check_and_no_secret() -> None:
    trace = refuses(response(audiences=(("https://x.example",),)), "audience_mismatch")
    assert [check.name for check in trace.checks if not check.passed] == ["audience"]
    assert "https://x.example" in trace.checks[-1].detail
    assert max(len(check.detail) for check in trace.checks) <= 255
