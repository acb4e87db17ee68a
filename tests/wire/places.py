"""Sign-ins from somewhere else than usual, by either protocol."""

from typing import Any


def is_told_of_a_new_place(stage: Any) -> None:
    """Sign in where Ann is known and then elsewhere, twice: she hears of it, once."""
    stage.sign_in()
    stage.sign_in()
    for _ in range(2):
        browser = stage.browser()
        browser.client.environ_base |= {
            "REMOTE_ADDR": "198.51.100.7",
            "HTTP_USER_AGENT": "Firefox/1",
        }
        assert stage.come_back(browser, stage.begin(browser)).status_code == 303
    (letter,) = stage.lodge.letters("new_sign_in")
    assert letter["to"] == "ann@acme.test"
    assert "through your organisation's identity provider" in letter["text"]
    assert "Firefox" in letter["text"]
