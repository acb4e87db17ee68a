"""Metadata both ways: ours tells all keys and addresses; a provider's is read with suspicion."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.domain.errors import InvalidRequest
from gateway.saml import idp_metadata, metadata
from gateway.saml.idp_metadata import ProviderMetadata
from idp_fixtures.saml_idp import keys, security
from idp_fixtures.saml_idp.provider import MD, POST, REDIRECT, ServiceProvider
from idp_fixtures.saml_idp.security import DS
from tests.clock import NOON
from tests.unit.saml.bench import ADDRESSES, ENTITY_ID, connection, key, provider

HOUR = timedelta(hours=1)
Change = Callable[[Any], None]


def read(root: Any, entity_id: str | None = None) -> ProviderMetadata:
    raw = root if isinstance(root, bytes) else etree.tostring(root)
    return idp_metadata.parse(raw, NOON, entity_id)


def tree(**settings: Any) -> Any:
    return etree.fromstring(provider(**settings).metadata())


# -- a provider's ---------------------------------------------------------------------------


def test_a_providers_metadata_tells_all_that_is_needed() -> None:
    found = read(tree(keys=[key("idp-next"), key("idp")]))
    assert found.entity_id == ENTITY_ID
    assert (found.sso_binding, found.sso_url) == ("redirect", "https://idp.example/saml/sso")
    assert (found.slo_binding, found.slo_url) == ("redirect", "https://idp.example/saml/slo")
    assert found.certificates == (key("idp-next").certificate, key("idp").certificate)
    assert found.valid_until is None


def test_a_provider_that_only_takes_posts_will_do() -> None:
    found = read(tree(bindings=(POST,)))
    assert (found.sso_binding, found.slo_binding) == ("post", "post")


def test_a_comment_or_a_declaration_in_metadata_is_no_obstacle() -> None:
    raw = provider().metadata()
    assert read(raw.replace(b"<md:IDPSSO", b"<!-- hello --><md:IDPSSO", 1)).entity_id == ENTITY_ID


def test_metadata_is_good_until_it_says() -> None:
    later = provider().metadata(valid_until=NOON + HOUR)
    assert read(later).valid_until == NOON + HOUR
    with pytest.raises(InvalidRequest, match="expired"):
        read(provider().metadata(valid_until=NOON))


def test_one_provider_of_several_is_named() -> None:
    both = etree.Element(f"{{{MD}}}EntitiesDescriptor")
    both.append(tree())
    both.append(tree(entity_id="https://other.example"))
    with pytest.raises(InvalidRequest, match="2 such"):
        read(both)
    assert read(both, "https://other.example").entity_id == "https://other.example"
    with pytest.raises(InvalidRequest, match="0 such"):
        read(both, "https://third.example")
    twice = etree.Element(f"{{{MD}}}EntitiesDescriptor")
    twice.append(tree())
    twice.append(tree())
    with pytest.raises(InvalidRequest, match="2 such"):
        read(twice, ENTITY_ID)


def _service(name: str, **attributes: str) -> Change:
    def change(root: Any) -> None:
        for service in root.iter(f"{{{MD}}}{name}"):
            for attribute, value in attributes.items():
                service.set(attribute, value)

    return change


def _second_place(root: Any) -> None:
    service = root.find(f".//{{{MD}}}SingleSignOnService")
    other = etree.fromstring(etree.tostring(service))
    other.set("Location", "https://x.example/sso")
    service.addnext(other)


def _certificate(text: str) -> Change:
    return lambda root: setattr(root.find(f".//{{{DS}}}X509Certificate"), "text", text)


def _drop(name: str) -> Change:
    def change(root: Any) -> None:
        for node in list(root.iter(name)):
            node.getparent().remove(node)

    return change


def _second_role(root: Any) -> None:
    role = root.find(f"{{{MD}}}IDPSSODescriptor")
    role.addnext(etree.fromstring(etree.tostring(role)))


def _many_keys(root: Any) -> None:
    role = root.find(f"{{{MD}}}IDPSSODescriptor")
    for number in range(9):
        descriptor = etree.fromstring(etree.tostring(role.find(f"{{{MD}}}KeyDescriptor")))
        made = keys.ec_key(f"k{number}")
        descriptor.find(f".//{{{DS}}}X509Certificate").text = made.base64
        role.insert(0, descriptor)


def _entity(value: str) -> Change:
    return lambda root: root.set("entityID", value)


def _ended(root: Any) -> None:
    _certificate(keys.rsa_key("old", ends=NOON - HOUR).base64)(root)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_service("SingleSignOnService", Location="javascript:alert(1)"), id="script"),
        pytest.param(_service("SingleSignOnService", Location="file:///etc/passwd"), id="file"),
        pytest.param(_service("SingleSignOnService", Location="data:text/html,x"), id="data"),
        pytest.param(_service("SingleSignOnService", Location="//x.example/sso"), id="no-scheme"),
        pytest.param(_service("SingleSignOnService", Location="/sso"), id="path"),
        pytest.param(_service("SingleSignOnService", Location=""), id="empty-address"),
        pytest.param(
            _service("SingleSignOnService", Location="https://a:b@x.example/"), id="password"
        ),
        pytest.param(
            _service("SingleSignOnService", Location="https://x.example/\nSet-Cookie: a"), id="line"
        ),
        pytest.param(_service("SingleLogoutService", Location="javascript:x"), id="logout-script"),
        pytest.param(
            _service("SingleLogoutService", ResponseLocation="javascript:x"), id="answer-script"
        ),
        pytest.param(_service("SingleSignOnService", Binding=f"{REDIRECT}x"), id="no-binding"),
        pytest.param(_drop(f"{{{MD}}}SingleSignOnService"), id="no-address"),
        pytest.param(_second_place, id="two-addresses"),
        pytest.param(_second_role, id="two-roles"),
        pytest.param(_drop(f"{{{MD}}}IDPSSODescriptor"), id="no-role"),
        pytest.param(_certificate("garbage"), id="garbage-certificate"),
        pytest.param(_certificate("TUlJ"), id="no-certificate"),
        pytest.param(_certificate(""), id="empty-certificate"),
        pytest.param(_certificate(keys.rsa_key("weak", bits=1024).base64), id="weak-certificate"),
        pytest.param(_ended, id="ended-certificate"),
        pytest.param(_drop(f"{{{MD}}}KeyDescriptor"), id="no-keys"),
        pytest.param(_many_keys, id="many-keys"),
        pytest.param(_entity(""), id="no-entity-id"),
        pytest.param(_entity(" https://idp.example"), id="padded-entity-id"),
        pytest.param(_entity("e" * 1025), id="long-entity-id"),
        pytest.param(lambda root: setattr(root, "tag", f"{{{MD}}}Other"), id="another-root"),
        pytest.param(lambda root: root.set("validUntil", "soon"), id="no-instant"),
    ],
)
def test_suspicious_metadata_is_refused(change: Change) -> None:
    root = tree()
    read(root)
    change(root)
    with pytest.raises(InvalidRequest):
        read(root)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not xml",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + provider().metadata().partition(b"?>")[2],
        b"<a>" + b"x" * 1_100_000 + b"</a>",
        b"<a>" + b"<b/>" * 30_000 + b"</a>",
        provider().metadata().decode().encode("utf-16"),
    ],
    ids=["nothing", "text", "doctype", "large", "many", "utf-16"],
)
def test_what_is_no_metadata_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(raw)


def test_a_certificate_for_encryption_signs_nothing() -> None:
    root = tree()
    root.find(f".//{{{MD}}}KeyDescriptor").set("use", "encryption")
    with pytest.raises(InvalidRequest, match="signing"):
        read(root)


def test_an_ended_certificate_is_left_out_beside_a_live_one() -> None:
    live, ended = key("idp"), keys.rsa_key("old", ends=NOON - HOUR)
    assert read(tree(keys=[ended, live])).certificates == (live.certificate,)


# -- ours -----------------------------------------------------------------------------------


def test_our_metadata_tells_every_address_and_both_keys() -> None:
    document = metadata.service_provider(connection(), ADDRESSES)
    found = ServiceProvider.of(document)
    assert (found.entity_id, found.acs_url) == (ADDRESSES.entity_id, ADDRESSES.acs_url)
    assert found.logout_url == ADDRESSES.logout_url
    assert len(found.signing) == len(found.encryption) == 2
    root = etree.fromstring(document)
    assert root.find(f"{{{MD}}}SPSSODescriptor").get("AuthnRequestsSigned") == "false"
    assert root.find(f"{{{DS}}}Signature") is None


def test_our_metadata_is_signed_where_our_requests_are() -> None:
    document = metadata.service_provider(connection(sign_requests=True), ADDRESSES)
    root = etree.fromstring(document)
    assert root.find(f"{{{MD}}}SPSSODescriptor").get("AuthnRequestsSigned") == "true"
    assert security.verified(root, key("sp-new").certificate)


def test_our_metadata_offers_no_key_to_encrypt_for_where_that_is_not_taken() -> None:
    found = ServiceProvider.of(
        metadata.service_provider(connection(allow_encrypted=False), ADDRESSES)
    )
    assert found.encryption == ()


def test_our_metadata_stands_without_keys() -> None:
    found = ServiceProvider.of(metadata.service_provider(connection(keys=()), ADDRESSES))
    assert found.signing == ()
