"""Whereabouts: what is the same place to us, and how it is told in plain words."""

import pytest

from gateway.domain import whereabouts

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
ON_A_PHONE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {ON_A_PHONE}"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        pytest.param(FIREFOX, "Firefox on Linux", id="firefox"),
        pytest.param(f"{WINDOWS} {CHROMIUM}", "Chrome on Windows", id="chrome"),
        pytest.param(f"{WINDOWS} {CHROMIUM} Edg/126.0.0.0", "Edge on Windows", id="edge"),
        pytest.param(f"{WINDOWS} {CHROMIUM} OPR/111.0.0.0", "Opera on Windows", id="opera"),
        pytest.param(
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROMIUM}",
            "Chrome on Android",
            id="android",
        ),
        pytest.param(f"{IPHONE} Version/17.5 Safari/604.1", "Safari on iPhone", id="iphone"),
        pytest.param(f"{IPHONE} CriOS/126.0 Safari/604.1", "Chrome on iPhone", id="chrome-iphone"),
        pytest.param(
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) {ON_A_PHONE} Version/17.5 Safari/605.1",
            "Safari on macOS",
            id="mac",
        ),
        pytest.param("Visit https://evil.test now", "unknown browser", id="others-words-stay-away"),
        pytest.param("", "unknown browser", id="empty"),
        pytest.param(None, "unknown browser", id="none"),
        pytest.param("Windows", "unknown browser on Windows", id="a-system-alone"),
    ],
)
def test_a_user_agent_is_told_in_plain_words(user_agent: str | None, words: str) -> None:
    assert whereabouts.of(None, user_agent).agent == words


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        pytest.param("192.0.2.77", "192.0.2.…", id="ipv4"),
        pytest.param("10.0.0.9", "10.0.0.…", id="zeros-stay"),
        pytest.param("2001:db8:7:1::9", "2001:db8:7:…", id="ipv6"),
        pytest.param("::ffff:192.0.2.77", "192.0.2.…", id="ipv4-in-ipv6"),
        pytest.param("fe80::1%eth0", "fe80:…", id="with-a-zone"),
        pytest.param("nonsense", "unknown network", id="no-address"),
        pytest.param(None, "unknown network", id="none"),
    ],
)
def test_a_network_is_told_without_the_machine(ip: str | None, place: str) -> None:
    assert whereabouts.of(ip, None).place == place


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("192.0.2.1", "192.0.2.254", True, id="one-network"),
        pytest.param("192.0.2.1", "192.0.3.1", False, id="the-next-network"),
        pytest.param("2001:db8:7:1::9", "2001:db8:7:ff::1", True, id="one-site"),
        pytest.param("2001:db8:7::9", "2001:db8:8::9", False, id="another-site"),
        pytest.param("192.0.2.1", None, False, id="known-and-unknown"),
    ],
)
def test_neighbours_are_one_place(one: str, other: str | None, same: bool) -> None:
    assert (whereabouts.of(one, FIREFOX) == whereabouts.of(other, FIREFOX)) is same


def test_a_newer_version_of_a_browser_is_the_same_browser() -> None:
    newer = FIREFOX.replace("128", "131")
    assert whereabouts.of("192.0.2.1", FIREFOX) == whereabouts.of("192.0.2.1", newer)
    assert whereabouts.of("192.0.2.1", FIREFOX) != whereabouts.of("192.0.2.1", WINDOWS)
