"""Which addresses a tenant may send the gateway to."""

import ipaddress

import pytest

from gateway.net.addresses import Allowed, is_public

PRIVATE = """
127.0.0.1 127.8.8.8 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254
192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8
64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1::1 2001:0:1::1 ::127.0.0.1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_no_address_of_the_house_or_hiding_one_is_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_an_operator_allows_one_port_of_one_address_and_no_other() -> None:
    allowed = Allowed.of(["127.0.0.1:8080", "[::1]:9000", "10.0.0.1"])
    loopback = ipaddress.ip_address("127.0.0.1")
    assert allowed.holds(loopback, 8080)
    assert not allowed.holds(loopback, 8081)
    assert allowed.holds(ipaddress.ip_address("::1"), 9000)
    assert allowed.holds(ipaddress.ip_address("10.0.0.1"), 1)


@pytest.mark.parametrize("entry", ["localhost:80", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000"])
def test_an_entry_that_is_no_address_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="127|localhost"):
        Allowed.of([entry])
