"""Every hostile message of the simulated provider is refused, for its own reason and cheaply."""

import time

import pytest

from idp_fixtures.saml_idp.hostile import ATTACKS, EVIL, Scene
from tests.unit.saml.bench import (
    accepts,
    connection,
    encryption,
    key,
    provider,
    recipe,
    refuses,
    response,
    verdict,
)

CPU_LIMIT = 0.1
OTHER_CODES = {
    "algorithm_refused": (
        "algorithm-unknown canonicalisation-unknown digest-md5 digest-sha1 dsa-sha1 hmac-sha256 "
        "long-prefix-list rsa-md5 rsa-sha1 transform-base64 transform-not-enveloped "
        "transforms-turned-round"
    ),
    "decryption_failed": (
        "ciphertext-changed ciphertext-empty ciphertext-not-base64 ciphertext-short "
        "ciphertext-tag-changed encrypted-for-another inside-closing-tag inside-comment "
        "inside-doctype inside-encrypted-again inside-entity inside-not-xml inside-nothing "
        "inside-response inside-rsa-sha1 inside-text-too inside-too-many inside-two inside-xslt "
        "wrapped-key-changed wrapped-key-short"
    ),
    "encryption_refused": (
        "content-by-3des content-by-cbc content-type-content key-transport-rsa15 "
        "no-wrapped-key two-wrapped-keys"
    ),
    "signature_invalid": (
        "assertion-signed-by-another-in-good-envelope attribute-added inside-name-changed "
        "name-changed response-signed-by-another signature-value-empty "
        "signature-value-of-something-else signed-by-another "
        "signed-by-another-behind-our-certificate signed-by-another-without-certificate"
    ),
    "signature_missing": "inside-unsigned signature-cut-off unsigned",
}
CODES = {name: code for code, names in OTHER_CODES.items() for name in names.split()}


def scene() -> Scene:
    return Scene(provider(), recipe(), key("attacker"), encryption())


def test_the_table_names_attacks_that_exist() -> None:
    assert set(CODES) <= set(ATTACKS)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_a_hostile_message_is_refused(name: str) -> None:
    message = ATTACKS[name](scene())
    refuses(message, CODES.get(name, "malformed"))


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_a_hostile_message_costs_less_than_a_tenth_of_a_second(name: str) -> None:
    message = ATTACKS[name](scene())
    refuses(message, CODES.get(name, "malformed"))
    # The least of three: a collection of the whole test run's garbage is not the message's cost.
    assert min(_cpu(message) for _ in range(3)) < CPU_LIMIT


def _cpu(message: bytes) -> float:
    started = time.thread_time()
    verdict(message)
    return time.thread_time() - started


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_no_setting_lets_a_hostile_message_in(name: str) -> None:
    """The most lenient connection that can be set up: only CBC is then allowed."""
    lenient = connection(allow_cbc=True, idp_initiated="restart")
    found = verdict(ATTACKS[name](scene()), sso=lenient)
    if name == "content-by-cbc":
        assert found.code is None
    else:
        assert found.code is not None


def test_the_honest_message_behind_the_attacks_is_taken() -> None:
    taken = accepts(response())
    assert taken.identity.subject == "mia"
    assert taken.identity.subject != EVIL
    assert taken.identity.groups.names == ("Support", "Engineering")
