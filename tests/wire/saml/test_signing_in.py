"""Signing in through a SAML provider over HTTP."""

from tests.wire.saml.conftest import ANN, Stage, refusal


def test_a_provisioned_person_signs_in(stage: Stage) -> None:
    browser = stage.sign_in()
    assert stage.entrance(browser).member_name == "Ann"


def test_a_message_signs_in_once(stage: Stage) -> None:
    browser = stage.browser()
    asked = stage.begin(browser)
    stage.come_back(browser, asked)
    assert refusal(stage.come_back(browser, asked, ANN)) == "attempt_used"
