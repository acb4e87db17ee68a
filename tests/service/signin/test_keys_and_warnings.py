"""Keys change and certificates end without anybody being locked out."""

from datetime import timedelta
from functools import partial

import pyotp

from gateway.delivery.worker import Worker
from gateway.services import credentials, resealing, sso_connections, sso_setup, webhooks
from gateway.storage import tables as t
from gateway.storage.unit_of_work import Work
from gateway.storage.vault import Vault
from tests.clock import Clock
from tests.service.signin.lodge import VAULT, Lodge, certificate

DAY = timedelta(days=1)
OLD, NEW = b"0" * 32, b"1" * 32


def rotated(acme: Lodge, *keys: bytes) -> resealing.Resealed:
    """What `gateway keys reseal` does under these keys."""
    return acme.work.run_platform(partial(resealing.reseal, vault=Vault(keys)))


def opens(acme: Lodge, vault: Vault) -> bool:
    """Whether a connection's private key is read."""
    slug = acme.rows(t.sso_connections)[0].slug
    with acme.work.platform() as database:
        found = sso_connections.saml_by_slug(database, vault, slug)
    assert found is not None
    return found.keys[0].private_key.startswith("-----BEGIN PRIVATE KEY")


def test_after_resealing_the_old_key_may_go(acme: Lodge) -> None:
    person_id = acme.person_of("owner@acme.test")
    secret, _ = acme.person(lambda here: credentials.begin_totp(here, person_id, "Gateway"))
    oidc = {"client_id": "c", "client_secret": "top secret", "issuer": "https://idp.test"}
    acme.do(lambda uow: sso_setup.create(uow, "oidc", "Entra", "generic", **oidc))
    hook = webhooks.Receiver(name="Feed", url="https://hooks.example/x", events=())
    issued = acme.do(lambda uow: webhooks.create(uow, hook))
    acme.do(lambda uow: webhooks.rotate(uow, issued.id, DAY))
    assert rotated(acme, NEW, OLD) == resealing.Resealed(sealed_again=6, lost=0)
    assert rotated(acme, NEW, OLD) == resealing.Resealed(sealed_again=0, lost=0)
    assert opens(acme, Vault([NEW]))
    later = Work(acme.work.engines, acme.work.clock, acme.work.new_id, vault=Vault([NEW]))
    kept = Lodge(later, acme.house, acme.connection_id)
    code = pyotp.TOTP(secret).at(acme.work.clock())
    kept.person(lambda here: credentials.confirm_totp(here, person_id, code))


def test_what_no_key_opens_is_left_alone_and_counted(acme: Lodge) -> None:
    assert rotated(acme, NEW) == resealing.Resealed(sealed_again=0, lost=1)
    assert opens(acme, VAULT)


def test_a_certificates_end_is_announced_sixty_thirty_seven_and_one_day_ahead(
    acme: Lodge, clock: Clock
) -> None:
    """Each once: a fact, a mail to every administrator, and an item for their attention."""
    acme.do(lambda uow: uow.apply(t.sso_certificates.delete()))
    acme.configure(certificates=[certificate(days=61)])
    told = []
    for days in (0, 2, 1, 28, 10, 13, 6, 0, 5):
        clock.advance(days * DAY)
        Worker(acme.work, mailer=None).warn_of_certificates()
        told.append(len(acme.rows(t.audit_events, action="sso.certificate_expiring")))
    assert told == [0, 1, 1, 2, 2, 3, 4, 4, 4]
    mails = acme.rows(t.outbox, channel="mail", type="sso.certificate_expiring")
    assert sorted({x.payload["to"] for x in mails}) == ["owner@acme.test", "second@acme.test"]
    assert len(mails) == 8
    items = acme.rows(t.attention_items, kind="certificate_expiring")
    assert [(x.count, x.details["days"]) for x in items] == [(4, 1)]


def test_nobody_is_warned_of_a_disabled_connection(acme: Lodge, clock: Clock) -> None:
    acme.do(lambda uow: sso_setup.disable(uow, acme.connection_id))
    clock.advance(364 * DAY)
    Worker(acme.work, mailer=None).warn_of_certificates()
    assert acme.rows(t.audit_events, action="sso.certificate_expiring") == []
