"""Mutated valid messages and metadata: nothing crashes, nothing is taken that says something else.

500 cases of each here, 10 000 by `make fuzz` (FUZZ_CASES).
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from gateway.domain.errors import InvalidRequest
from gateway.domain.signin import AssertedIdentity
from gateway.saml import idp_metadata
from idp_fixtures.saml_idp.messages import SAML
from idp_fixtures.saml_idp.security import CBC256, DS
from tests.clock import NOON
from tests.unit.saml.bench import (
    Verdict,
    accepts,
    connection,
    encryption,
    provider,
    response,
    verdict,
)
from tests.unit.saml.mutations import mutated

CASES = int(os.environ.get("FUZZ_CASES", "500"))
LENIENT = connection(allow_cbc=True)
BOTH = frozenset({"response", "assertion"})
SIGNATURE_CHECKS = ("response_signature", "assertion_signature")


def outside_assertion(root: Any) -> list[Any]:
    """Elements of the envelope, which the assertion's signature does not cover."""
    covered = set(root.find(f"{{{SAML}}}Assertion").iter())
    return [node for node in root.iter(etree.Element) if node not in covered]


def inside_signature(root: Any) -> list[Any]:
    """Elements of the signature that say who signed, not what."""
    return list(next(root.iter(f"{{{DS}}}Signature")).iter(etree.Element))


def anywhere(root: Any) -> list[Any]:
    return list(root.iter(etree.Element))


def reaches_a_signature(found: Verdict) -> bool:
    """Whether a message got as far as its signatures."""
    return any(name in found.checks for name in SIGNATURE_CHECKS)


SEEDS: dict[str, tuple[Callable[[], Any], Callable[[Any], list[Any]]]] = {
    "assertion": (response, outside_assertion),
    "response": (lambda: response(provider(signs=frozenset({"response"}))), inside_signature),
    "both": (lambda: response(provider(signs=BOTH)), anywhere),
    "encrypted": (lambda: response(provider(encryption=encryption())), anywhere),
    "cbc": (lambda: response(provider(encryption=encryption(content=CBC256))), anywhere),
}


@pytest.mark.parametrize("kind", SEEDS)
def test_a_mutated_response_crashes_nothing_and_says_nothing_else(kind: str) -> None:
    make, unsigned = SEEDS[kind]
    honest = make()
    expected = accepts(honest, sso=LENIENT).identity
    document, reached = etree.tostring(honest), 0
    for seed in range(CASES):
        found = verdict(mutated(seed, document, unsigned), sso=LENIENT)
        reached += reaches_a_signature(found)
        if found.accepted is not None:
            # What no signature covers may differ where it means nothing: KeyInfo, blanks.
            assert found.accepted.identity == expected, seed
    assert reached >= 0.3 * CASES, "enough of them are judged by a signature"


def test_a_mutated_name_is_never_believed() -> None:
    """Changes within the assertion alone: not one of them is taken."""
    document = etree.tostring(response())
    honest: AssertedIdentity = accepts(document).identity

    def spoken(root: Any) -> list[Any]:
        assertion = root.find(f"{{{SAML}}}Assertion")
        return [x for x in assertion.iter(etree.Element) if x.tag.startswith(f"{{{SAML}}}")]

    reached = 0
    for seed in range(CASES):
        found = verdict(mutated(seed, document, spoken))
        reached += reaches_a_signature(found)
        assert found.accepted is None or found.accepted.identity == honest, seed
    assert reached >= 0.3 * CASES, "enough of them are judged by a signature"


def test_mutated_metadata_is_read_or_refused() -> None:
    document = provider().metadata()
    for seed in range(CASES):
        changed = mutated(seed, document, anywhere)
        try:
            found = idp_metadata.parse(changed, NOON)
        except InvalidRequest:
            continue
        assert found.sso_url.startswith(("http://", "https://")), seed
        assert found.certificates, seed
        assert found.entity_id, seed
