"""Where an address names people: only one that the provider has verified does."""

from typing import Any

import pytest

from gateway.storage import tables as t
from idp_fixtures.openid_provider.accounts import Account
from idp_fixtures.openid_provider.hostile.scenes import Attack, saying
from tests.wire.oidc.conftest import Stage

ANN = {"email": "ann@acme.test", "email_verified": True, "name": "Ann Acme"}
UNVERIFIED = pytest.mark.parametrize(
    "verified", [None, False, "true", 1, ["true"]], ids=["absent", "false", "text", "one", "list"]
)


@UNVERIFIED
def test_who_types_in_a_colleagues_address_is_not_the_colleague(
    stage: Stage, verified: Any
) -> None:
    """The presets of Google and JumpCloud name people so."""
    stage.lodge.configure(subject_claim="email")
    before = stage.counted()
    mallory = Account("mallory", {**ANN, "email_verified": verified})
    assert stage.refusal(mallory) == "email_unverified"
    assert stage.counted() == before
    stage.sign_in(Account("ann-at-google", ANN))
    assert stage.refusal(mallory) == "email_unverified"


@UNVERIFIED
def test_an_address_that_is_the_key_itself_has_to_be_verified_too(
    stage: Stage, verified: Any
) -> None:
    attributes = {"subject": "email", "email": "email", "display_name": "name", "groups": "groups"}
    stage.lodge.configure(attributes=attributes)
    assert stage.refusal(Account("mallory", {**ANN, "email_verified": verified})) == (
        "email_unverified"
    )
    stage.sign_in(Account("ann-at-google", ANN))


def test_who_is_linked_already_is_known_by_the_key_alone(stage: Stage) -> None:
    stage.lodge.configure(subject_claim="email")
    stage.sign_in(Account("ann-at-google", ANN))
    again = Account("ann-at-google", {**ANN, "email": "ann.new@acme.test", "email_verified": None})
    assert stage.entrance(stage.sign_in(again)).member_name == "Ann"
    assert len(stage.lodge.rows(t.identities)) == 1


def test_userinfo_vouches_for_its_own_address_and_for_no_other(stage: Stage) -> None:
    stage.lodge.configure(subject_claim="email", use_userinfo=True)
    account = Account("mallory", {**ANN, "email": "mallory@acme.test"})
    said: dict[str, Any] = {}
    mixed = Attack(name="mixed", says="", at={"id_token": saying(lambda _: said)})
    stage.server.site.attack = mixed
    said |= {"email": "ann@acme.test", "email_verified": None}
    assert stage.refusal(account) == "email_unverified"
    said |= {"email": None, "email_verified": True}
    assert stage.refusal(account) == "unknown_person"
    stage.sign_in(Account("ann-at-google", ANN))
