"""Where may a request of ours go?"""

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from services.kit.egress import EgressGuard

CLOSED = EgressGuard.allowing(())
OPEN = EgressGuard.allowing(("sandbox.internal", "127.0.0.1", "10.8.0.0/16", "fd00::/8"))

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "fd00:ec2::254",
    # IPv4 in the clothes of IPv6.
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
]
PUBLIC = [
    "17.188.143.34",
    "172.32.0.1",
    "142.250.1.95",
    "2607:f8b0:4004:800::200a",
    "2002:808:808::1",
    "64:ff9b::808:808",
]
PRIVATE_NETWORKS = (
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_not_inside(address: str) -> None:
    assert not CLOSED.admits_connection("push.example.com", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_to_the_public_internet(address: str) -> None:
    assert CLOSED.admits_connection("push.example.com", address)


@given(
    some.sampled_from(PRIVATE_NETWORKS).flatmap(
        lambda network: some.ip_addresses(v=4, network=network)
    )
)
def test_a_private_address_is_private_in_every_spelling(inside: ipaddress.IPv4Address) -> None:
    number = int(inside)
    spellings = [
        str(inside),
        f"::ffff:{inside}",
        f"::{inside}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
    ]

    assert not any(CLOSED.admits_connection("push.example.com", each) for each in spellings)


@given(some.ip_addresses(v=6))
def test_ipv6_outside_the_public_space_is_never_reached(address: ipaddress.IPv6Address) -> None:
    stands_for_ipv4 = address.ipv4_mapped or address in ipaddress.ip_network("64:ff9b::/96")
    assume(not stands_for_ipv4 and address not in ipaddress.ip_network("2000::/3"))

    assert not CLOSED.admits_connection("push.example.com", str(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.com/x",
        "ftp://push.example.com/x",
        "file:///etc/passwd",
        "gopher://push.example.com:70/_",
        "//push.example.com/x",
        "push.example.com",
        "",
        "https://",
        "https:///x",
        "https://user@push.example.com/",
        "https://user:word@push.example.com/",
        "https://@push.example.com/",
        "https://push.example.com:port/",
        "https://push.example.com:99999/",
        "https://[::1/",
        "https://[bad]/",
        "https://push.example.com\\@169.254.169.254/",
        "https://push.example.com\\.internal/",
        "https://push.exa\tmple.com/",
        "https://push.example.com/a b",
        "https://push.example.com/\r\nx: y",
        "https://push.example.com/\x00",
        "https://püsh.example.com/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost/",
        "http://sandbox.internal/",
    ],
)
def test_a_url_that_is_not_plainly_https_is_refused(url: str) -> None:
    assert not CLOSED.admits_url(url)


@pytest.mark.parametrize(
    "url", ["https://push.example.com/x?y=1#z", "https://[2607:f8b0::1]:443/", "HTTPS://a.example"]
)
def test_plain_https_is_looked_at_again_when_it_connects(url: str) -> None:
    assert CLOSED.admits_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://sandbox.internal:8090/",
        "http://SANDBOX.internal/",
        "http://127.0.0.1:8090/",
        "http://10.8.200.1/",
        "http://[fd00::7]/",
    ],
)
def test_http_goes_where_the_deployment_allows(url: str) -> None:
    assert OPEN.admits_url(url)


@pytest.mark.parametrize(
    ("host", "address", "admitted"),
    [
        ("sandbox.internal", "127.0.0.1", True),
        ("sandbox.internal", "192.168.7.7", True),
        ("Sandbox.Internal", "192.168.7.7", True),
        ("push.example.com", "127.0.0.1", True),
        ("push.example.com", "::ffff:127.0.0.1", True),
        ("push.example.com", "10.8.3.4", True),
        ("push.example.com", "fd00::1", True),
        ("push.example.com", "127.0.0.2", False),
        ("push.example.com", "10.9.3.4", False),
        ("not-sandbox.internal", "192.168.7.7", False),
        ("sandbox.internal.evil.example", "192.168.7.7", False),
    ],
)
def test_what_is_allowed_is_allowed_and_nothing_beside_it(
    host: str, address: str, *, admitted: bool
) -> None:
    assert OPEN.admits_connection(host, address) is admitted


@given(some.text())
def test_no_text_confuses_it(url: str) -> None:
    assert CLOSED.admits_url(url) in {True, False}
    assert not CLOSED.admits_url(f"http://{url}")
