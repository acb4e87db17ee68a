"""Google's issuer speaks for everybody: only accounts of a proved domain's Workspace come in."""

import pytest

from gateway.services import domains
from gateway.storage import tables as t
from idp_fixtures.openid_provider.accounts import Account, google
from idp_fixtures.openid_provider.hostile import TWINS
from tests.factories import house
from tests.wire.oidc.conftest import ANN, Stage


@pytest.fixture
def at_google(stage: Stage) -> Stage:
    """The same organisation, whose provider is Google."""
    stage.agree(TWINS["hosted-domain"])
    return stage


def ann(domain: str | None) -> Account:
    """Whoever says to be Ann, by an account of this Workspace or of none."""
    return google(ANN.sub, "ann@acme.test", "Ann Acme", domain=domain)


def test_an_account_of_our_workspace_comes_in(at_google: Stage) -> None:
    assert at_google.entrance(at_google.sign_in(ann("acme.test"))).member_name == "Ann"


def test_a_private_account_under_our_address_does_not(at_google: Stage) -> None:
    """Google has verified the address, and it is the provisioned user's: it is not enough."""
    at_google.lodge.configure(jit=True)
    before = at_google.counted()
    assert at_google.refusal(ann(None)) == "hosted_domain_unproved"
    assert at_google.counted() == before
    check = at_google.traces()[0]["checks"][-1]
    assert (check["name"], check["passed"]) == ("issuer", False)


def test_who_was_linked_before_is_judged_afresh(at_google: Stage) -> None:
    at_google.sign_in(ann("acme.test"))
    assert at_google.refusal(ann(None)) == "hosted_domain_unproved"
    assert at_google.refusal(ann("evil.example")) == "hosted_domain_unproved"


def test_a_domain_that_another_organisation_has_proved_is_not_ours(at_google: Stage) -> None:
    house(at_google.lodge.work, "globex")
    assert at_google.refusal(ann("globex.test")) == "hosted_domain_unproved"


def test_a_domain_counts_as_long_as_it_is_proved(at_google: Stage) -> None:
    (domain,) = at_google.lodge.rows(t.domains)
    at_google.lodge.do(lambda uow: domains.release(uow, domain.id))
    before = at_google.counted()
    assert at_google.refusal(ann("acme.test")) == "hosted_domain_unproved"
    assert at_google.counted() == before
    assert "acme.test" in str(at_google.traces()[0])
